"""Files that are there whole or not at all, and JSON that holds plain values only."""

import contextlib
import errno
import json
import math
import os
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path

from safetensors import SafetensorError

from radars.errors import RunError

TEMPORARY_SUFFIX = ".tmp"


def write_atomically(path: Path, content: str | bytes) -> None:
    """Writes a file so that a crash at any time leaves the old one or the new one.

    Raises:
        RunError: the file cannot be written; the old one is as it was.
    """
    with replacing(path) as temporary:
        temporary.write_bytes(content.encode() if isinstance(content, str) else content)


def write_all_atomically(contents: Mapping[Path, str | bytes]) -> None:
    """Writes files that belong together: all of them, or none where there is no room for one.

    Raises:
        RunError: one cannot be written; all are as they were.
    """
    with contextlib.ExitStack() as stack:
        for path, content in contents.items():
            temporary = stack.enter_context(replacing(path))
            with unwritable_said(path):
                temporary.write_bytes(content.encode() if isinstance(content, str) else content)
                _sync(temporary)


@contextlib.contextmanager
def unwritable_said(path: Path) -> Iterator[None]:
    """Within, what the operating system refuses is said of this file.

    Raises:
        RunError: it refused something.
    """
    try:
        yield
    except OSError as error:
        raise unwritable(path, error) from error


@contextlib.contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """Gives the path of a temporary file; it takes the place of `path` when the block ends well.

    Raises:
        RunError: the file cannot be written; the old one is as it was.
    """
    temporary: Path | None = None
    try:
        descriptor, name = tempfile.mkstemp(TEMPORARY_SUFFIX, f".{path.name}.", path.parent)
        os.close(descriptor)
        temporary = Path(name)
        yield temporary
        temporary.chmod(0o666 & ~_umask())
        _sync(temporary)
        temporary.replace(path)
        temporary = None
        with contextlib.suppress(OSError):  # some file systems cannot; the new file is in place
            _sync(path.parent)
    except (OSError, SafetensorError) as error:
        raise unwritable(path, error) from error
    finally:
        if temporary is not None:
            temporary.unlink(missing_ok=True)


def make_directory(path: Path) -> None:
    """Makes a directory, and those that it is in, where it does not exist.

    Raises:
        RunError: it cannot be made.
    """
    with unwritable_said(path):
        path.mkdir(parents=True, exist_ok=True)


def append_whole(descriptor: int, content: bytes) -> None:
    """Adds to the end of a file, at once, all of it or nothing.

    Raises:
        OSError: it cannot be written; the file ends as before.
    """
    start_byte = os.fstat(descriptor).st_size
    try:
        rest = memoryview(content)
        while rest:
            rest = rest[os.write(descriptor, rest) :]
    except BaseException:
        with contextlib.suppress(OSError):  # what it raised first says what is wrong
            os.ftruncate(descriptor, start_byte)
        raise


def unwritable(path: Path, error: Exception) -> RunError:
    """The error for a file that the operating system does not let us write."""
    reason = getattr(error, "strerror", None) or str(error)
    return RunError(f"cannot write {path}: {reason}; free the disk or choose another --out")


def is_full(error: OSError) -> bool:
    """Whether a disk is full, or what a user may keep on it."""
    return error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)


def to_json(value: object, *, indent: int | None = None) -> str:
    """Writes plain values as strict JSON; a number that JSON lacks (NaN, infinity) becomes null.

    Raises:
        TypeError: a value is not a number, string, list, dictionary, boolean or None.
    """
    return json.dumps(_without_nan(plain(value)), indent=indent, allow_nan=False)


def plain(value: object, name: str = "the value") -> object:
    """Returns a copy in which tuples are lists, so that JSON gives back exactly what it was given.

    Raises:
        TypeError: something in it is not a number, string, list, dictionary, boolean or None.
    """
    if value is None or isinstance(value, bool):
        return value
    # of a subclass, such as numpy.float64 or a string enumeration, only the value is kept
    if isinstance(value, int):
        return int(value)
    if isinstance(value, float):
        return float(value)
    if isinstance(value, str):
        return str.__str__(value)
    if isinstance(value, list | tuple):
        return [plain(item, f"{name}[{index}]") for index, item in enumerate(value)]
    if isinstance(value, Mapping):
        for key in value:
            if not isinstance(key, str):
                raise TypeError(f"keys of {name} are strings, but got {key!r}; convert it with str")
        return {key: plain(item, f"{name}[{key!r}]") for key, item in value.items()}
    raise TypeError(
        f"{name} is made of numbers, strings, lists and dictionaries, "
        f"but got a {type(value).__name__}; convert it first"
    )


def _without_nan(value: object) -> object:
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, list):
        return [_without_nan(item) for item in value]
    if isinstance(value, dict):
        return {key: _without_nan(item) for key, item in value.items()}
    return value


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _umask() -> int:
    mask = os.umask(0o022)
    os.umask(mask)
    return mask
