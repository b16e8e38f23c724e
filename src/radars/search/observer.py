"""`Observer`: told of every step of a search; shows it, logs it, saves it, and stops it."""

import math
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from radars.errors import RadarsError, Stopped
from radars.run import Interrupt, Progress, RunDirectory, ScalarWriter
from radars.search.state import SearchState

_LOG_EVERY_SECONDS = 10.0

Tick = Callable[[int, float], None]
"""Called after each step with the number of steps done and the latest accuracy (NaN: none yet)."""


class TimeLimitReached(RadarsError):  # noqa: N818 - nothing is wrong
    """The search ran past its time limit."""


class Observer:
    """What is between a search and the outside.

    Args:
        run: where events and checkpoints go; None keeps nothing.
        scalars: where curves go; None draws none.
        progress: shows people how far it is.
        interrupt: says when to stop.
        state: how far the search is; changed with every step.
        max_seconds: wall-clock limit of the search over all sittings.
        save_every_seconds: time between checkpoints.
    """

    def __init__(
        self,
        run: RunDirectory | None,
        scalars: ScalarWriter | None,
        progress: Progress,
        interrupt: Interrupt,
        state: SearchState,
        *,
        max_seconds: float = math.inf,
        save_every_seconds: float = 60.0,
    ) -> None:
        self.state = state
        self._run = run
        self._scalars = scalars
        self._progress = progress
        self._interrupt = interrupt
        self._max_seconds = max_seconds
        self._save_every_seconds = save_every_seconds
        self._saved_at = time.monotonic()
        self._now = time.monotonic()
        self._logged_at = 0.0

    @contextmanager
    def phase(self, name: str, total: int, label: str | None = None) -> Iterator[Tick]:
        """Within, the yielded function is called after each step of a phase.

        Args:
            name: of the phase.
            total: its steps, where it does not end early.
            label: what people read; by default the name.
        """
        state = self.state
        self.log("phase_started", phase=name, round=state.round_index, step=state.step)
        with self._progress.phase(label or name, total, completed=state.step) as bar:

            def tick(step: int, accuracy: float) -> None:
                bar.advance(
                    step - bar.completed,
                    accuracy=None if math.isnan(accuracy) else accuracy,
                    memory_bytes=state.meter.measured_peak_bytes,
                    budget_bytes=state.meter.budget_bytes,
                )
                state.step = step
                state.total_steps += 1
                self._after_step(name, accuracy)

            yield tick
        self.log(
            "phase_ended", phase=name, round=state.round_index, seconds=round(state.seconds, 3)
        )

    def log(self, event: str, **fields: Any) -> None:
        """Appends an event to the run's log."""
        if self._run is not None:
            self._run.log(event, **fields)

    def save(self) -> None:
        """Saves a checkpoint."""
        state = self.state
        state.num_saves += 1
        if self._run is not None:
            self._run.save(state.num_saves, state.tensors(), state.values())
        self._saved_at = time.monotonic()

    def _after_step(self, phase: str, accuracy: float) -> None:
        state = self.state
        now = time.monotonic()
        state.seconds += now - self._now
        self._now = now
        if self._interrupt.stop_requested:
            self.save()
            raise Stopped("the search was interrupted, and everything is saved")
        if state.seconds > self._max_seconds:
            self.save()
            raise TimeLimitReached("the search reached its time limit")
        if now - self._logged_at > _LOG_EVERY_SECONDS:
            self._logged_at = now
            scalars = {
                "accuracy": accuracy,
                "measured_peak_bytes": float(state.meter.measured_peak_bytes),
            } | state.method.scalars()
            self.log("progress", phase=phase, round=state.round_index, step=state.step, **scalars)
            if self._scalars is not None:
                self._scalars.write(state.total_steps, scalars)
        if now - self._saved_at > self._save_every_seconds:
            self.save()
