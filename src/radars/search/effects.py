"""Main effects: how much each candidate adds to the accuracy of an architecture, by regression.

One accuracy with shared weights says little about its architecture; many of them say much about
each candidate, which is seen in many architectures.
"""

from collections.abc import Sequence

import numpy as np
from sklearn.linear_model import RidgeCV

from radars.space import Architecture, Subspace

_PENALTIES = np.logspace(-2, 3, 21)


def main_effects(
    architectures: Sequence[Architecture], accuracies: Sequence[float], subspace: Subspace
) -> dict[str, dict[str, float]]:
    """Fits accuracy as a sum over choices, by ridge regression.

    The penalty is the one with the least leave-one-out error (Golub, Heath and Wahba 1979), so
    that with few architectures and many candidates the effects shrink towards none.

    Returns:
        Choice to candidate of the subspace to its effect, in accuracy; of a candidate that no
        architecture holds, 0.
    """
    columns = [(choice, name) for choice, names in subspace.items() for name in names]
    held = np.array([[float(a[choice] == name) for choice, name in columns] for a in architectures])
    accuracy = np.array(accuracies)
    fit = RidgeCV(_PENALTIES).fit(held - held.mean(0), accuracy - accuracy.mean())
    effects: dict[str, dict[str, float]] = {choice: {} for choice in subspace}
    for (choice, name), effect in zip(columns, fit.coef_.tolist(), strict=True):
        effects[choice][name] = effect
    return effects
