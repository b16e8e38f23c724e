"""`DirectoryLock`: one process at a time works in a run directory."""

import os
from contextlib import suppress
from pathlib import Path

from filelock import FileLock, Timeout

from radars.errors import RunError
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
        try:
            directory.stat()  # the lock would make it
            self._lock.acquire()
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
        self._lock.release()


def _owner(path: Path) -> str:
    try:
        number = path.read_text()
    except OSError:
        number = ""
    return f"process {number}" if number.isdecimal() else "another process"
