"""`Feasible`: the architectures of a space that satisfy every constraint.

Costs add up over choices, so which candidates can still be completed to an allowed architecture
is known exactly, and the best architecture for given scores is a small integer program.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import islice

import numpy as np
import torch
from scipy.optimize import Bounds, LinearConstraint, milp

from radars.cost.constraint import Constraint
from radars.cost.table import CostTable
from radars.errors import ConfigError
from radars.space import Architecture, Subspace

Scores = Mapping[str, Mapping[str, float]]
"""Choice to candidate to a number."""

Pick = Callable[[str, tuple[str, ...]], str]
"""Takes one of the candidates that are still allowed for a choice."""


class Feasible:
    """The architectures that satisfy every constraint.

    Args:
        table: what each candidate costs.
        constraints: hard upper bounds; none allows everything.
        full: the whole space.

    Raises:
        ConfigError: no architecture of the space satisfies the constraints.
    """

    def __init__(self, table: CostTable, constraints: Sequence[Constraint], full: Subspace) -> None:
        self._table = table
        self._constraints = tuple(constraints)
        self._full = full
        self._cost: dict[tuple[str, str], tuple[int, ...]] = {
            (choice, name): tuple(c.value(table.candidates[choice][name]) for c in constraints)
            for choice, names in full.items()
            for name in names
        }
        self._room = [c.limit - c.value(table.fixed) for c in self._constraints]
        for index, constraint in enumerate(self._constraints):
            least = sum(self._least(full, choice)[index] for choice in full)
            if least > self._room[index]:
                raise ConfigError(
                    f"no architecture of the space satisfies {constraint}: the least is "
                    f"{least + constraint.value(table.fixed):,}; loosen it"
                )
        if constraints and not self.best({}, full, 1):
            raise ConfigError(
                f"no architecture of the space satisfies {' and '.join(map(str, constraints))} "
                f"together; loosen one"
            )

    def allows(self, architecture: Mapping[str, str]) -> bool:
        """Whether an architecture satisfies every constraint."""
        cost = self._table.cost(architecture)
        return all(constraint.allows(cost) for constraint in self._constraints)

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
            generator: of the order, and of what is not picked.
            order: in which the choices are drawn, each once; None for a random order.

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
            f"no architecture of the subspace satisfies "
            f"{' and '.join(map(str, self._constraints))}; loosen one"
        )

    def best(self, scores: Scores, subspace: Subspace, count: int) -> list[Architecture]:
        """The first `count` architectures that `ranked` yields."""
        return list(islice(self.ranked(scores, subspace), count))

    def ranked(self, scores: Scores, subspace: Subspace) -> Iterator[Architecture]:
        """Yields the allowed architectures of a subspace by their sums of scores, best first.

        Each is an integer program of its own, which excludes those before.

        Args:
            scores: choice to candidate to score; what is missing scores 0.
            subspace: what to choose from.
        """
        pairs = [(choice, name) for choice, names in subspace.items() for name in names]
        objective = -np.array([scores.get(c, {}).get(n, 0.0) for c, n in pairs])
        one_each = np.array([[float(c == choice) for c, _ in pairs] for choice in subspace])
        rows = [LinearConstraint(one_each, 1, 1)]
        if self._constraints:
            cost = np.array([self._cost[pair] for pair in pairs], dtype=float).T
            scale = np.maximum(np.abs(np.array(self._room)), 1.0)  # or the solver's tolerance rules
            rows.append(LinearConstraint(cost / scale[:, None], -np.inf, self._room / scale))
        for _ in range(subspace.num_architectures):
            solution = milp(
                objective,
                constraints=rows,
                integrality=np.ones(len(pairs)),
                bounds=Bounds(0, 1),
                options={"mip_rel_gap": 0.0},  # by default the second best would do
            )
            if solution.x is None:
                return
            taken = np.round(solution.x)
            architecture = Architecture(
                {c: n for (c, n), x in zip(pairs, taken, strict=True) if x > 0}
            )
            rows.append(LinearConstraint(taken[None], -np.inf, len(subspace) - 1))
            if self.allows(architecture):  # the solver's tolerance may let one through
                yield architecture

    def _sample_once(
        self, subspace: Subspace, pick: Pick, order: Sequence[str]
    ) -> tuple[Architecture, dict[str, tuple[str, ...]]] | None:
        least = {choice: self._least(subspace, choice) for choice in subspace}
        room = [
            limit - sum(least[choice][index] for choice in subspace)
            for index, limit in enumerate(self._room)
        ]
        taken: dict[str, str] = {}
        allowed: dict[str, tuple[str, ...]] = {}
        for choice in order:
            allowed[choice] = tuple(
                name
                for name in subspace[choice]
                if all(
                    self._cost[choice, name][index] - least[choice][index] <= left
                    for index, left in enumerate(room)
                )
            )
            if not allowed[choice]:
                return None
            taken[choice] = pick(choice, allowed[choice])
            room = [
                left - self._cost[choice, taken[choice]][index] + least[choice][index]
                for index, left in enumerate(room)
            ]
        return Architecture({choice: taken[choice] for choice in subspace}), allowed

    def _least(self, subspace: Subspace, choice: str) -> tuple[float, ...]:
        costs = [self._cost[choice, name] for name in subspace[choice]]
        return tuple(min(column) for column in zip(*costs, strict=True))


def _shuffled(subspace: Subspace, generator: torch.Generator) -> list[str]:
    choices = list(subspace)
    positions = torch.randperm(len(choices), generator=generator).tolist()
    return [choices[position] for position in positions]
