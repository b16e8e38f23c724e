"""`Observer`: told of every step of a search; shows it, logs it, saves it, and stops it."""

import math
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from radars.errors import RadarsError, Stopped
from radars.run import Interrupt, Progress, RunDirectory, ScalarWriter
from radars.search.explore import Tick
from radars.search.select import Selection
from radars.search.state import SearchState

_LOG_EVERY_SECONDS = 10.0


class TimeLimitReached(RadarsError):  # noqa: N818 - nothing is wrong
    """The search ran past its time limit."""


class Observer:
    """What is between a search and the outside.

    Args:
        run: where events and checkpoints go; None keeps nothing.
        scalars: where curves go; None draws none.
        progress: shows people how far it is.
        interrupt: says when to stop.
        max_seconds: wall-clock limit of the search over all sittings.
        save_every_seconds: time between checkpoints.
    """

    def __init__(
        self,
        run: RunDirectory | None,
        scalars: ScalarWriter | None,
        progress: Progress,
        interrupt: Interrupt,
        *,
        max_seconds: float = math.inf,
        save_every_seconds: float = 60.0,
    ) -> None:
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
    def phase(self, name: str, total: int, state: SearchState) -> Iterator[Tick]:
        """Within, the yielded function is called after each step of a phase."""
        label = name if name == "select" else f"round {state.round_index + 1} {name}"
        self.log("phase_started", phase=name, round=state.round_index, step=state.step)
        with self._progress.phase(label, total, completed=state.step) as bar:

            def tick(step: int, accuracy: float) -> None:
                bar.advance(
                    step - bar.completed,
                    accuracy=None if math.isnan(accuracy) else accuracy,
                    memory_bytes=state.meter.measured_peak_bytes,
                    budget_bytes=state.meter.budget_bytes,
                )
                state.step = step
                state.total_steps += 1
                self._after_step(state, name, accuracy)

            yield tick
        self.log(
            "phase_ended", phase=name, round=state.round_index, seconds=round(state.seconds, 3)
        )

    def log(self, event: str, **fields: Any) -> None:
        """Appends an event to the run's log."""
        if self._run is not None:
            self._run.log(event, **fields)

    def log_plan(self, state: SearchState) -> None:
        """Logs what the plan keeps, and the policy that it was made from."""
        plan = state.plan
        assert plan is not None
        self.log(
            "planned",
            round=state.round_index,
            live_candidates=plan.subspace.num_candidates,
            subspace={choice: list(names) for choice, names in plan.subspace.items()},
            levers=list(plan.measures),
            time_ratio=round(plan.time_ratio, 3),
            predicted_peak_bytes=plan.memory.peak_bytes,
            policy=state.controller.probabilities(),
        )

    def log_outcome(
        self, state: SearchState, preferences: Mapping[str, Mapping[str, float]]
    ) -> None:
        """Logs what differentiation preferred."""
        self.log(
            "differentiated",
            round=state.round_index,
            logits={choice: dict(logits) for choice, logits in preferences.items()},
            architecture=dict(state.favourites[-1]) if state.favourites else None,
        )

    def log_selection(self, selection: Selection) -> None:
        """Logs the contenders of a rung, and how they stand."""
        self.log(
            "selection",
            rung=selection.rung,
            contenders=[dict(architecture) for architecture in selection.contenders],
            accuracies=selection.accuracies,
            regions=[known.regions for known in selection.untrained],
            standings=selection.standings,
        )

    def save(self, state: SearchState) -> None:
        """Saves a checkpoint."""
        state.num_saves += 1
        if self._run is not None:
            self._run.save(state.num_saves, state.tensors(), state.values())
        self._saved_at = time.monotonic()

    def _after_step(self, state: SearchState, phase: str, accuracy: float) -> None:
        now = time.monotonic()
        state.seconds += now - self._now
        self._now = now
        if self._interrupt.stop_requested:
            self.save(state)
            raise Stopped("the search was interrupted, and everything is saved")
        if state.seconds > self._max_seconds:
            self.save(state)
            raise TimeLimitReached("the search reached its time limit")
        if now - self._logged_at > _LOG_EVERY_SECONDS:
            self._logged_at = now
            scalars = {
                "accuracy": accuracy,
                "entropy": state.controller.entropy(),
                "measured_peak_bytes": float(state.meter.measured_peak_bytes),
            }
            self.log("progress", phase=phase, round=state.round_index, step=state.step, **scalars)
            if self._scalars is not None:
                self._scalars.write(state.total_steps, scalars)
        if now - self._saved_at > self._save_every_seconds:
            self.save(state)
