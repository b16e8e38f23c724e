"""`SearchState`: how far a search is, to and from a checkpoint, whatever its method."""

from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from typing import Protocol

from radars.engine.context import SearchContext
from radars.runs.state import State, Stateful
from radars.tracking.heat_map import Preferences


@dataclass
class SearchPosition:
    """Where a search is.

    Attributes:
        round_index: the round that is running.
        phase: its phase; empty before the first.
        step: steps of the phase that are done.
        began: the seconds that were spent when the phase began.
        seconds: wall-clock time spent so far, over all sittings.
        total_steps: steps of all phases that are done.
        num_saves: checkpoints that were saved.
        is_over: whether nothing is left to do but to write the result.
        limited: phases that had a share of the time, over all rounds: to the steps that they had,
            and those that they have without a time limit.
    """

    round_index: int = 0
    phase: str = ""
    step: int = 0
    began: float = 0.0
    seconds: float = 0.0
    total_steps: int = 0
    num_saves: int = 0
    is_over: bool = False
    limited: dict[str, list[int]] = field(default_factory=dict)

    def begin(self, phase: str) -> None:
        """Begins a phase, where it has not begun yet."""
        if self.phase != phase:
            self.phase, self.step, self.began = phase, 0, self.seconds

    def end(self, planned_steps: int, *, is_limited: bool) -> None:
        """Notes how many steps a phase had, where it had a share of the time.

        Args:
            planned_steps: those that it has without a time limit.
            is_limited: whether there is one.
        """
        if is_limited:
            steps, planned = self.limited.get(self.phase, (0, 0))
            self.limited[self.phase] = [steps + self.step, planned + planned_steps]


class Watched(Stateful, Protocol):
    """What is saved and shown of a method."""

    def scalars(self) -> dict[str, float]:
        """Numbers to draw curves of."""
        ...

    def live_candidates(self, phase: str) -> tuple[int, int] | None:
        """See `Method`."""
        ...

    def preferences(self, phase: str) -> Preferences:
        """What it prefers, where it is in a phase."""
        ...


@dataclass
class SearchState:
    """The state of a search at a step boundary.

    Attributes:
        position: where it is.
        context: the streams, the memory so far, what was scored and skipped.
        method: everything that the method alone changes.
        baselines: how far the baselines are; None where there are none.
    """

    position: SearchPosition
    context: SearchContext
    method: Watched
    baselines: Stateful | None = None

    @property
    def seconds(self) -> float:
        """Wall-clock time spent so far, over all sittings."""
        return self.position.seconds

    @seconds.setter
    def seconds(self, seconds: float) -> None:
        self.position.seconds = seconds

    def state_dict(self) -> State:
        """What a checkpoint keeps.

        Raises:
            RunError: too many steps were skipped.
        """
        skipped = self.context.trainer.skipped
        skipped.settle()
        state: State = {
            "position": asdict(self.position),
            "skipped_steps": skipped.count,
            "method": self.method.state_dict(),
        }
        return state | {name: part.state_dict() for name, part in self._parts()}

    def load_state_dict(self, state: State, /) -> None:
        """Puts back what `state_dict` returned, bit for bit."""
        for name, value in state["position"].items():
            setattr(self.position, name, value)
        self.context.trainer.skipped.count = state["skipped_steps"]
        for name, part in self._parts():
            part.load_state_dict(state[name])
        self.context.guard.follow_meter()
        self.method.load_state_dict(state["method"])

    def _parts(self) -> Iterator[tuple[str, Stateful]]:
        context = self.context
        yield "train_stream", context.train_stream
        yield "validation_stream", context.validation_stream
        yield "meter", context.guard.meter
        if context.evaluator.evaluations is not None:
            yield "evaluations", context.evaluator.evaluations
        if self.baselines is not None:
            yield "baselines", self.baselines
