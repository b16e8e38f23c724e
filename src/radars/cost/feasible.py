"""`Feasible`: the architectures of a space that satisfy every constraint and keep every rule.

Costs add up over choices, and so do the counts that a rule bounds, so which candidates can still be
completed to an allowed architecture is known exactly, and the best architecture for given scores is
a small integer program.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from itertools import islice

import torch

from radars.cost.architecture_program import ArchitectureProgram
from radars.cost.best_first import best_first
from radars.cost.bounded_draw import BoundedDraw
from radars.cost.cheapest import cheapest
from radars.cost.constraint import Constraint
from radars.cost.cost_table import CostTable
from radars.cost.metric import Additive
from radars.cost.plain_draw import PlainCosts, PlainDraw
from radars.cost.unsatisfiable import check_each, listed, not_together, whole_too_costly
from radars.errors import ConfigError
from radars.space import ALWAYS, Architecture, Candidate, Conditions, Keep, Subspace, UniformDraws

Scores = Mapping[str, Mapping[str, float]]
"""Choice to candidate to a number."""

Pick = Callable[[str, tuple[str, ...]], str]
"""Takes one of the candidates that are still allowed for a choice."""

_MAX_WHOLE = 32  # whole networks that are traced or measured until one holds


class Feasible:
    """The architectures that satisfy every constraint and keep every rule.

    Where sums over candidates only estimate a cost (`Metric.whole`), they decide what is drawn, and
    `holds` decides what may be returned.

    Args:
        table: what each candidate costs.
        constraints: hard upper bounds; none allows everything.
        full: the whole space.
        rules: the rules of the space.
        conditions: which choices of the space are made.

    Raises:
        ConfigError: no architecture of the space satisfies the constraints; it says what the least
            is, and which constraint to loosen.
    """

    def __init__(
        self,
        table: CostTable,
        constraints: Sequence[Constraint],
        full: Subspace,
        rules: Sequence[Keep] = (),
        conditions: Conditions = ALWAYS,
    ) -> None:
        self._rules = tuple(rules)
        self._full = full
        self._conditions = conditions
        self._draws = UniformDraws(full, conditions, self._rules)
        self._bounds = [(known, table.metric(known.metric)) for known in constraints]
        # a constraint bounds every sum of its metric, and a rule two counts
        self._sums = [
            (known, constraint.limit)
            for constraint, metric in self._bounds
            for known in metric.sums
        ]
        is_plain = not conditions and not any(known.terms for known, _ in self._sums)
        self._plain = PlainCosts.of(full, self._sums, self._rules) if is_plain else None
        check_each(self._bounds, full, self._rules, conditions)
        if constraints and not self.best({}, full, 1):
            raise not_together(self._bounds, full, self._rules, conditions)
        self._safe = self._checked_whole()

    def allows(self, architecture: Mapping[str, str]) -> bool:
        """Whether an architecture satisfies every constraint and keeps every rule."""
        return all(rule.allows(architecture) for rule in self._rules) and all(
            metric.of(architecture) <= constraint.limit for constraint, metric in self._bounds
        )

    def holds(self, architecture: Mapping[str, str]) -> bool:
        """Whether it satisfies every constraint as a whole network.

        Sums only estimate some costs; the network is then traced or measured, once.
        """
        return self.allows(architecture) and all(
            metric.holds(architecture, constraint.limit)
            for constraint, metric in self._bounds
            if metric.whole is not None
        )

    def first_holding(self, architectures: Iterable[Architecture]) -> Architecture:
        """The first of a few architectures that `holds`, or one that is known to hold."""
        for architecture in islice(architectures, _MAX_WHOLE):
            if self.holds(architecture):
                return architecture
        return self._safe or self.best({}, self._full, 1)[0]

    def sample(
        self,
        subspace: Subspace,
        pick: Pick,
        generator: torch.Generator,
        *,
        order: Sequence[str] | None = None,
    ) -> tuple[Architecture, dict[str, tuple[str, ...]]]:
        """Draws an allowed architecture choice by choice.

        A draw that nothing can complete, which several constraints together may lead to, begins
        again at the first choice. After many of them the architecture is not picked: each choice
        then had one candidate.

        Args:
            subspace: what to draw from.
            pick: takes a candidate among those that can still be completed within the constraints.
            generator: the generator of the order, and of what is not picked.
            order: the order in which the choices are drawn, each once; None for a random order.

        Returns:
            The architecture, and for each choice the candidates that `pick` had.

        Raises:
            ConfigError: no architecture of the subspace satisfies the constraints.
        """
        for _ in range(100):  # more than one try only where constraints are met one at a time
            drawn = self._sample_once(subspace, pick, order or _shuffled(subspace, generator))
            if drawn is not None:
                return drawn
        draw = torch.rand(subspace.num_candidates, generator=generator).tolist()
        scores = {choice: {n: draw.pop() for n in names} for choice, names in subspace.items()}
        for architecture in self.best(scores, subspace, 1):  # it was not picked: nothing was left
            return architecture, {choice: (name,) for choice, name in architecture.items()}
        raise ConfigError(
            f"no architecture of the subspace satisfies {listed(self._bounds)}; loosen one"
        )

    def best(self, scores: Scores, subspace: Subspace, count: int) -> list[Architecture]:
        """The first `count` architectures that `ranked` yields."""
        return list(islice(self.ranked(scores, subspace), count))

    def ranked(self, scores: Scores, subspace: Subspace) -> Iterator[Architecture]:
        """Yields the allowed architectures of a subspace by their sums of scores, best first.

        Where something bounds them, each is an integer program of its own, which excludes those
        before.

        Args:
            scores: choice to candidate to score; what is missing scores 0.
            subspace: what to choose from.
        """
        if not self._sums and not self._rules and not self._conditions:
            yield from best_first(scores, subspace)
            return
        program = self._program(subspace)
        objective = [-scores.get(c, {}).get(n, 0.0) for c, n in program.pairs]
        yield from self._allowed(program.solutions(program.padded(objective)))

    def most_of(self, cost: Additive, subspace: Subspace) -> Iterator[Architecture]:
        """Yields the allowed architectures of a subspace by a cost, the dearest first.

        Args:
            cost: what orders them.
            subspace: what to choose from.
        """
        if not cost.terms:
            yield from self.ranked(cost.candidates, subspace)
            return
        program = self._program(subspace, cost)
        yield from self._allowed(program.solutions(-program.row(cost)))

    def _program(self, subspace: Subspace, *further: Additive) -> ArchitectureProgram:
        """The allowed architectures of a subspace, where `further` costs can be asked about."""
        sums = [known for known, _ in self._sums]
        program = ArchitectureProgram(subspace, [*sums, *further], self._conditions)
        program.bound(self._sums, self._rules)
        return program

    def _allowed(self, architectures: Iterable[Architecture]) -> Iterator[Architecture]:
        """Those that are allowed indeed: the solver's tolerance may let others through."""
        return filter(self.allows, architectures)

    def _checked_whole(self) -> Architecture | None:
        """The cheapest architecture by a cost that only whole networks have exactly, if any.

        It is what a search falls back on where nothing better does; one that does not satisfy the
        constraints is refused.
        """
        safe = None
        for bound in self._bounds:
            _, metric = bound
            if metric.whole is None:
                continue
            least = cheapest(metric, self._full, self._bounds, self._rules, self._conditions)
            assert least is not None
            if not self.holds(least):
                raise whole_too_costly(bound, self._bounds, metric.whole(least))
            safe = safe or least
        return safe

    def pick_uniformly(
        self, choice: str, names: tuple[Candidate, ...], generator: torch.Generator
    ) -> Candidate:
        """A candidate, such that architectures are equally likely where nothing is bound."""
        return self._draws.candidate(choice, names, generator)

    def _sample_once(
        self, subspace: Subspace, pick: Pick, order: Sequence[str]
    ) -> tuple[Architecture, dict[str, tuple[str, ...]]] | None:
        """Draws an architecture; None where it came to a choice with nothing left."""
        draw = self._new_draw(subspace)
        allowed: dict[str, tuple[str, ...]] = {}
        for choice in self._conditions.parents_first(order):
            if draw.is_made(choice):
                allowed[choice] = draw.allowed(choice)
                if not allowed[choice]:
                    return None
                draw.take(choice, pick(choice, allowed[choice]))
        return Architecture({c: draw.taken[c] for c in subspace if c in draw.taken}), allowed

    def _new_draw(self, subspace: Subspace) -> PlainDraw | BoundedDraw:
        if self._plain is not None:
            return PlainDraw(subspace, self._plain)
        return BoundedDraw(subspace, self._conditions, self._sums, self._rules)


def _shuffled(subspace: Subspace, generator: torch.Generator) -> list[str]:
    choices = list(subspace)
    positions = torch.randperm(len(choices), generator=generator).tolist()
    return [choices[position] for position in positions]
