"""`largest`: the network with the most multiply-accumulates that is allowed, trained once.

Nothing is searched: it is what constraints and budget alone give, and what a search has to beat. By
an integer program: exact where one of the first few within the constraints fits the budget. Where
none does, another program bounds their memory by prices, as much as is found to fit.
"""

from collections.abc import Iterator
from dataclasses import replace
from itertools import islice

from radars.cost import Additive, Constraint, Feasible, Metric
from radars.engine.context import SearchContext
from radars.engine.methods.child_method import ChildMethod
from radars.engine.methods.method import Found, Work
from radars.engine.problem import SearchProblem
from radars.engine.search_config import SearchConfig
from radars.space import Architecture, Subspace

_MAX_LOOKED_AT = 32  # whether one fits may take a trace of each
_NUM_TRIES = 10
_LOOKED_AT_A_TRY = 4
_PATH = "path"  # the memory of training a path, by prices


class Largest(ChildMethod):
    """See the module."""

    @classmethod
    def planned_work(cls, config: SearchConfig, full: Subspace) -> Work | None:
        """See `Method`."""
        return Work(config.children.steps)

    @property
    def number(self) -> int:
        """See `ChildMethod`."""
        return 1

    def propose(self) -> list[Architecture]:
        """See `ChildMethod`."""
        return [largest(self.context)]

    def ranked(self) -> Iterator[Found]:
        """The network, with its accuracy once it is trained."""
        yield from super().ranked()
        for architecture in self.proposed:
            yield Found(architecture, None)


def largest(context: SearchContext) -> Architecture:
    """The architecture with the most multiply-accumulates within constraints and budget."""
    feasible = context.problem.feasible
    found = _first_allowed(context, feasible, _MAX_LOOKED_AT) or _largest_by_prices(context)
    return feasible.first_holding([found] if found else [])


def _largest_by_prices(context: SearchContext) -> Architecture | None:
    """The largest that is found where memory decides: how much may be held is bisected."""
    problem = context.problem
    path = Additive(0.0, problem.planner.path_bytes)
    cheap = {c: {n: -float(size) for n, size in of.items()} for c, of in path.candidates.items()}
    [smallest] = problem.feasible.best(cheap, problem.space.full, 1)
    low, high = path.of(smallest), float(sum(max(of.values()) for of in path.candidates.values()))
    limit_bytes, best = low, None
    for _ in range(_NUM_TRIES):
        within = _bounded(problem, path, limit_bytes)
        found = _first_allowed(context, within, _LOOKED_AT_A_TRY)
        if found is None:
            high = limit_bytes
        else:
            low = limit_bytes
            best = max(best or found, found, key=lambda known: problem.costs.cost(known).macs)
        limit_bytes = (low + high) / 2
    return best


def _bounded(problem: SearchProblem, path: Additive, limit_bytes: float) -> Feasible:
    """The architectures within the constraints whose memory is within a bound, by prices."""
    sums = {name: Metric(metric.sums) for name, metric in problem.costs.priced.items()}
    return Feasible(
        replace(problem.costs, priced={**sums, _PATH: Metric((path,))}),
        (*problem.config.constraints, Constraint(_PATH, limit_bytes)),
        problem.space.full,
        problem.space.rules,
        problem.space.conditions,
    )


def _first_allowed(
    context: SearchContext, feasible: Feasible, most_looked_at: int
) -> Architecture | None:
    """The largest of the first few that fits the budget, and holds as a whole network."""
    problem = context.problem
    [macs] = problem.costs.metric("macs").sums
    ranked = islice(feasible.most_of(macs, problem.space.full), most_looked_at)
    fitting = filter(context.guard.fits, ranked)
    return next(filter(problem.feasible.holds, fitting), None)
