"""`Method`: one way to search. All are given the same, and leave the same."""

from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, NamedTuple

from torch import Tensor

from radars.engine.search_observer import Observer
from radars.engine.search_setup import SearchSetup
from radars.engine.workbench import Workbench
from radars.engine.workers import Workers
from radars.nn.memory_saving.disk_offload import DiskOffload
from radars.space import Architecture, Subspace
from radars.tracking.heat_map import Preferences


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

    Attributes:
        workers: who does what can be done elsewhere; None for nobody.

    Args:
        setup: the configuration, and what was made from it.
        bench: data, memory, constraints.
        disk: for weights that the host has no room for; None keeps them all in memory.
    """

    def __init__(
        self, setup: SearchSetup, bench: Workbench, disk: DiskOffload | None = None
    ) -> None:
        self.setup = setup
        self.config = setup.config
        self.bench = bench
        self.workers: Workers | None = None

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

    @abstractmethod
    def ranked(self) -> Iterator[Found]:
        """Yields what it would return if it had to end now, best first; all within constraints."""

    def best_so_far(self) -> Found:
        """The first of `ranked` that satisfies the constraints as a whole network.

        Where none of many does, or there is none yet, it is one that is known to.
        """
        accuracies: dict[Architecture, float | None] = {}

        def architectures() -> Iterator[Architecture]:
            for architecture, accuracy in self.ranked():
                accuracies.setdefault(architecture, accuracy)
                yield architecture

        best = self.bench.feasible.first_holding(architectures())
        return Found(best, accuracies.get(best))

    def by_reward(self, scored: Iterable[Scored]) -> list[Scored]:
        """Sorted by accuracy and soft targets, best first; the first among equals."""
        return sorted(scored, key=lambda entry: self.bench.reward(*entry), reverse=True)

    def ranked_of(self, scored: Iterable[Scored]) -> Iterator[Found]:
        """Yields what was scored, best first."""
        return (Found(*entry) for entry in self.by_reward(scored))

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

    def live_candidates(self, phase: str) -> tuple[int, int] | None:
        """Among how many candidates it searches, of how many; None where it never prunes.

        Args:
            phase: the one that it is in.
        """
        return None

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
