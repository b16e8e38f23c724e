"""`MemoryGuard`: no step of a search exceeds the budget, and what it held is on record."""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import TypeVar

import torch

from radars.engine.kept_batches import KeptBatches
from radars.engine.memory_meter import Excess, GuardedStep, MemoryMeter
from radars.errors import BudgetError
from radars.execution.group import Group
from radars.memory import MemorySavings, Planner, is_out_of_memory, no_room
from radars.nn.supernet import Supernet
from radars.space import Architecture
from radars.units import format_bytes

Result = TypeVar("Result")

_PRICE_TOLERANCE = 1.05  # expected path bytes are within 5% of the exact ones
_TIGHTENED = 0.9  # of what a step was expected to hold when the device had no room for it
_MOST_TRIES = 8


@dataclass
class MemoryGuard:
    """Says which memory savings a path needs, and runs steps within the budget.

    Attributes:
        planner: predicts and plans memory.
        meter: checks and measures it.
        device: where steps run.
        group: the processes that train together.
        on_out_of_memory: told what a step was expected to hold that the device had no room for,
            and the budget from then on.
        on_excess: told of a step that held more than was predicted for it.
        kept: batches that stay on the device while architectures are compared on them.
    """

    planner: Planner
    meter: MemoryMeter
    device: torch.device
    group: Group
    on_out_of_memory: Callable[[int, int], None] = lambda expected_bytes, budget_bytes: None
    on_excess: Callable[[Excess], None] = lambda excess: None
    kept: KeptBatches = field(default_factory=KeptBatches, init=False, repr=False)
    _idle: tuple[object, int] | None = field(default=None, init=False, repr=False)

    def __post_init__(self) -> None:
        self.follow_meter()

    def follow_meter(self) -> None:
        """Plans by what the meter has seen: the budget, and what steps hold."""
        self.planner.tighten(self.meter.budget_bytes)
        self.planner.corrections = self.meter.corrections

    def fits(self, architecture: Architecture) -> bool:
        """Whether a path can be trained within the budget."""
        if self._fits_plainly(architecture) or self.planner.cover(architecture) is not None:
            return True
        return self.planner.fits(architecture)

    def savings(self, architecture: Architecture) -> MemorySavings:
        """What a path needs to be trained within the budget.

        None where prices say that it fits; otherwise what it fits with as many others do, if there
        is anything: a trace of each path would take longer than its step.

        Raises:
            BudgetError: it does not fit, whatever is allowed.
        """
        if self._fits_plainly(architecture):
            return MemorySavings()
        cover = self.planner.cover(architecture)
        return self.planner.plan_path(architecture).savings if cover is None else cover.savings

    def evaluation_savings(self, architecture: Architecture) -> MemorySavings:
        """What a path needs in training, which suffices for an evaluation; none if nothing does."""
        try:
            return self.savings(architecture)
        except BudgetError:
            return MemorySavings()

    def expected_path_bytes(self, architecture: Architecture, savings: MemorySavings) -> int:
        """The peak of a step on a path, on the high side, with its `savings`."""
        if not savings.names:
            return int(self.planner.expected_path_bytes(architecture) * _PRICE_TOLERANCE)
        cover = self.planner.cover(architecture)
        if cover is not None and cover.savings == savings:
            return cover.peak_bytes
        return self.planner.predict(architecture, savings).peak_bytes  # known already

    @property
    def idle_bytes(self) -> int:
        """What may be on a GPU while paths are trained that is not of the step.

        What the budget leaves beside the largest path, whatever the next path is. Nothing where
        that takes savings, or where the budget is of what the allocator reserves: tensors that
        come and go between others leave gaps.
        """
        if self.device.type != "cuda" or self.planner.spec.counts_reserved:
            return 0
        key = self.planner.budget_bytes, self.planner.corrections.key
        if self._idle is None or self._idle[0] != key:
            largest_bytes = self.expected_path_bytes(self.planner.largest_path(), MemorySavings())
            self._idle = key, max(0, self.planner.budget_bytes - largest_bytes)
        return self._idle[1]

    def keep_idle(self, supernet: Supernet) -> None:
        """Before a step on a path: what is idle leaves as far as there is no room for it.

        Batches that are kept come first, in up to half of the room; the rest is for candidates that
        are not live.
        """
        if self.kept.held_bytes > self.idle_bytes // 2:
            self.kept.release()
        supernet.keep_idle(self.idle_bytes - self.kept.held_bytes)

    def keep_nothing(self, supernet: Supernet) -> None:
        """Before a step that may take all that there is: whatever is idle leaves."""
        self.kept.release()
        supernet.keep_idle(0)

    def run(
        self,
        step: GuardedStep[Result],
        expected_bytes: int,
        predict: Callable[[], int] | None = None,
    ) -> Result:
        """Runs a step, and plans by what it held from then on. See `MemoryMeter.run`."""
        step = self._beside_kept(step, expected_bytes)
        return self._heeded(step, self.meter.run(step, expected_bytes, predict, self.group.largest))

    def run_below(self, step: GuardedStep[Result], peak_bytes: int) -> Result:
        """Runs a step that holds no more than another, as `run`. See `MemoryMeter.run_below`."""
        step = self._beside_kept(step, peak_bytes)
        return self._heeded(step, self.meter.run_below(step, peak_bytes, self.group.largest))

    def within_memory(self, supernet: Supernet, attempt: Callable[[], Result]) -> Result:
        """Runs a step, and again within ever tighter budgets where the device had no room for it.

        Args:
            supernet: what the step trains; the gradients of a failed attempt are dropped.
            attempt: runs the step as the planner has it at the time.

        Raises:
            BudgetError: nothing fits the tighter budget.
            RunError: the device has no room for any of that either.
        """
        for num_failed in range(_MOST_TRIES):
            try:
                return attempt()
            except (RuntimeError, MemoryError) as error:
                if num_failed and isinstance(error, BudgetError):
                    break  # nothing fits what the device has
                if self.group.size > 1 or not is_out_of_memory(error):
                    raise  # of several processes one cannot do a step that the others have done
            # out here, as the error holds on to the tensors of the step
            supernet.drop_gradients()
            self.keep_nothing(supernet)
            if self.device.type == "cuda":
                torch.cuda.empty_cache()
            self._tighten()
        raise no_room(f"a step of {format_bytes(self.meter.latest_bytes)}, nor for a smaller one")

    def _tighten(self) -> None:
        """Plans within less than what the latest step was expected to hold."""
        expected_bytes, floor_bytes = self.meter.latest_bytes, self.planner.spec.floor_bytes
        # what the device holds by itself grows no smaller
        less_bytes = floor_bytes + _TIGHTENED * (expected_bytes - floor_bytes)
        self.planner.tighten(int(less_bytes))
        self.meter.budget_bytes = self.planner.budget_bytes
        self.on_out_of_memory(expected_bytes, self.planner.budget_bytes)

    def include(self, seen: MemoryMeter) -> None:
        """Takes in what the meter of a worker has seen."""
        before = self.meter.largest_excess
        self.meter.include(seen)
        if self.meter.largest_excess not in (None, before):
            self.on_excess(self.meter.largest_excess)

    def _beside_kept(self, step: GuardedStep[Result], expected_bytes: int) -> GuardedStep[Result]:
        """A step, and what is kept beside it; nothing where the budget has no room for both."""
        if expected_bytes + self.kept.held_bytes > self.planner.budget_bytes:
            self.kept.release()
        return replace(step, kept_bytes=self.kept.held_bytes)

    def _heeded(self, step: GuardedStep[Result], result: Result) -> Result:
        """The result of a step; where it held too much, that is heeded from then on."""
        excess = self.meter.excess
        if excess is not None:
            supernet = step.supernet
            self.planner.heed(supernet.live, supernet.savings, excess.measured_bytes)
            self.on_excess(excess)
        return result

    def _fits_plainly(self, architecture: Architecture) -> bool:
        """Whether prices alone say that a path fits without savings."""
        expected_bytes = self.planner.expected_path_bytes(architecture)
        return expected_bytes * _PRICE_TOLERANCE <= self.planner.tensor_budget_bytes
