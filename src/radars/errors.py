"""The errors of radars.

Every error is a `RadarsError` and also a builtin kind, so that it can be caught either way. Its
message is one or two lines: the rule, the value that broke it, the remedy. `exit_status` is the
exit status of the command line. `Stopped` alone is no error: the user wanted it.
"""

import difflib
import traceback
from collections.abc import Iterable
from pathlib import Path

_OWN = str(Path(__file__).parent)  # whose lines are not the user's


class RadarsError(Exception):
    """Base of all errors that radars raises on purpose."""

    exit_status = 1


class ConfigError(RadarsError, ValueError):
    """A setting, an option or a file that the user gave is not valid."""

    exit_status = 2


class SpaceError(RadarsError, ValueError):
    """A search space, a subspace or an architecture is not well formed."""

    exit_status = 2


class DataError(RadarsError, ValueError):
    """A data set cannot be found, read or used."""

    exit_status = 2


class BudgetError(RadarsError, MemoryError):
    """Even the smallest plan needs more memory than the budget.

    Attributes:
        needed_bytes: what it needs; None where that is not known.
    """

    exit_status = 3

    def __init__(self, message: str, needed_bytes: int | None = None) -> None:
        super().__init__(message)
        self.needed_bytes = needed_bytes


class RunError(RadarsError, RuntimeError):
    """A run cannot go on: a damaged checkpoint, a diverged loss, a full disk."""


class Stopped(RadarsError):  # noqa: N818 - nothing is wrong
    """The user interrupted the run; its state is saved, and it can be resumed."""

    exit_status = 130


class RadarsWarning(UserWarning):
    """Something that is likely not meant; on the command line, a note of one line."""


class StopSearch(Exception):  # noqa: N818 - nothing is wrong
    """Raised by a callback of `radars.search(on_event=...)` to stop it at the next step."""


class TestSplitError(RadarsError, RuntimeError):
    """The test split was read during a search."""

    __test__ = False  # not a test, whatever pytest thinks of its name


def first_line(error: BaseException) -> str:
    """The first line of an error's message, or its kind where it has none."""
    lines = str(error).strip().splitlines()
    return lines[0].strip() if lines else type(error).__name__


def root_cause(error: BaseException) -> BaseException:
    """The error that led to this one, in the end: it names what the others only pass on."""
    while error.__cause__ is not None:
        error = error.__cause__
    return error


def raised_at(error: BaseException) -> str:
    """` (net.py, line 12)`: the innermost line of the user's that it went through; or nothing."""
    frames = [
        frame
        for frame in traceback.extract_tb(error.__traceback__)
        if not frame.filename.startswith(_OWN) and "site-packages" not in frame.filename
    ]
    return f" ({frames[-1].filename}, line {frames[-1].lineno})" if frames else ""


def did_you_mean(given: str, known: Iterable[str]) -> str:
    """`; did you mean 'digits'?` where a known name is close, or `; give one of these`."""
    close = difflib.get_close_matches(given, list(known), n=1)
    return f"; did you mean {close[0]!r}?" if close else "; give one of these"
