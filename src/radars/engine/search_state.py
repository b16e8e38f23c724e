"""`SearchState`: how far a search is, to and from a checkpoint, whatever its method."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, Protocol

from torch import Tensor

from radars.data import BatchStream
from radars.engine.evaluations import Evaluations
from radars.engine.memory_meter import MemoryMeter
from radars.memory import Planner
from radars.runs.skipped import SkippedSteps
from radars.tracking.heat_map import Preferences


class Stateful(Protocol):
    """What has a state of tensors and plain values; a search's method."""

    def tensors(self) -> dict[str, Tensor]:
        """The tensors of a checkpoint."""
        ...

    def values(self) -> dict[str, Any]:
        """The plain values of a checkpoint."""
        ...

    def load(self, tensors: Mapping[str, Tensor], values: Mapping[str, Any]) -> None:
        """Puts back what `tensors` and `values` returned."""
        ...

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
        method: everything that the method alone changes.
        train_stream: training batches.
        validation_stream: validation batches.
        meter: the memory so far.
        skipped: the steps that were skipped.
        evaluations: what was scored, for a front; None where none is asked for.
        round_index: the round that is running.
        phase: its phase; empty before the first.
        step: steps of the phase that are done.
        seconds: wall-clock time spent so far, over all sittings.
        total_steps: steps of all phases that are done.
        num_saves: checkpoints that were saved.
        is_over: whether nothing is left to do but to write the result.
    """

    method: Stateful
    train_stream: BatchStream
    validation_stream: BatchStream
    meter: MemoryMeter
    skipped: SkippedSteps
    evaluations: Evaluations | None = None
    round_index: int = 0
    phase: str = ""
    step: int = 0
    seconds: float = 0.0
    total_steps: int = 0
    num_saves: int = 0
    is_over: bool = False

    def begin(self, phase: str) -> None:
        """Begins a phase, where it has not begun yet."""
        if self.phase != phase:
            self.phase, self.step = phase, 0

    def tensors(self) -> dict[str, Tensor]:
        """The tensors of a checkpoint."""
        return (
            named("method", self.method.tensors())
            | named("train", self.train_stream.state_dict())
            | named("validation", self.validation_stream.state_dict())
        )

    def values(self) -> dict[str, Any]:
        """The plain values of a checkpoint.

        Raises:
            RunError: too many steps were skipped.
        """
        self.skipped.settle()
        counters = {name: getattr(self, name) for name in _COUNTERS}
        scored = {} if self.evaluations is None else {"evaluations": self.evaluations.values()}
        own = {
            "is_over": self.is_over,
            "skipped_steps": self.skipped.count,
            "meter": asdict(self.meter),
            "method": self.method.values(),
        }
        return counters | own | scored

    def load(
        self, tensors: Mapping[str, Tensor], values: Mapping[str, Any], planner: Planner
    ) -> None:
        """Puts back what `tensors` and `values` returned, bit for bit."""
        for name in _COUNTERS:
            setattr(self, name, values[name])
        self.is_over = values.get("is_over", False)
        self.skipped.count = values.get("skipped_steps", 0)
        for name, value in values["meter"].items():
            setattr(self.meter, name, value)
        planner.tighten(self.meter.budget_bytes)
        if self.evaluations is not None:
            self.evaluations.load(values["evaluations"])
        self.train_stream.load_state_dict(of_part("train", tensors))
        self.validation_stream.load_state_dict(of_part("validation", tensors))
        self.method.load(of_part("method", tensors), values["method"])


_COUNTERS = ("round_index", "phase", "step", "seconds", "total_steps", "num_saves")


def named(part: str, tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Tensors under the name of the part that they are of."""
    return {f"{part}/{name}": tensor for name, tensor in tensors.items()}


def of_part(part: str, tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """The tensors of a part, as they were before `named`."""
    prefix = f"{part}/"
    return {
        name.removeprefix(prefix): tensor
        for name, tensor in tensors.items()
        if name.startswith(prefix)
    }
