"""Main effects: how much each candidate adds to the accuracy of an architecture, by regression.

One accuracy with shared weights says little about its architecture; many of them say much about
each candidate, which is seen in many architectures.
"""

from collections.abc import Callable, Sequence

import numpy as np

from radars.space import Architecture, Subspace

_PENALTIES = np.logspace(-2, 3, 21)


def main_effects(
    architectures: Sequence[Architecture], accuracies: Sequence[float], subspace: Subspace
) -> dict[str, dict[str, float]]:
    """Fits accuracy as a sum over choices, by ridge regression.

    The effect of a candidate is its own, and that of each part of its name between underscores: of
    `mb6_k5` what all with `mb6` have in common, and all with `k5`, in that choice. Where a choice
    has many candidates, each is drawn a few times only, but its parts are drawn often. The penalty
    is the one with the least leave-one-out error (Golub, Heath and Wahba 1979), so that with few
    architectures and many candidates the effects shrink towards none.

    Returns:
        Choice to candidate of the subspace to its effect, in accuracy; 0 for a candidate of which
        no architecture holds any part.
    """
    from sklearn.linear_model import RidgeCV  # takes a second, which planning need not wait for

    columns = [
        (choice, holds)
        for choice, names in subspace.items()
        for holds in [*(name.__eq__ for name in names), *_parts_in_common(names)]
    ]
    held = np.array([[float(holds(a[choice])) for choice, holds in columns] for a in architectures])
    accuracy = np.array(accuracies)
    fit = RidgeCV(_PENALTIES).fit(held - held.mean(0), accuracy - accuracy.mean())
    effects = {choice: dict.fromkeys(names, 0.0) for choice, names in subspace.items()}
    for (choice, holds), effect in zip(columns, fit.coef_.tolist(), strict=True):
        for name in filter(holds, effects[choice]):
            effects[choice][name] += effect
    return effects


def _parts_in_common(names: Sequence[str]) -> list[Callable[[str], bool]]:
    """Tests for each part that some of the names have in common, but not all of them."""
    parts = dict.fromkeys(part for name in names for part in name.split("_"))

    def test_for(part: str) -> Callable[[str], bool]:
        return lambda name: part in name.split("_")

    tests = [test_for(part) for part in parts]
    return [test for test in tests if 1 < sum(map(test, names)) < len(names)]
