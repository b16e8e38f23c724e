"""Whether a run can begin in a directory, and how it is left as it was where a run cannot."""

import contextlib
from collections.abc import Sequence
from pathlib import Path

from radars.errors import ConfigError
from radars.runs.file_names import CONFIG_NAME, EVENTS_NAME, IDENTITY_NAME
from radars.runs.files import TEMPORARY_SUFFIX
from radars.runs.lock import LOCK_NAME


def check_no_links(path: Path) -> None:
    """Refuses a run that would write elsewhere than in its directory.

    Raises:
        ConfigError: a file or folder in there is a link.
    """
    for entry in sorted(path.iterdir()):
        if entry.is_symlink():
            raise ConfigError(
                f"a run keeps its files in its own directory, but {entry} is a link; put there "
                f"what it points to"
            )


def remove_new(path: Path) -> None:
    """Removes the files of a run that has not begun."""
    for name in (EVENTS_NAME, IDENTITY_NAME, CONFIG_NAME, LOCK_NAME):
        (path / name).unlink(missing_ok=True)


def remove_empty(directories: Sequence[Path]) -> None:
    """Removes directories that were made for a run, innermost first, up to one in use."""
    with contextlib.suppress(OSError):  # somebody else's files are in it
        for directory in directories:
            directory.rmdir()


def check_unused(path: Path) -> None:
    """Refuses a directory that holds something: another run, or somebody's files.

    Raises:
        ConfigError: it does, or is a file, or cannot be read.
    """
    if path.exists() and not path.is_dir():
        raise ConfigError(f"a run needs a directory, but {path} is a file; choose another --out")
    if (path / CONFIG_NAME).exists():
        raise ConfigError(
            f"a new run needs an empty directory, but {path} holds a run; "
            f"continue it with --resume or choose another --out"
        )
    try:
        names = [p.name for p in path.iterdir()] if path.exists() else []
    except OSError as error:
        raise ConfigError(f"cannot read {path}: {error.strerror}; choose another --out") from error
    # a lock alone is left by a process that was killed while it started
    if path.exists():
        check_no_links(path)
    names = [n for n in names if n != LOCK_NAME and not n.endswith(TEMPORARY_SUFFIX)]
    if names:
        raise ConfigError(
            f"a new run needs an empty directory, but {path} holds {min(names)}; "
            f"choose another --out"
        )
