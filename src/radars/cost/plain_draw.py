"""`PlainDraw`: an architecture choice by choice, where every cost is a sum over single choices.

What is left to choose adds the least that it can. With one bound a draw never ends where nothing is
left; with several it may, as they may not have their least together.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Self

from radars.cost.bounded_draw import Bounded
from radars.space import Candidate, Keep, Subspace

Amounts = tuple[float, ...]
"""What is added to each number that is bounded: each cost, and two counts of each rule."""


@dataclass(frozen=True)
class PlainCosts:
    """What candidates add to the numbers that are bounded.

    Attributes:
        added: choice and candidate to what it adds.
        room: the most that all choices together may add.
    """

    added: Mapping[tuple[str, Candidate], Amounts]
    room: Amounts

    @classmethod
    def of(cls, full: Subspace, bounds: Sequence[Bounded], rules: Sequence[Keep]) -> Self:
        """Those of a space.

        Args:
            full: the whole space.
            bounds: the bounds on costs, which have no terms.
            rules: that are kept.
        """
        added: dict[tuple[str, Candidate], Amounts] = {
            (choice, name): (
                *(known.candidates[choice][name] for known, _ in bounds),
                *(count for rule in rules for count in rule.counts(choice, name)),
            )
            for choice, names in full.items()
            for name in names
        }
        room = [limit - known.fixed for known, limit in bounds]
        return cls(added, (*room, *(limit for rule in rules for limit in rule.limits)))

    def least(self, subspace: Subspace, choice: str) -> Amounts:
        """The least that a choice adds to each number, whichever candidate that is."""
        columns = zip(*(self.added[choice, name] for name in subspace[choice]), strict=True)
        return tuple(min(column) for column in columns)


class PlainDraw:
    """One draw; used as `BoundedDraw` is.

    Args:
        subspace: what to draw from.
        costs: the costs of the whole space.

    Attributes:
        taken: choice to what it took.
    """

    def __init__(self, subspace: Subspace, costs: PlainCosts) -> None:
        self.taken: dict[str, Candidate] = {}
        self._subspace = subspace
        self._added = costs.added
        self._least = {choice: costs.least(subspace, choice) for choice in subspace}
        self._room = [
            limit - sum(self._least[choice][index] for choice in subspace)
            for index, limit in enumerate(costs.room)
        ]

    def allowed(self, choice: str) -> tuple[Candidate, ...]:
        """The candidates of a choice with which each bound may still be kept."""
        least = self._least[choice]
        return tuple(
            name
            for name in self._subspace[choice]
            if all(
                self._added[choice, name][index] - least[index] <= left
                for index, left in enumerate(self._room)
            )
        )

    def take(self, choice: str, name: Candidate) -> None:
        """Takes a candidate."""
        self.taken[choice] = name
        self._room = [
            left - self._added[choice, name][index] + self._least[choice][index]
            for index, left in enumerate(self._room)
        ]

    def is_made(self, choice: str) -> bool:
        """Every choice is made."""
        return choice in self._subspace
