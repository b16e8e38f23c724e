"""`cheapest`: the architecture with the least of one cost, within bounds on others."""

from collections.abc import Sequence

import numpy as np
from scipy.optimize import LinearConstraint

from radars.cost.constraint import Constraint
from radars.cost.metric import Metric
from radars.cost.program import solve
from radars.space import Architecture, Keep, Subspace, best_keeping


def cheapest(
    metric: Metric,
    full: Subspace,
    bounds: Sequence[tuple[Constraint, Metric]] = (),
    rules: Sequence[Keep] = (),
) -> Architecture | None:
    """The architecture with the least of a cost, by its sums; None where bounds allow none.

    Args:
        metric: the cost.
        full: the whole space.
        bounds: constraints, each with its cost.
        rules: that it keeps.
    """
    if len(metric.sums) == 1 and not bounds:
        cost = metric.sums[0].candidates
        scores = {c: {n: -cost[c][n] for n in names} for c, names in full.items()}
        return best_keeping(rules, scores, full)
    pairs = [(choice, name) for choice, names in full.items() for name in names]
    rows = [one_each(pairs, full, extra=1)]
    # one more variable: the largest of the sums of the cost, as a part of the most that it can be
    most = max(
        known.fixed + sum(max(costs.values()) for costs in known.candidates.values())
        for known in metric.sums
    )
    limits = [(known, 0.0, max(most, 1.0), -1.0) for known in metric.sums] + [
        (known, constraint.limit, max(constraint.limit, 1.0), 0.0)
        for constraint, bounded in bounds
        for known in bounded.sums
    ]
    for known, limit, scale, factor in limits:
        row = [known.candidates[c][n] / scale for c, n in pairs] + [factor]
        rows.append(LinearConstraint(np.array([row]), -np.inf, (limit - known.fixed) / scale))
    for rule in rules:
        counts = np.array([[*rule.counts(c, n)] for c, n in pairs] + [[0, 0]])
        rows.append(LinearConstraint(counts.T, -np.inf, rule.limits))
    solution = solve(
        np.array([0.0] * len(pairs) + [1.0]),
        rows,
        integrality=[1] * len(pairs) + [0],
        most=[1.0] * len(pairs) + [np.inf],
    )
    if solution is None:
        return None
    taken = zip(pairs, solution[:-1], strict=True)
    return Architecture({choice: name for (choice, name), x in taken if x > 0.5})


def one_each(
    pairs: Sequence[tuple[str, str]], subspace: Subspace, extra: int = 0
) -> LinearConstraint:
    """Each choice takes one candidate.

    Args:
        pairs: choice and candidate of each variable.
        subspace: the choices.
        extra: variables behind those, which are not bounded.
    """
    taken = [[float(c == choice) for c, _ in pairs] + [0.0] * extra for choice in subspace]
    return LinearConstraint(np.array(taken), 1, 1)
