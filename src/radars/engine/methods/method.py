"""`Method`: one way to search. All are given the same, and leave the same."""

from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, ClassVar, NamedTuple

from radars.engine.context import SearchContext
from radars.engine.largest_allowed import large
from radars.engine.method_config import Checked
from radars.engine.policies.policy import Policy
from radars.engine.search_config import SearchConfig
from radars.engine.search_observer import SearchObserver
from radars.errors import ConfigError
from radars.runs.state import State
from radars.space import Architecture, SearchSpace, Subspace
from radars.tracking.heat_map import Preferences


class Found(NamedTuple):
    """An architecture.

    Attributes:
        architecture: itself.
        accuracy: what it reached on the validation part, where it was scored.
        by_size: whether size alone speaks for it, as a search had nothing to go by when it ended.
    """

    architecture: Architecture
    accuracy: float | None
    by_size: bool = False


class Work(NamedTuple):
    """How much a search trains, where time is not limited.

    Attributes:
        path_steps: training steps of one architecture.
        supernet_steps: iterations of differentiating a subspace.
        is_whole: whether that is the whole space, whatever a plan would keep.
        scored_batches: validation batches that rewards score a path on.
    """

    path_steps: int
    supernet_steps: int = 0
    is_whole: bool = False
    scored_batches: int = 0


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

    What a method changes is in `state_dict`, complete after each step, and where it is in
    `observer.position` (phase, round, step): a search goes on from there bit for bit.

    Attributes:
        settings_class: the class of the settings that the method alone has, under its name in a
            configuration; None where it has none.
        needs_mixtures: whether it searches modular spaces only (`SearchSpace.is_modular`).

    Args:
        context: the problem, and what there is to work with.
    """

    settings_class: ClassVar[type[Checked] | None] = None
    needs_mixtures: ClassVar[bool] = False

    def __init__(self, context: SearchContext) -> None:
        self.context = context
        self.problem = context.problem
        self.config = context.problem.config

    @classmethod
    def check_space(cls, proxy: SearchSpace, config: SearchConfig) -> None:
        """Checks that the method can search a space.

        Raises:
            ConfigError: it cannot.
        """
        if cls.needs_mixtures and not proxy.is_modular:
            raise ConfigError(
                f"{config.method} mixes the candidates of each choice where they stand, but "
                f"choices of {proxy.name!r} are of values, or made inside others; use --method "
                f"radars, "
                f"which relaxes these, or one that trains single paths or children"
            )

    @classmethod
    def adapted(cls, proxy: SearchSpace, config: SearchConfig) -> SearchSpace:
        """The space that the method trains, where it is not the proxy as it is."""
        return proxy

    @classmethod
    def new_policy(cls, full: Subspace, config: SearchConfig) -> Policy | None:
        """The policy that its rewards update, at its start; None where it has none."""
        return None

    @classmethod
    def policy_batch(cls, config: SearchConfig) -> int:
        """How many draws its policy learns from at a time."""
        return 1

    @classmethod
    def planned_work(cls, config: SearchConfig, full: Subspace) -> Work | None:
        """How much it trains in a space; None where that is not known."""
        return None

    @classmethod
    def is_second_order(cls, config: SearchConfig) -> bool:
        """Whether its architecture steps take the virtual step of DARTS, which holds more."""
        return False

    def check_memory(self) -> None:  # noqa: B027 - most methods hold one path at a time
        """Checks that the method's own steps fit, where they hold more than one path.

        Raises:
            BudgetError: they do not; it says what they need.
        """

    @abstractmethod
    def run(self, observer: SearchObserver) -> Found:
        """Runs what is left.

        Args:
            observer: told of every step; saves the state, and stops the search by raising.
        """

    @abstractmethod
    def ranked(self) -> Iterator[Found]:
        """Yields what it would return if it had to end now, best first; all within constraints.

        Nothing where nothing was scored yet, and nothing was learned that ranks architectures.
        """

    def proposed_by(self, architecture: Architecture) -> str | None:
        """The part of the search that proposed an architecture first; None where it has no parts.

        Args:
            architecture: one of `ranked` that was scored.
        """
        return None

    def best_so_far(self) -> Found:
        """The first of `ranked` that satisfies the constraints as a whole network.

        Where none of many does, it is one that is known to. Where there is none yet, a large one:
        of rankers, size alone takes no time.
        """
        if next(self.ranked(), None) is None:
            return Found(large(self.context), None, by_size=True)
        accuracies: dict[Architecture, float | None] = {}

        def architectures() -> Iterator[Architecture]:
            for architecture, accuracy, _ in self.ranked():
                accuracies.setdefault(architecture, accuracy)
                yield architecture

        best = self.problem.feasible.first_holding(architectures())
        return Found(best, accuracies.get(best))

    def by_reward(self, scored: Iterable[Scored]) -> list[Scored]:
        """Sorted by accuracy and soft targets, best first; the first among equals."""
        return sorted(scored, key=lambda entry: self.context.reward(*entry), reverse=True)

    def ranked_of(self, scored: Iterable[Scored]) -> Iterator[Found]:
        """Yields what was scored, best first."""
        return (Found(*entry) for entry in self.by_reward(scored))

    @abstractmethod
    def state_dict(self) -> State:
        """What a checkpoint keeps."""

    @abstractmethod
    def load_state_dict(self, state: State, /) -> None:
        """Puts back what `state_dict` returned."""

    def release(self) -> None:  # noqa: B027 - most methods hold nothing when they are over
        """Frees what it holds of the device, when it is over and other networks are trained."""

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
