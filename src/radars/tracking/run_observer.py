"""`RunObserver`: what is between a computation and the outside, whatever it computes."""

import time
from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import ClassVar, NoReturn, Protocol

from radars.errors import Stopped, StopSearch
from radars.execution.interrupt import Interrupt
from radars.failures import CallerError
from radars.runs.directory import RunDirectory
from radars.runs.event_schema import Event, EventSink
from radars.runs.state import Stateful
from radars.tracking.curves import Curves
from radars.tracking.progress import Progress


class TimedState(Stateful, Protocol):
    """A state that goes into checkpoints.

    Attributes:
        seconds: wall-clock time spent so far, over all sittings.
    """

    seconds: float


class RunObserver(ABC):
    """Is told of every step of a computation; shows it, logs it, saves it, and stops it.

    Attributes:
        noun: what the computation is called.

    Args:
        run: where events and checkpoints go; None keeps nothing.
        curves: where curves go; None draws none.
        progress: shows people how far it is.
        interrupt: says when to stop.
        state: how far the computation is; its seconds are counted here.
        save_every_seconds: time between checkpoints.
        on_event: told of every event, after it is logged. `StopSearch` stops the computation after
            the step, saved; anything else that it raises ends it at once.
    """

    noun: ClassVar[str]

    def __init__(
        self,
        run: RunDirectory | None,
        curves: Curves | None,
        progress: Progress,
        interrupt: Interrupt,
        state: TimedState,
        *,
        save_every_seconds: float = 60.0,
        on_event: EventSink | None = None,
    ) -> None:
        self._run = run
        self._curves = curves
        self._progress = progress
        self._interrupt = interrupt
        self._saved = state
        self._save_every_seconds = save_every_seconds
        self._saved_at = self._now = time.monotonic()
        self._on_event = on_event
        for event in () if run is None else run.resume_events:
            self._tell(event)

    @property
    def is_shown(self) -> bool:
        """Whether people see what is said: their class of progress has a way to say it."""
        return type(self._progress).say is not Progress.say

    def say(self, line: str) -> None:
        """Shows people a line."""
        self._progress.say(line)

    def log(self, event: Event) -> None:
        """Appends an event to the run's log, and tells whoever wants to know."""
        if self._run is not None:
            self._run.log(event)
        self._tell(event)

    def save(self) -> None:
        """Saves a checkpoint."""
        step = self._checkpoint_step()
        if self._run is not None:
            self._run.save(step, self._saved.state_dict())
        self._saved_at = time.monotonic()

    @abstractmethod
    def _checkpoint_step(self) -> int:
        """The number of the checkpoint that is saved next."""

    def _tell(self, event: Event) -> None:
        tell(event, self._on_event, self._interrupt)

    def _draw(self, step: int, scalars: Mapping[str, float]) -> None:
        """Adds a point to each curve."""
        if self._curves is not None:
            self._curves.write(step, scalars)

    def _begin_lap(self) -> None:
        """Time is counted from now on."""
        self._now = time.monotonic()

    def _count_time(self) -> None:
        """Adds the time since the last call to the state's."""
        before, self._now = self._now, time.monotonic()
        self._saved.seconds += self._now - before

    def _stop_where_asked(self) -> None:
        """Saves and stops where somebody pressed Ctrl-C.

        Raises:
            Stopped: somebody did.
        """
        if self._agreed(self._interrupt.stop_requested):
            self._stop()

    def _stop(self) -> NoReturn:
        self.save()
        raise Stopped(f"the {self.noun} was interrupted, and everything is saved")

    def _save_where_due(self) -> None:
        """Saves a checkpoint where the last one is old."""
        if self._agreed(self._now - self._saved_at > self._save_every_seconds):
            self.save()

    def _agreed(self, wish: bool) -> bool:
        """Whether to do what this process wishes, or another that computes with it."""
        return wish


def tell(event: Event, on_event: EventSink | None, interrupt: Interrupt) -> None:
    """Tells whoever wants to know of an event.

    Args:
        event: what happened.
        on_event: is told; None for nobody.
        interrupt: is asked to stop where that raises `StopSearch`.

    Raises:
        CallerError: it raised something else.
    """
    if on_event is None:
        return
    try:
        on_event(event)
    except StopSearch:
        interrupt.ask()
    except Exception as error:
        raise CallerError(error) from error
