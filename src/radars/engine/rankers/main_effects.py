"""Main effects: how much each candidate adds to the accuracy of an architecture, by regression.

Shapes: N architectures, P columns, K of these whichever are fewer.

One accuracy with shared weights says little about its architecture; many of them say much about
each candidate, which is seen in many architectures.
"""

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from radars.space import Architecture, Subspace

Numbers = NDArray[np.float64]

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
    columns = [
        (choice, holds)
        for choice, names in subspace.items()
        for holds in [*(name.__eq__ for name in names), *_parts_in_common(names)]
    ]
    held = np.array([[float(holds(a[choice])) for choice, holds in columns] for a in architectures])
    accuracy = np.array(accuracies)
    fitted = _ridge(held - held.mean(0), accuracy - accuracy.mean())
    effects = {choice: dict.fromkeys(names, 0.0) for choice, names in subspace.items()}
    for (choice, holds), effect in zip(columns, fitted.tolist(), strict=True):
        for name in filter(holds, effects[choice]):
            effects[choice][name] += effect
    return effects


def _ridge(centred_NP: Numbers, target_N: Numbers) -> Numbers:
    """Ridge regression of N centred targets on P centred columns: the coefficients (P,).

    Without example i, its error would be e_i / (1 - h_i), where e are the errors of the fit to all,
    and h is the diagonal of the matrix that makes fitted values of targets; centring adds 1 / N.
    """
    num_examples, num_columns = centred_NP.shape
    is_wide = num_examples <= num_columns  # then X X' is the smaller one to take apart
    square = centred_NP @ centred_NP.T if is_wide else centred_NP.T @ centred_NP
    eigenvalue_K, vector_KK = np.linalg.eigh(square)
    best: tuple[float, Numbers] | None = None
    for penalty in _PENALTIES:
        inverse_K = 1.0 / (eigenvalue_K + penalty)
        if is_wide:
            dual_N = vector_KK @ (inverse_K * (vector_KK.T @ target_N))
            coefficient_P = centred_NP.T @ dual_N
            error_N, rest_N = penalty * dual_N, penalty * (inverse_K * vector_KK**2).sum(1)
        else:
            inverse = (vector_KK * inverse_K) @ vector_KK.T
            coefficient_P = inverse @ (centred_NP.T @ target_N)
            error_N = target_N - centred_NP @ coefficient_P
            rest_N = 1.0 - (centred_NP @ inverse * centred_NP).sum(1)
        loss = float(np.mean((error_N / (rest_N - 1.0 / num_examples)) ** 2))
        if best is None or loss < best[0]:
            best = loss, coefficient_P
    assert best is not None
    return best[1]


def _parts_in_common(names: Sequence[str]) -> list[Callable[[str], bool]]:
    """Tests for each part that some of the names have in common, but not all of them."""
    parts = dict.fromkeys(part for name in names for part in name.split("_"))

    def test_for(part: str) -> Callable[[str], bool]:
        return lambda name: part in name.split("_")

    tests = [test_for(part) for part in parts]
    return [test for test in tests if 1 < sum(map(test, names)) < len(names)]
