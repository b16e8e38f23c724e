"""`SearchObserver`: told of every step of a search; shows it, logs it, saves it, and stops it."""

import math
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from radars.engine.pace import Pace
from radars.engine.search_state import SearchState
from radars.errors import RadarsError
from radars.execution.interrupt import Interrupt
from radars.runs.directory import RunDirectory
from radars.runs.event_schema import (
    EventSink,
    PhaseEndedEvent,
    PhaseStartedEvent,
    PreferencesEvent,
    ProgressEvent,
)
from radars.tracking.curves import Curves
from radars.tracking.heat_map import heat_map
from radars.tracking.progress import Progress
from radars.tracking.run_observer import RunObserver

_MOST_SECONDS = 300.0  # between two points of a curve
_MOST_OVER = 1.05  # of the time limit, at which a search is cut off


class TimeLimitReached(RadarsError):  # noqa: N818 - nothing is wrong
    """The search ran past its time limit, before everything was done."""


class SearchObserver(RunObserver):
    """What is between a search and the outside.

    Args:
        run: where events and checkpoints go; None keeps nothing.
        curves: where curves go; None draws none.
        progress: shows people how far it is.
        interrupt: says when to stop.
        state: how far the search is; its position is changed with every step.
        max_seconds: wall-clock limit of the search over all sittings. Phases are planned to end
            within it; what runs over it all the same is cut off.
        kept_share: the fraction of it that phases keep for what `takes_rest`.
        save_every_seconds: time between checkpoints.
        on_event: see `RunObserver`.
    """

    noun = "search"

    def __init__(
        self,
        run: RunDirectory | None,
        curves: Curves | None,
        progress: Progress,
        interrupt: Interrupt,
        state: SearchState,
        *,
        max_seconds: float = math.inf,
        kept_share: float = 0.0,
        save_every_seconds: float = 60.0,
        on_event: EventSink | None = None,
    ) -> None:
        super().__init__(
            run, curves, progress, interrupt, state,
            save_every_seconds=save_every_seconds, on_event=on_event,
        )  # fmt: skip
        self.position = state.position
        self._method, self._meter = state.method, state.context.guard.meter
        self._max_seconds, self._kept_share = max_seconds, kept_share
        self._group = state.context.guard.group
        self._is_preparing = False
        self._steps_saved = self.position.total_steps if self.position.num_saves else None
        self._logged_at = self._preferred_at = -math.inf  # in seconds of the search

    @contextmanager
    def phase(
        self,
        name: str,
        total: int,
        label: str | None = None,
        *,
        share: float = 1.0,
        step_seconds: float = 0.0,
        takes_rest: bool = False,
    ) -> Iterator[Pace]:
        """Within, a phase goes on by the yielded pace.

        Args:
            name: the name of the phase.
            total: its steps, where time is not limited.
            label: what people read; by default the name.
            share: how much of the time that is left it may take, where time is limited.
            step_seconds: what a step is expected to take.
            takes_rest: whether it has the time that the others keep for it.
        """
        position = self.position
        self.log(PhaseStartedEvent(phase=name, round=position.round_index, step=position.step))
        ends_at = None
        if self._max_seconds < math.inf:
            last = self._max_seconds * (1.0 if takes_rest else 1.0 - self._kept_share)
            ends_at = position.began + share * max(0.0, last - position.began)
        with self._progress.phase(label or name, total, completed=position.step) as bar:

            def on_step(step: int, accuracy: float) -> None:
                bar.total = pace.expected_total
                bar.advance(
                    step - bar.completed,
                    accuracy=None if math.isnan(accuracy) else accuracy,
                    memory_bytes=self._meter.measured_peak_bytes,
                    budget_bytes=self._meter.budget_bytes,
                    live_candidates=self._method.live_candidates(name),
                )
                self._after_step(name, accuracy, is_last=pace.is_over)

            agreed = self._group.first_number
            pace = Pace(position, total, ends_at, self.check, on_step, step_seconds, agreed)
            yield pace
        if any(self._group.any(self._interrupt.stop_requested)):  # by who heard of the last step
            self._stop()
        position.end(total, is_limited=ends_at is not None)
        self.log(
            PhaseEndedEvent(
                phase=name,
                round=position.round_index,
                seconds=round(position.seconds, 3),
                steps=position.step,
                planned_steps=total,
            )
        )

    @contextmanager
    def preparation(self, label: str, total: int) -> Iterator[Callable[[], None]]:
        """Within, the yielded function is called after each part of what comes before a phase.

        Nothing is saved within: a search that is stopped there begins with the first part again.

        Args:
            label: what people read.
            total: its parts, where there are not fewer.
        """
        if self._steps_saved != self.position.total_steps:
            self.save()
        self._is_preparing = True
        try:
            with self._progress.phase(label, total) as bar:

                def tick() -> None:
                    bar.advance()
                    self.check()

                yield tick
        finally:
            self._is_preparing = False

    def check(self) -> None:
        """Stops the search where that is asked for, or its time is up.

        Raises:
            Stopped: somebody pressed Ctrl-C; everything is saved.
            TimeLimitReached: everything is saved.
        """
        self._count_time()
        is_stopped, is_late = self._group.any(
            self._interrupt.stop_requested,
            self.position.seconds > _MOST_OVER * self._max_seconds,
        )
        if is_stopped:
            self._stop()
        if is_late:
            self.save()
            raise TimeLimitReached("the search reached its time limit")

    def save(self) -> None:
        """Saves a checkpoint, but for within a preparation."""
        if not self._is_preparing:
            super().save()
            self._steps_saved = self.position.total_steps

    def _checkpoint_step(self) -> int:
        self.position.num_saves += 1
        return self.position.num_saves

    def _after_step(self, phase: str, accuracy: float, *, is_last: bool) -> None:
        seconds = self.position.seconds
        if is_last or seconds - self._logged_at > _interval_seconds(seconds, 300, least=0.5):
            self._log_progress(phase, accuracy)
        if is_last or seconds - self._preferred_at > _interval_seconds(seconds, 60, least=1.0):
            self._log_preferences(phase)
        self._save_where_due()

    def _log_progress(self, phase: str, accuracy: float) -> None:
        position, meter = self.position, self._meter
        self._logged_at = position.seconds
        counts = {
            "predicted_peak_bytes": meter.predicted_peak_bytes,
            "measured_peak_bytes": meter.measured_peak_bytes,
            "budget_bytes": meter.budget_bytes,
        }
        live = self._method.live_candidates(phase)
        if live is not None:
            counts["live_candidates"] = live[0]
        scalars = self._method.scalars()
        where = self._position(phase)
        self.log(ProgressEvent(**where, accuracy=accuracy, **counts, scalars=scalars))
        floats = {name: float(count) for name, count in counts.items()}
        self._draw(position.total_steps, {"accuracy": accuracy} | floats | scalars)

    def _log_preferences(self, phase: str) -> None:
        position = self.position
        self._preferred_at = position.seconds
        preferences = self._method.preferences(phase)
        if not preferences or self._run is None:
            return
        values = {
            choice: [None if value is None else round(value, 4) for value in of_choice.values()]
            for choice, of_choice in preferences.items()
        }
        self.log(PreferencesEvent(**self._position(phase), values=values))
        if self._curves is not None:
            self._curves.show(position.total_steps, "preferences", heat_map(preferences))

    def _position(self, phase: str) -> Mapping[str, Any]:
        position = self.position
        return {
            "phase": phase,
            "round": position.round_index,
            "step": position.step,
            "seconds": round(position.seconds, 3),
        }


def _interval_seconds(seconds: float, points: int, least: float) -> float:
    """Between two points of a curve: grows with the search, so that long ones stay small."""
    return min(max(least, seconds / points), _MOST_SECONDS)
