"""`read_file`: the one way in which files are read that others may have made."""

import json
import os
import stat
from io import BufferedReader
from pathlib import Path
from typing import Any

MIB = 2**20
MOST_TEXT_BYTES = 1_000_000
"""The largest file that people write: a configuration, an architecture."""
MOST_JSON_BYTES = 64 * MIB
"""The largest JSON file that a run writes: a result, a front."""


class UnreadableError(OSError):
    """A file is not what it should be; `strerror` says what is wrong with it."""

    def __init__(self, path: Path, reason: str) -> None:
        super().__init__(0, reason, str(path))


def read_file(path: Path, most_bytes: int) -> bytes:
    """The contents of a regular file. Never waits, as one does for a pipe or a device.

    Args:
        path: the path of the file; a link to a regular file is one, too.
        most_bytes: the largest that it may be.

    Raises:
        OSError: it is not there, not a regular file, too large, or cannot be read.
    """
    with open_file(path, most_bytes) as file:
        return file.read(most_bytes)


def open_file(path: Path, most_bytes: float = float("inf")) -> BufferedReader:
    """Opens a regular file as `read_file` does, to be read in parts.

    Raises:
        OSError: it is not there, not a regular file, or larger.
    """
    flags = os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0)
    descriptor = os.open(path, flags)
    try:
        known = os.fstat(descriptor)
        if not stat.S_ISREG(known.st_mode):
            raise UnreadableError(path, "it is not a regular file")
        if known.st_size > most_bytes:
            raise UnreadableError(path, f"it is larger than {most_bytes:,} bytes")
    except BaseException:
        os.close(descriptor)
        raise
    return os.fdopen(descriptor, "rb")


def parse_json(content: str | bytes) -> Any:
    """What a JSON text says.

    Raises:
        ValueError: it is not JSON, nested too deep, or has numbers that no machine has.
    """
    try:
        return json.loads(content, parse_int=_whole, parse_constant=_refuse)
    except RecursionError as error:
        raise ValueError("it is nested too deep") from error


def _whole(digits: str) -> int:
    if len(digits) > _MOST_DIGITS:
        raise ValueError(f"it has a number of {len(digits)} digits")
    return int(digits)


def _refuse(constant: str) -> float:
    raise ValueError(f"it has {constant}, which is no number of JSON")


_MOST_DIGITS = 2000  # a space may hold very many architectures
