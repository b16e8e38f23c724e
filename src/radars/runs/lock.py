"""`DirectoryLock`: one process at a time works in a run directory."""

import fcntl
import os
import weakref
from pathlib import Path

from radars.errors import RunError
from radars.runs.files import unwritable

LOCK_NAME = "lock"


class DirectoryLock:
    """A lock of the operating system on a directory; free again when its owner dies, however.

    Raises:
        RunError: another process holds it, or the lock file cannot be written.
    """

    def __init__(self, directory: Path) -> None:
        path = directory / LOCK_NAME
        try:
            self._descriptor: int | None = os.open(path, os.O_RDWR | os.O_CREAT, 0o666)
        except OSError as error:
            raise unwritable(path, error) from error
        try:
            fcntl.flock(self._descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            os.ftruncate(self._descriptor, 0)
            os.pwrite(self._descriptor, str(os.getpid()).encode(), 0)
        except OSError as error:
            owner = os.pread(self._descriptor, 32, 0).decode(errors="replace").strip()
            self.release()
            if isinstance(error, BlockingIOError):
                raise RunError(
                    f"a run directory serves one process, but {directory} is in use by process "
                    f"{owner or 'unknown'}; wait for it, stop it, or choose another --out"
                ) from None
            raise unwritable(path, error) from error
        _held.add(self)

    def release(self) -> None:
        """Frees the lock. The file stays: removing it would race with the next owner."""
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None


_held: weakref.WeakSet[DirectoryLock] = weakref.WeakSet()


def _release_in_child() -> None:
    # a forked data loader worker that outlives its killed parent must not keep the lock
    for lock in list(_held):
        lock.release()


os.register_at_fork(after_in_child=_release_in_child)
