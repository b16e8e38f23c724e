"""`MemoryMeter`: keeps the promise of the budget, and the record of it."""

from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass, field
from typing import TypeVar

from torch import Tensor

from radars.errors import BudgetError
from radars.memory import measure
from radars.nn.supernet import Supernet
from radars.runs.state import State
from radars.units import format_bytes

Result = TypeVar("Result")


@dataclass
class MemoryMeter:
    """Checks every step against the budget before it runs, and measures the dearest ones.

    A step is measured when more is predicted for it than for any before. Memory depends on shapes
    alone, so the others hold no more than those that were measured.

    Attributes:
        budget_bytes: what no step may exceed.
        predicted_peak_bytes: the most that was predicted for a step that ran.
        measured_peak_bytes: the most that was measured.
        latest_bytes: what was expected of the latest step.
    """

    budget_bytes: int
    predicted_peak_bytes: int = 0
    measured_peak_bytes: int = 0
    latest_bytes: int = field(default=0, compare=False)

    def run(
        self,
        step: Callable[[], Result],
        supernet: Supernet,
        batch: Iterable[Tensor],
        expected_bytes: int,
        predict: Callable[[], int],
    ) -> Result:
        """Runs a step.

        Args:
            step: the step.
            supernet: what it trains.
            batch: the tensors of its batch, on the device.
            expected_bytes: a quick estimate of its peak, on the high side, which orders the steps.
            predict: its exact peak, asked for only where it could set a record.

        Raises:
            BudgetError: the step would exceed the budget; it has not run.
        """
        self.latest_bytes = expected_bytes
        if expected_bytes <= self.predicted_peak_bytes:
            return step()
        predicted_bytes = predict()
        if predicted_bytes > self.budget_bytes:
            raise BudgetError(
                f"no step may exceed the budget of {format_bytes(self.budget_bytes)}, but the "
                f"next needs {format_bytes(predicted_bytes)}; raise the budget"
            )
        if predicted_bytes <= self.predicted_peak_bytes:
            return step()
        result, measured_bytes = measure(step, supernet, batch)
        self.predicted_peak_bytes = predicted_bytes
        self.measured_peak_bytes = max(self.measured_peak_bytes, measured_bytes)
        return result

    def run_below(self, peak_bytes: int, step: Callable[[], Result]) -> Result:
        """Runs a step that holds no more than another, whose peak is within the budget."""
        self.latest_bytes = peak_bytes
        return step()

    def state_dict(self) -> State:
        """The budget and the peaks."""
        return asdict(self)

    def load_state_dict(self, state: State, /) -> None:
        """Puts back what `state_dict` returned."""
        for name, value in state.items():
            setattr(self, name, value)

    def include(self, other: "MemoryMeter") -> None:
        """Takes in what another meter of the same search saw."""
        self.predicted_peak_bytes = max(self.predicted_peak_bytes, other.predicted_peak_bytes)
        self.measured_peak_bytes = max(self.measured_peak_bytes, other.measured_peak_bytes)
