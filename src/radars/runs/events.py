"""`EventLog`: what happened in a run, one JSON object a line, readable at any time.

A file that has grown long is put aside (`events.jsonl` becomes `events.1.jsonl`, the next one
`events.2.jsonl`) and a new one begun. No event is thrown away: a report tells the whole run.
"""

import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from radars.errors import RunError
from radars.reading import parse_json, read_file
from radars.runs.event_schema import Event, parse_event
from radars.runs.files import append_whole, to_json, unwritable_said

_LONGEST_FILE_BYTES = 16 * 2**20
_MOST_FILE_BYTES = 4 * _LONGEST_FILE_BYTES  # of one that is put aside when it is longer


class EventLog:
    """Appends to a file of events; a line that a crash tore is dropped when it is opened again.

    Args:
        path: the path of the file; made where it does not exist.
        longest_file_bytes: a file of this length or more is put aside for a new one.

    Raises:
        RunError: the file cannot be written.
    """

    def __init__(self, path: Path, longest_file_bytes: int = _LONGEST_FILE_BYTES) -> None:
        self._path = path
        self._longest_file_bytes = longest_file_bytes
        self._aside = _files_aside(path)
        with unwritable_said(path):
            self._aside_bytes = sum(file.stat().st_size for file in self._aside)
            self._descriptor = self._open()
            self._cut(_intact_bytes(read_file(path, _MOST_FILE_BYTES)))

    @property
    def num_bytes(self) -> int:
        """The length of all events since the start of the run, those put aside too."""
        return self._aside_bytes + self._file_bytes()

    def append(self, event: Event) -> None:
        """Writes one event at once; numbers that JSON lacks (NaN) are written as null.

        Raises:
            RunError: the file cannot be written; it ends with the event before.
        """
        line = to_json(event.to_dict()).encode() + b"\n"
        with unwritable_said(self._path):
            if self._file_bytes() >= self._longest_file_bytes:
                self._put_aside()
            append_whole(self._descriptor, line)

    def truncate(self, num_bytes: int) -> None:
        """Forgets what comes after the first `num_bytes`; fewer stay as they are.

        Raises:
            RunError: a file that was put aside cannot be taken back.
        """
        with unwritable_said(self._path):
            while num_bytes < self._aside_bytes:
                self._take_back()
            self._cut(num_bytes - self._aside_bytes)

    def sync(self) -> None:
        """Waits until all events are on the disk.

        Raises:
            RunError: they cannot be written; some file systems say so only now.
        """
        with unwritable_said(self._path):
            os.fsync(self._descriptor)

    def close(self) -> None:
        """Closes the file."""
        if self._descriptor >= 0:
            os.close(self._descriptor)
        self._descriptor = -1  # the number may soon be that of another file

    def _open(self) -> int:
        flags = os.O_RDWR | os.O_CREAT | os.O_APPEND
        for safer in ("O_NOFOLLOW", "O_NONBLOCK"):  # which Windows lacks
            flags |= getattr(os, safer, 0)
        return os.open(self._path, flags, 0o666)

    def _file_bytes(self) -> int:
        return os.fstat(self._descriptor).st_size

    def _cut(self, num_bytes: int) -> None:
        if num_bytes < self._file_bytes():
            os.ftruncate(self._descriptor, num_bytes)

    def _put_aside(self) -> None:
        os.fsync(self._descriptor)  # `sync` will not reach it any more
        number = _number(self._aside[-1]) + 1 if self._aside else 1
        file = self._path.with_suffix(f".{number}{self._path.suffix}")
        self._path.rename(file)
        self._aside.append(file)
        self._aside_bytes += self._file_bytes()
        self.close()
        self._descriptor = self._open()

    def _take_back(self) -> None:
        file = self._aside[-1]
        num_bytes = file.stat().st_size
        file.replace(self._path)  # the newer file is forgotten
        self._aside.pop()
        self._aside_bytes -= num_bytes
        self.close()
        self._descriptor = self._open()


def event_files(path: Path) -> list[Path]:
    """The files that hold the events of a run, the oldest first: those put aside, then `path`."""
    return [*_files_aside(path), path]


def read_events(path: Path) -> list[dict[str, Any]]:
    """Reads the events of a run that may be running, or may have been killed while it wrote.

    Raises:
        RunError: a line other than the last of a file is damaged.
    """
    return [event for file in event_files(path) for event in read_event_file(file)]


def load_events(path: str | Path) -> list[Event]:
    """Reads the events of a run as `read_events` does, as objects; other kinds are left out.

    Raises:
        RunError: a line is damaged, or a field of it is of another type.
    """
    return [event for file in event_files(Path(path)) for event in _events_of(file)]


def _events_of(file: Path) -> Iterator[Event]:
    for number, line in enumerate(read_event_file(file), start=1):
        try:
            event = parse_event(line)
        except (ValidationError, TypeError, OverflowError, AttributeError) as error:
            where = "value"
            if isinstance(error, ValidationError):
                where = ".".join(map(str, error.errors()[0]["loc"]))
            raise RunError(
                f"events are as radars writes them, but line {number} of {file} has a wrong "
                f"{where}; remove that line"
            ) from error
        if event is not None:
            yield event


def read_event_file(path: Path) -> list[dict[str, Any]]:
    """Reads one of `event_files`: an event a line; none where there is no file.

    Raises:
        RunError: a line other than the last is damaged.
    """
    try:
        data = read_file(path, _MOST_FILE_BYTES) if path.exists() else b""
    except OSError as error:
        raise RunError(f"cannot read {path}: {error.strerror}; restore it or remove it") from error
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


def _files_aside(path: Path) -> list[Path]:
    pattern = re.compile(rf"{re.escape(path.stem)}\.\d+{re.escape(path.suffix)}")
    names = path.parent.glob(f"{path.stem}.*{path.suffix}")
    return sorted((file for file in names if pattern.fullmatch(file.name)), key=_number)


def _number(file: Path) -> int:
    return int(file.name.split(".")[-2])


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
        event = parse_json(line)
    except ValueError:
        return None
    return event if isinstance(event, dict) else None
