"""`MemoryMeter`: keeps the promise of the budget, and the record of it."""

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field, replace
from typing import Any, Generic, NamedTuple, TypeVar

from radars.errors import BudgetError
from radars.example import Example
from radars.memory import Corrections, measure
from radars.memory.corrections import names_of
from radars.nn.steps import StepKind
from radars.nn.supernet import Supernet
from radars.runs.state import State
from radars.seeds import stable_seed
from radars.units import format_bytes

Result = TypeVar("Result")

_TOLERANCE = 1.02  # times what was predicted, a step holds at most


class Excess(NamedTuple):
    """A step that held more than was predicted for it."""

    predicted_bytes: int
    measured_bytes: int

    @property
    def num_bytes(self) -> int:
        """What it held beyond that."""
        return self.measured_bytes - self.predicted_bytes


@dataclass(frozen=True)
class GuardedStep(Generic[Result]):
    """A step, and what its memory is counted by.

    Attributes:
        run: runs it.
        supernet: what it trains.
        batch: its examples and labels, on the device.
        kind: the kind of the step.
        kept_bytes: what batches hold that stay on the device for other steps.
    """

    run: Callable[[], Result]
    supernet: Supernet
    batch: Sequence[Example]
    kind: StepKind = StepKind.WEIGHTS
    kept_bytes: int = 0

    @property
    def idle_bytes(self) -> int:
        """What is on the device beside the step, in the room that the budget leaves."""
        return self.supernet.idle_bytes + self.kept_bytes

    @property
    def names(self) -> list[str]:
        """What decides what it holds: its candidates and, where they are drawn, the paths.

        Which of many paths hold the most is an estimate, so each is measured once.
        """
        names = list(names_of(self.supernet.live))
        if self.supernet.drawn_paths:
            drawn = sorted(path.to_json() for path in self.supernet.drawn_paths)
            names.append(f"paths/{stable_seed(*drawn):x}")
        return names

    @property
    def setting(self) -> str:
        """What of it, beside its candidates, decides which operations run."""
        names = [name.partition("=")[0] for name in self.supernet.savings.names]
        return " ".join((self.kind.value, *names))


@dataclass
class MemoryMeter:
    """Checks every step against the budget before it runs, and what it held afterwards.

    A GPU's allocator counts by itself, so there every step is measured. On the CPU counting takes
    time: a step is measured when more is expected of it than of any before, or when it runs a
    candidate, or drawn paths, that were not measured yet in this kind of step, with these savings.
    Memory depends on shapes alone, so the others hold no more than those that were measured.

    Attributes:
        budget_bytes: what no step may exceed.
        predicted_peak_bytes: the most that was predicted for a step that ran.
        measured_peak_bytes: the most that was measured.
        expected_peak_bytes: the most that was expected of a step that ran.
        latest_bytes: what was expected of the latest step.
        corrections: what was learned of steps that held more than was predicted.
        largest_excess: the largest excess of all steps.
        seen: what was measured: kind of step and savings to candidates and paths.
        excess: the excess of the latest step; None where it held no more than was predicted.
    """

    budget_bytes: int
    predicted_peak_bytes: int = 0
    measured_peak_bytes: int = 0
    expected_peak_bytes: int = 0
    latest_bytes: int = field(default=0, compare=False)
    corrections: Corrections = field(default_factory=Corrections)
    largest_excess: Excess | None = None
    seen: dict[str, list[str]] = field(default_factory=dict, compare=False)
    excess: Excess | None = field(default=None, compare=False)

    def run(
        self,
        step: GuardedStep[Result],
        expected_bytes: int,
        predict: Callable[[], int] | None = None,
        agreed: Callable[[int], int] = int,
    ) -> Result:
        """Runs a step.

        Args:
            step: the step.
            expected_bytes: a quick estimate of its peak, on the high side, which orders the steps;
                or its exact peak.
            predict: its exact peak, asked for only where it may set a record, or has set one; None
                where `expected_bytes` is exact.
            agreed: gives what counts of what each of several processes measured.

        Raises:
            BudgetError: the step would exceed the budget; it has not run.
        """
        self.latest_bytes, self.excess = expected_bytes, None
        record_bytes = self.predicted_peak_bytes if predict is None else self.expected_peak_bytes
        exact: Callable[[], int] = predict or (lambda: expected_bytes)
        predicted_bytes: int | None = None
        if expected_bytes > record_bytes:
            predicted_bytes = exact()
            self._check(predicted_bytes)
            self.expected_peak_bytes = max(self.expected_peak_bytes, expected_bytes)
        elif not self._is_measured(step):
            return step.run()
        known_bytes = min(expected_bytes, self.measured_peak_bytes)
        result, measured_bytes = self._measured(step, agreed)
        if predicted_bytes is None and measured_bytes > known_bytes:
            predicted_bytes = exact()
        if predicted_bytes is not None:
            self.predicted_peak_bytes = max(self.predicted_peak_bytes, predicted_bytes)
            self._compare(step, predicted_bytes, measured_bytes)
        return result

    def run_below(
        self, step: GuardedStep[Result], peak_bytes: int, agreed: Callable[[int], int] = int
    ) -> Result:
        """Runs a step that holds no more than another, whose peak is within the budget.

        Args:
            step: the step.
            peak_bytes: the peak of the other step.
            agreed: as for `run`.
        """
        self.latest_bytes, self.excess = peak_bytes, None
        if not self._is_measured(step):
            return step.run()
        result, measured_bytes = self._measured(step, agreed)
        self._compare(step, peak_bytes, measured_bytes)
        return result

    def state_dict(self) -> State:
        """Everything but what the latest step held."""
        state = asdict(self)
        del state["excess"]
        state["corrections"] = self.corrections.to_dict()
        if self.largest_excess is not None:
            state["largest_excess"] = list(self.largest_excess)
        return state

    def load_state_dict(self, state: State, /) -> None:
        """Puts back what `state_dict` returned."""
        for name, value in state.items():
            setattr(self, name, value)
        if "corrections" in state:  # plain values have no classes
            self.corrections = Corrections.from_dict(state["corrections"])
            excess = state["largest_excess"]
            self.largest_excess = None if excess is None else Excess(*excess)

    def copy(self) -> "MemoryMeter":
        """Another that begins with the same, and learns alone."""
        seen = {key: list(names) for key, names in self.seen.items()}
        return replace(self, seen=seen, corrections=self.corrections.copy())

    def include(self, other: "MemoryMeter") -> None:
        """Takes in what another meter of the same search saw."""
        for name in ("predicted_peak_bytes", "measured_peak_bytes", "expected_peak_bytes"):
            setattr(self, name, max(getattr(self, name), getattr(other, name)))
        self.largest_excess = _larger(self.largest_excess, other.largest_excess)
        self.corrections.include(other.corrections)
        for key, names in other.seen.items():
            known = self.seen.setdefault(key, [])
            known += [name for name in names if name not in known]

    def _check(self, predicted_bytes: int) -> None:
        if predicted_bytes > self.budget_bytes:
            raise BudgetError(
                f"no step may exceed the budget of {format_bytes(self.budget_bytes)}, but the "
                f"next needs {format_bytes(predicted_bytes)}; raise the budget",
                predicted_bytes,
            )

    def _is_measured(self, step: GuardedStep[Any]) -> bool:
        """Whether counting costs nothing, or there is a candidate that was not measured so."""
        return step.supernet.device.type == "cuda" or bool(self._unseen(step))

    def _measured(
        self, step: GuardedStep[Result], agreed: Callable[[int], int]
    ) -> tuple[Result, int]:
        """Runs a step; returns its result, and what it held, without what was idle beside it."""
        unseen, idle_bytes = self._unseen(step), step.idle_bytes
        result, measured_bytes = measure(step.run, step.supernet, step.batch)
        measured_bytes = agreed(measured_bytes - idle_bytes)
        self.measured_peak_bytes = max(self.measured_peak_bytes, measured_bytes)
        if unseen:
            self.seen.setdefault(step.setting, []).extend(unseen)
        return result, measured_bytes

    def _compare(self, step: GuardedStep[Any], predicted_bytes: int, measured_bytes: int) -> None:
        """Notes where a step held more than was predicted, or than the budget leaves."""
        left_bytes = self.budget_bytes - step.idle_bytes
        if measured_bytes > min(_TOLERANCE * predicted_bytes, left_bytes):
            self.excess = Excess(predicted_bytes, measured_bytes)
            self.largest_excess = _larger(self.largest_excess, self.excess)

    def _unseen(self, step: GuardedStep[Any]) -> list[str]:
        """The candidates and paths that no measured step of this kind ran, with such savings."""
        known = set(self.seen.get(step.setting, ()))
        return [name for name in step.names if name not in known]


def _larger(first: Excess | None, second: Excess | None) -> Excess | None:
    known = [excess for excess in (first, second) if excess is not None]
    return max(known, key=lambda excess: excess.num_bytes, default=None)
