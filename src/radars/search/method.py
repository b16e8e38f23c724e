"""`Method`: one way to search. All are given the same, and leave the same."""

from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from torch import Tensor

from radars.nn.shelf import Shelf
from radars.search.observer import Observer
from radars.search.setup import SearchSetup
from radars.search.state import Preferences
from radars.search.workbench import Workbench
from radars.space import Architecture, Subspace


class Found(NamedTuple):
    """An architecture, and its validation accuracy where it has one."""

    architecture: Architecture
    accuracy: float | None


Scored = tuple[Architecture, float]
"""An architecture, and its validation accuracy."""


def scored_values(scored: Iterable[Scored]) -> list[list[Any]]:
    """As plain values of a checkpoint."""
    return [[dict(architecture), accuracy] for architecture, accuracy in scored]


def scored_of(values: Iterable[Iterable[Any]]) -> list[Scored]:
    """What `scored_values` was given."""
    return [(Architecture(known), accuracy) for known, accuracy in values]


class Method(ABC):
    """A search from its start, or from where a checkpoint left it.

    What a method changes is in `tensors` and `values`, complete after each step, and where it is in
    `observer.state` (phase, round, step): a search goes on from there bit for bit.

    Args:
        setup: the configuration, and what was made from it.
        bench: data, memory, constraints.
        shelf: for weights that the host has no room for; None keeps them all in memory.
    """

    def __init__(self, setup: SearchSetup, bench: Workbench, shelf: Shelf | None = None) -> None:
        self.setup = setup
        self.config = setup.config
        self.bench = bench

    def check_memory(self) -> None:  # noqa: B027 - most methods hold one path at a time
        """Checks that the method's own steps fit, where they hold more than one path.

        Raises:
            BudgetError: they do not; it says what they need.
        """

    @abstractmethod
    def run(self, observer: Observer) -> Found:
        """Runs what is left.

        Args:
            observer: told of every step; saves the state, and stops the search by raising.
        """

    def best_of(self, scored: Sequence[Scored]) -> Found:
        """The most accurate, or any architecture within the constraints where there is none."""
        if not scored:
            [first] = self.bench.feasible.best({}, self.setup.proxy.full, 1)
            return Found(first, None)
        return Found(*max(scored, key=lambda entry: entry[1]))

    @abstractmethod
    def best_so_far(self) -> Found:
        """What it would return if it had to end now."""

    @abstractmethod
    def tensors(self) -> dict[str, Tensor]:
        """The tensors of a checkpoint."""

    @abstractmethod
    def values(self) -> dict[str, Any]:
        """The plain values of a checkpoint."""

    @abstractmethod
    def load(self, tensors: Mapping[str, Tensor], values: Mapping[str, Any]) -> None:
        """Puts back what `tensors` and `values` returned."""

    def scalars(self) -> dict[str, float]:
        """Numbers to draw curves of."""
        return {}

    def preferences(self, phase: str) -> Preferences:
        """What it prefers, for a report; nothing where it has no such thing.

        Args:
            phase: the one that it is in.
        """
        return {}


def preferences_of(full: Subspace, live: Mapping[str, Mapping[str, float]]) -> Preferences:
    """The probabilities of live candidates, among all."""
    return {
        choice: {name: live[choice].get(name) for name in names} for choice, names in full.items()
    }
