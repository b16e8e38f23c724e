"""`DirectoryLock`: one process at a time works in a run directory."""

import errno
import os
from contextlib import suppress
from pathlib import Path

from filelock import FileLock, Timeout

try:
    import fcntl
except ImportError:  # Windows
    fcntl = None  # type: ignore[assignment]

from radars.errors import RunError
from radars.reading import read_file
from radars.runs.files import unwritable

LOCK_NAME = "lock"


class DirectoryLock:
    """A lock of the operating system on a directory; free again when its owner dies, however.

    Children that the owner forks do not hold it: a data loader's worker may outlive its parent.

    Raises:
        RunError: another process holds it, or the lock file cannot be written.
    """

    def __init__(self, directory: Path) -> None:
        path = directory / LOCK_NAME
        self._lock = FileLock(path, timeout=0)
        self._folder: int | None = None
        try:
            directory.stat()  # the lock would make it
            if path.is_symlink():
                raise OSError(errno.ELOOP, "it is a link", str(path))
            self._lock.acquire()
            self._lock_folder(directory)
            with suppress(PermissionError):  # on Windows what is in a locked file is locked too
                path.write_text(str(os.getpid()))
        except Timeout:
            raise RunError(
                f"a run directory serves one process, but {directory} is in use by "
                f"{_owner(path)}; wait for it, stop it, or choose another --out"
            ) from None
        except OSError as error:
            self.release()
            raise unwritable(path, error) from error

    def release(self) -> None:
        """Frees the lock. The file stays: removing it would race with the next owner."""
        if self._folder is not None:
            _held.discard(self._folder)
            os.close(self._folder)
            self._folder = None
        self._lock.release()

    def _lock_folder(self, directory: Path) -> None:
        """Locks the directory itself, too, where the system can: its lock cannot be deleted."""
        if fcntl is None:
            return
        folder = os.open(directory, os.O_RDONLY | os.O_DIRECTORY)
        try:
            fcntl.flock(folder, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            os.close(folder)
            if error.errno == errno.EWOULDBLOCK:
                self._lock.release()
                raise Timeout(str(directory / LOCK_NAME)) from None
            return  # a file system that locks no directories
        self._folder = folder
        _held.add(folder)


_held: set[int] = set()


def _close_in_child() -> None:
    for folder in _held:
        os.close(folder)
    _held.clear()


if fcntl is not None:
    os.register_at_fork(after_in_child=_close_in_child)


def _owner(path: Path) -> str:
    try:
        number = read_file(path, 100).decode()
    except (OSError, ValueError):
        number = ""
    return f"process {number}" if number.isdecimal() else "another process"
