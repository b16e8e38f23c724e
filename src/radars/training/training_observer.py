"""`TrainingObserver`: told of every step of a training; shows, logs, saves and stops it."""

import math
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import torch
from lightning_fabric import Fabric

from radars.errors import RunError
from radars.execution.interrupt import Interrupt
from radars.runs.directory import RunDirectory
from radars.runs.event_schema import EpochEndedEvent
from radars.tracking.curves import Curves
from radars.tracking.progress import Progress
from radars.tracking.run_observer import RunObserver
from radars.training.training_state import TrainState

_READ_EVERY_STEPS = 10  # reading the loss waits for the device


class TrainingObserver(RunObserver):
    """What is between a training and the outside; see `RunObserver` for its other arguments.

    Args:
        fabric: the Fabric of the processes that train together; None for this one alone.
    """

    noun = "training"

    def __init__(
        self,
        run: RunDirectory | None,
        curves: Curves | None,
        progress: Progress,
        interrupt: Interrupt,
        state: TrainState,
        fabric: Fabric | None = None,
        *,
        save_every_seconds: float = 60.0,
    ) -> None:
        super().__init__(
            run, curves, progress, interrupt, state, save_every_seconds=save_every_seconds
        )
        self._state = state
        self._fabric = fabric

    @contextmanager
    def watch(self, num_steps: int, steps_per_epoch: int) -> Iterator[Callable[[], None]]:
        """Within, the yielded function is called after each step.

        It raises `Stopped` where the training was interrupted.
        """
        state = self._state
        self._begin_lap()
        with self._progress.phase("train", num_steps, completed=state.step) as bar:

            def tick() -> None:
                self._count_time()
                ends_epoch = state.step % steps_per_epoch == 0
                if ends_epoch or state.step % _READ_EVERY_STEPS == 0:
                    bar.advance(accuracy=_accuracy(state))
                else:
                    bar.advance()
                if ends_epoch:
                    self._log_epoch(state.step // steps_per_epoch)
                self._stop_where_asked()
                self._save_where_due()

            yield tick

    def save(self) -> None:
        """Saves a checkpoint.

        Raises:
            RunError: a weight is no longer finite; nothing has been saved.
        """
        if not self._state.is_finite():
            raise self.diverged()
        super().save()

    def diverged(self) -> RunError:
        """Says that the training cannot go on."""
        return RunError(
            f"weights must stay finite, but are not at step {self._state.step} with a learning "
            f"rate of {self._learning_rate():.3g}; lower optimizer.learning_rate"
        )

    def _agreed(self, wish: bool) -> bool:
        """See `RunObserver`: all leave at the same step, or one waits for the others for ever."""
        if self._fabric is None or self._fabric.world_size == 1:
            return wish
        if self._state.step % _READ_EVERY_STEPS:
            return False
        num_wishes = torch.tensor(int(wish), device=self._fabric.device)
        self._fabric.all_reduce(num_wishes, reduce_op="sum")  # in place
        return bool(num_wishes)

    def _checkpoint_step(self) -> int:
        return self._state.step

    def _learning_rate(self) -> float:
        return float(self._state.optimizer.param_groups[0]["lr"])

    def _log_epoch(self, epoch: int) -> None:
        loss, accuracy = self._state.means()
        scalars: dict[str, float] = {
            "train_loss": loss,
            "train_accuracy": accuracy,
            "learning_rate": self._learning_rate(),
        }
        if self._state.best is not None:
            scalars["validation_accuracy"] = self._state.best.latest_accuracy
        self.log(EpochEndedEvent(epoch=epoch, seconds=round(self._state.seconds, 3), **scalars))
        self._draw(epoch, scalars)


def _accuracy(state: TrainState) -> float | None:
    """The accuracy of the epoch so far; None where no step counts yet."""
    accuracy = state.means().accuracy
    return None if math.isnan(accuracy) else accuracy
