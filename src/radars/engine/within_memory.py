"""Architectures whose training holds little, by prices: where to draw from if few of all fit."""

from dataclasses import replace

from radars.cost import Additive, Constraint, Feasible, Metric
from radars.engine.problem import SearchProblem

_HALVINGS = 8
_PATH = "path"  # the memory of training a path, by prices


def path_bytes(problem: SearchProblem) -> Additive:
    """The memory of training a path, by prices: a sum, up to a constant."""
    return Additive(0.0, problem.planner.path_bytes)


def smallest_bytes(problem: SearchProblem, path: Additive) -> float:
    """The least memory of a path within the constraints, by prices."""
    small = {c: {n: -float(size) for n, size in of.items()} for c, of in path.candidates.items()}
    [smallest] = problem.feasible.best(small, problem.space.full, 1)
    return path.of(smallest)


def within_bytes(problem: SearchProblem, path: Additive, limit_bytes: float) -> Feasible:
    """The architectures within the constraints whose memory is within a bound, by prices."""
    sums = {name: Metric(metric.sums) for name, metric in problem.costs.priced.items()}
    return Feasible(
        replace(problem.costs, priced={**sums, _PATH: Metric((path,))}),
        (*problem.config.constraints, Constraint(_PATH, limit_bytes)),
        problem.space.full,
        problem.space.rules,
        problem.space.conditions,
    )


def ever_smaller(problem: SearchProblem) -> list[Feasible]:
    """The architectures within bounds from the mean memory of all down to the least there is.

    Each bound is half as far above the least as the one before.
    """
    path = path_bytes(problem)
    least_bytes = smallest_bytes(problem, path)
    mean_bytes = sum(sum(of.values()) / len(of) for of in path.candidates.values())
    above_bytes = max(0.0, mean_bytes - least_bytes)
    limits = [least_bytes + above_bytes * 0.5**halving for halving in range(1, _HALVINGS + 1)]
    return [within_bytes(problem, path, limit) for limit in (*limits, least_bytes)]
