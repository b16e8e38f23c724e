"""`Observer`: told of every step of a training; shows it, logs it, saves it, and stops it."""

import math
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from radars.errors import RunError, Stopped
from radars.run import Interrupt, Progress, RunDirectory, ScalarWriter
from radars.train.state import TrainState

_READ_EVERY_STEPS = 10  # reading the loss waits for the device


class Observer:
    """What is between a training and the outside.

    Args:
        run: where events and checkpoints go; None keeps nothing.
        scalars: where curves go; None draws none.
        progress: shows people how far it is.
        interrupt: says when to stop.
        save_every_seconds: time between checkpoints.
    """

    def __init__(
        self,
        run: RunDirectory | None,
        scalars: ScalarWriter | None,
        progress: Progress,
        interrupt: Interrupt,
        *,
        save_every_seconds: float = 60.0,
    ) -> None:
        self._run = run
        self._scalars = scalars
        self._progress = progress
        self._interrupt = interrupt
        self._save_every_seconds = save_every_seconds
        self._saved_at = self._now = time.monotonic()

    @contextmanager
    def watch(
        self, state: TrainState, num_steps: int, steps_per_epoch: int
    ) -> Iterator[Callable[[], None]]:
        """Within, the yielded function is called after each step.

        It raises `Stopped` where the training was interrupted, and `RunError` where the loss
        is no longer finite.
        """
        self._now = time.monotonic()
        with self._progress.phase("train", num_steps, completed=state.step) as bar:

            def tick() -> None:
                now = time.monotonic()
                state.seconds += now - self._now
                self._now = now
                ends_epoch = state.step % steps_per_epoch == 0
                if ends_epoch or state.step % _READ_EVERY_STEPS == 0:
                    bar.advance(accuracy=self._checked_accuracy(state))
                else:
                    bar.advance()
                if ends_epoch:
                    self._log_epoch(state, state.step // steps_per_epoch)
                if self._interrupt.stop_requested:
                    self.save(state)
                    raise Stopped("the training was interrupted, and everything is saved")
                if now - self._saved_at > self._save_every_seconds:
                    self.save(state)

            yield tick

    def log(self, event: str, **fields: Any) -> None:
        """Appends an event to the run's log."""
        if self._run is not None:
            self._run.log(event, **fields)

    def save(self, state: TrainState) -> None:
        """Saves a checkpoint.

        Raises:
            RunError: the loss is no longer finite; nothing has been saved.
        """
        self._checked_accuracy(state)
        if self._run is not None:
            self._run.save(state.step, state.tensors(), state.values())
        self._saved_at = time.monotonic()

    def diverged(self, state: TrainState) -> RunError:
        """Logs that the training cannot go on, and returns the error that says so."""
        self.log("diverged", step=state.step)
        rate = state.optimizer.param_groups[0]["lr"]
        return RunError(
            f"the loss must stay finite, but is not at step {state.step} with a learning rate of "
            f"{rate:.3g}; lower optimizer.learning_rate"
        )

    def _checked_accuracy(self, state: TrainState) -> float | None:
        loss, accuracy = state.means()
        if state.step and not math.isfinite(loss):
            raise self.diverged(state)
        return accuracy if state.step else None

    def _log_epoch(self, state: TrainState, epoch: int) -> None:
        loss, accuracy = state.means()
        rate = state.optimizer.param_groups[0]["lr"]
        scalars = {"train_loss": loss, "train_accuracy": accuracy, "learning_rate": rate}
        self.log("epoch_ended", epoch=epoch, seconds=round(state.seconds, 3), **scalars)
        if self._scalars is not None:
            self._scalars.write(epoch, scalars)
