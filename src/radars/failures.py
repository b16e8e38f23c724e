"""What a network raises, said in a line that names the candidate; the traceback in a file."""

import os
import tempfile
import traceback
from collections.abc import Iterator
from contextlib import contextmanager

from radars.errors import RadarsError, StopSearch, first_line

_NO_FAILURES = (KeyboardInterrupt, GeneratorExit)
"""What ends a program, or a generator, from outside. All else is a failure, `sys.exit` too."""


class CallerError(Exception):
    """Carries what a callback of the caller raised, to be raised again as it is."""

    def __init__(self, original: Exception) -> None:
        super().__init__(original)
        self.original = original


@contextmanager
def callers_errors() -> Iterator[None]:
    """Within, what a callback raised (`CallerError`) goes on to the caller as it was."""
    try:
        yield
    except CallerError as error:
        raise error.original from None


@contextmanager
def named(what: str) -> Iterator[None]:
    """Within, what is raised is marked as coming from `what`, such as a candidate."""
    try:
        yield
    except _NO_FAILURES:
        raise
    except BaseException as error:
        if not isinstance(error, RadarsError):
            error.add_note(what)
        raise


@contextmanager
def failures_said(kind: type[RadarsError], what: str) -> Iterator[None]:
    """Within, what is raised and is no error of radars becomes one.

    Args:
        kind: the kind of the error.
        what: failed, where nothing within is named.

    Raises:
        RadarsError: an error of that kind, in one line.
    """
    try:
        yield
    except (RadarsError, StopSearch, CallerError, *_NO_FAILURES):
        raise
    except BaseException as error:
        where = next(iter(getattr(error, "__notes__", ())), what)
        raise kind(
            f"{where} failed with {said(error)}; {_remedy(error)}{traceback_file_said(error)}"
        ) from error


_REMEDIES = {
    "Expected more than 1 value per channel": "BatchNorm has no statistics of one example: raise "
    "batch_size, or use another normalisation",
    "the same dtype, but got Long": "the examples are integers, which stay what they are: pass "
    "floats, or let the first layer be an embedding",
    "Expected all tensors to be on the same device": "a tensor that the network or the loss holds "
    "is elsewhere: register it as a buffer, or move it to the device of its input",
}


def _remedy(error: BaseException) -> str:
    """What to do about an error, where many people meet it."""
    message = str(error)
    return next(
        (remedy for said, remedy in _REMEDIES.items() if said in message), "run it alone to see why"
    )


def said(error: BaseException) -> str:
    """The kind of an error, and the first line of its message."""
    return f"{type(error).__name__}: {first_line(error)[:200]}"


def traceback_file_said(error: BaseException) -> str:
    """Writes the traceback of an error to a file; says where, for the end of a message."""
    text = "".join(traceback.format_exception(error))
    try:
        descriptor, name = tempfile.mkstemp(".txt", "radars-traceback-")
        with os.fdopen(descriptor, "w", encoding="utf-8", errors="replace") as file:
            file.write(text)
    except OSError:  # the line that is printed has to do
        return ""
    return f" (its traceback is in {name})"
