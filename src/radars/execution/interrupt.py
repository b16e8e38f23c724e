"""`Interrupt`: Ctrl-C lets a run finish its step, save and leave; twice stops it at once."""

import signal
import threading
from types import FrameType, TracebackType
from typing import Any, Self


class Interrupt:
    """While active, the first SIGINT or SIGTERM only sets `stop_requested`, for loops to poll.

    The second raises `KeyboardInterrupt`. Outside of the main thread, where Python has no signals,
    it does nothing.
    """

    _SIGNALS = (signal.SIGINT, signal.SIGTERM)

    def __init__(self) -> None:
        self._stop_requested = False
        self._previous: dict[signal.Signals, Any] = {}

    @property
    def stop_requested(self) -> bool:
        """Whether the run is to save and leave at the next step boundary."""
        return self._stop_requested

    def ask(self) -> None:
        """Sets `stop_requested`, as the first signal does."""
        self._stop_requested = True

    def __enter__(self) -> Self:
        if threading.current_thread() is threading.main_thread():
            for number in self._SIGNALS:
                self._previous[number] = signal.signal(number, self._handle)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        for number, handler in self._previous.items():
            # None: a handler that was not set from Python, which cannot be put back
            signal.signal(number, signal.SIG_DFL if handler is None else handler)
        self._previous.clear()

    def _handle(self, number: int, frame: FrameType | None) -> None:
        if self._stop_requested:
            raise KeyboardInterrupt
        self._stop_requested = True
