"""`choose_baselines`: the networks that what a search found is compared with."""

from collections.abc import Callable, Iterator, Mapping
from itertools import islice
from typing import NamedTuple

import torch

from radars.cost import Additive, Term
from radars.engine.context import SearchContext
from radars.engine.largest_allowed import largest
from radars.errors import BudgetError
from radars.seeds import stable_seed
from radars.space import Architecture

FOUND = "found"
_MOST_LOOKED_AT = 32  # whether one fits may take a trace of each
_MOST_TRIES = 20  # for each draw: several may build the same network


class NamedNetwork(NamedTuple):
    """A network, and what it is called in the table: `found`, `largest`, `random 2`."""

    name: str
    architecture: Architecture


def choose_baselines(
    context: SearchContext,
    found: Architecture,
    counts: Mapping[str, int],
    on_chosen: Callable[[], None] = lambda: None,
) -> list[NamedNetwork]:
    """What was found, and the baselines; all are within budget and constraints.

    Args:
        context: knows what is allowed.
        found: what was found.
        counts: kind of baseline to how many networks of it are wanted. There are fewer where
            there are not so many that differ, or none that is known to fit.
        on_chosen: called after each kind.
    """
    chosen = [NamedNetwork(FOUND, found)]
    for kind, count in counts.items():
        if kind == "random":
            drawn = _random(context, found, count)
            chosen += [
                NamedNetwork(f"random {index + 1}", known) for index, known in enumerate(drawn)
            ]
        else:
            known = largest(context) if kind == "largest" else _smallest(context)
            if known is not None and context.guard.fits(known):
                chosen.append(NamedNetwork(kind, known))
        on_chosen()
    return chosen


def _random(context: SearchContext, found: Architecture, count: int) -> list[Architecture]:
    """Uniform draws that build different networks, and not the one that was found."""
    seed = stable_seed(context.problem.config.seed, "baselines")
    drawn = _draws(context, torch.Generator().manual_seed(seed), count * _MOST_TRIES)
    holding = filter(context.problem.feasible.holds, drawn)
    return context.sampler.different(holding, count, [found])


def _draws(
    context: SearchContext, generator: torch.Generator, number: int
) -> Iterator[Architecture]:
    for _ in range(number):
        try:
            yield context.sampler.draw_uniform(generator)
        except BudgetError:  # of many draws none fitted
            return


def _smallest(context: SearchContext) -> Architecture | None:
    """The first of those with the fewest multiply-accumulates that fits, and holds as a whole."""
    problem = context.problem
    [macs] = problem.costs.metric("macs").sums
    ranked = islice(problem.feasible.most_of(_negative(macs), problem.space.full), _MOST_LOOKED_AT)
    fitting = filter(context.guard.fits, ranked)
    return next(filter(problem.feasible.holds, fitting), None)


def _negative(cost: Additive) -> Additive:
    """A number that is most where a cost is least."""
    return Additive(
        -cost.fixed,
        {c: {name: -value for name, value in of.items()} for c, of in cost.candidates.items()},
        tuple(
            Term(term.choices, {taken: -value for taken, value in term.numbers.items()})
            for term in cost.terms
        ),
    )
