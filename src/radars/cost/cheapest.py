"""`cheapest`: the architecture with the least of one cost, within bounds on others."""

from collections.abc import Sequence

import numpy as np
from scipy.optimize import LinearConstraint

from radars.cost.architecture_program import ArchitectureProgram
from radars.cost.constraint import Constraint
from radars.cost.metric import Additive, Metric
from radars.space import ALWAYS, Architecture, Conditions, Keep, Subspace, best_keeping


def cheapest(
    metric: Metric,
    full: Subspace,
    bounds: Sequence[tuple[Constraint, Metric]] = (),
    rules: Sequence[Keep] = (),
    conditions: Conditions = ALWAYS,
) -> Architecture | None:
    """The architecture with the least of a cost, by its sums; None where bounds allow none.

    Args:
        metric: the cost.
        full: the whole space.
        bounds: constraints, each with its cost.
        rules: that it keeps.
        conditions: which choices are made.
    """
    if len(metric.sums) == 1 and not bounds and not metric.sums[0].terms:
        cost = metric.sums[0].candidates
        scores = {c: {n: -cost[c][n] for n in names} for c, names in full.items()}
        return best_keeping(rules, scores, full, conditions)
    bounded = [known for _, each in bounds for known in each.sums]
    # one more variable: the largest of the sums of the cost, as a part of the most that it can be
    program = ArchitectureProgram(full, [*metric.sums, *bounded], conditions, extra=1)
    most = max(map(_most, metric.sums))
    limits = [(known, 0.0, max(most, 1.0), -1.0) for known in metric.sums] + [
        (known, constraint.limit, max(constraint.limit, 1.0), 0.0)
        for constraint, each in bounds
        for known in each.sums
    ]
    for known, limit, scale, factor in limits:
        row = program.row(known) / scale
        row[len(program.pairs)] = factor
        program.rows.append(
            LinearConstraint(np.array([row]), -np.inf, (limit - known.fixed) / scale)
        )
    program.keep(rules)
    return program.solve(program.padded([0.0] * len(program.pairs), [1.0]))


def _most(known: Additive) -> float:
    """What a sum cannot exceed."""
    of_terms = sum(max(term.numbers.values(), default=0.0) for term in known.terms)
    return known.fixed + sum(max(costs.values()) for costs in known.candidates.values()) + of_terms
