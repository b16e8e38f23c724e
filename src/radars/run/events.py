"""`EventLog`: what happened in a run, one JSON object a line, readable at any time."""

import json
import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from radars.errors import RunError
from radars.run.files import append_whole, to_json, unwritable


class EventLog:
    """Appends to a file of events; a line that a crash tore is dropped when it is opened again.

    Args:
        path: of the file; made where it does not exist.
        clock: gives the seconds since the epoch that each event carries.

    Raises:
        RunError: the file cannot be written.
    """

    def __init__(self, path: Path, clock: Callable[[], float] = time.time) -> None:
        self._path = path
        self._clock = clock
        try:
            self._descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o666)
            self.truncate(_intact_bytes(path.read_bytes()))
        except OSError as error:
            raise unwritable(path, error) from error

    @property
    def num_bytes(self) -> int:
        """The length of the file."""
        return os.fstat(self._descriptor).st_size

    def append(self, event: str, fields: dict[str, Any]) -> None:
        """Writes one event at once; numbers that JSON lacks (NaN) are written as null.

        Raises:
            RunError: the file cannot be written; it ends with the event before.
            TypeError: a field is not made of plain values.
        """
        if reserved := fields.keys() & {"time", "event"}:
            raise TypeError(f"every event has its own {sorted(reserved)}; give the field a name")
        line = to_json({"time": self._clock(), "event": event, **fields}).encode() + b"\n"
        try:
            append_whole(self._descriptor, line)
        except OSError as error:
            raise unwritable(self._path, error) from error

    def truncate(self, num_bytes: int) -> None:
        """Forgets what comes after `num_bytes`; a shorter file stays as it is."""
        if num_bytes < self.num_bytes:
            os.ftruncate(self._descriptor, num_bytes)

    def sync(self) -> None:
        """Waits until all events are on the disk.

        Raises:
            RunError: they cannot be written; some file systems say so only now.
        """
        try:
            os.fsync(self._descriptor)
        except OSError as error:
            raise unwritable(self._path, error) from error

    def close(self) -> None:
        """Closes the file."""
        if self._descriptor >= 0:
            os.close(self._descriptor)
        self._descriptor = -1  # the number may soon be that of another file


def read_events(path: Path) -> list[dict[str, Any]]:
    """Reads the events of a run that may be running, or may have been killed while it wrote.

    Raises:
        RunError: a line other than the last is damaged.
    """
    data = path.read_bytes() if path.exists() else b""
    lines = data[: _intact_bytes(data)].splitlines()
    events = []
    for number, line in enumerate(lines, start=1):
        event = _parse(line)
        if event is None:
            raise RunError(
                f"a line of events is a JSON object, but line {number} of {path} is damaged; "
                f"remove that line"
            )
        events.append(event)
    return events


def _intact_bytes(data: bytes) -> int:
    # after a power failure a tail of zero bytes is possible too, not only half a line
    end = data.rfind(b"\n") + 1
    while end:
        start = data.rfind(b"\n", 0, end - 1) + 1
        if _parse(data[start:end]) is not None:
            break
        end = start
    return end


def _parse(line: bytes) -> dict[str, Any] | None:
    try:
        event = json.loads(line)
    except ValueError:
        return None
    return event if isinstance(event, dict) else None
