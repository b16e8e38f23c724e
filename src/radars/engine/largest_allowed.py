"""`largest`: the largest architecture within constraints and budget, which size says is best."""

from itertools import islice

from radars.cost import Feasible
from radars.engine.context import SearchContext
from radars.engine.within_memory import path_bytes, smallest_bytes, within_bytes
from radars.space import Architecture

_MAX_LOOKED_AT = 32  # whether one fits may take a trace of each
_NUM_TRIES = 10
_LOOKED_AT_A_TRY = 4
_TRIES_IN_HASTE = 4


def largest(context: SearchContext) -> Architecture:
    """The architecture with the most multiply-accumulates within constraints and budget."""
    feasible = context.problem.feasible
    found = _first_allowed(context, feasible, _MAX_LOOKED_AT) or _largest_by_prices(context)
    return feasible.first_holding([found] if found else [])


def large(context: SearchContext) -> Architecture:
    """A large architecture within constraints and budget, found with a few traces.

    For where nothing was scored, and no time is left.
    """
    found = _first_allowed(context, context.problem.feasible, 1)
    found = found or _largest_by_prices(context, _TRIES_IN_HASTE, looked_at=1)
    return context.problem.feasible.first_holding([found] if found else [])


def _largest_by_prices(
    context: SearchContext, num_tries: int = _NUM_TRIES, looked_at: int = _LOOKED_AT_A_TRY
) -> Architecture | None:
    """The largest that is found where memory decides: how much may be held is bisected."""
    problem = context.problem
    path = path_bytes(problem)
    low = smallest_bytes(problem, path)
    high = float(sum(max(of.values()) for of in path.candidates.values()))
    limit_bytes, best = low, None
    for _ in range(num_tries):
        within = within_bytes(problem, path, limit_bytes)
        found = _first_allowed(context, within, looked_at)
        if found is None:
            high = limit_bytes
        else:
            low = limit_bytes
            best = max(best or found, found, key=lambda known: problem.costs.cost(known).macs)
        limit_bytes = (low + high) / 2
    return best


def _first_allowed(
    context: SearchContext, feasible: Feasible, most_looked_at: int
) -> Architecture | None:
    """The largest of the first few that fits the budget, and holds as a whole network."""
    problem = context.problem
    [macs] = problem.costs.metric("macs").sums
    ranked = islice(feasible.most_of(macs, problem.space.full), most_looked_at)
    fitting = filter(context.guard.fits, ranked)
    return next(filter(problem.feasible.holds, fitting), None)
