"""How a command ends where it does not succeed: one line on standard error, and an exit status."""

import os
import sys
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TextIO

import typer

from radars.cli.stopping import was_stopped
from radars.errors import ConfigError, RadarsError, RadarsWarning, Stopped, first_line
from radars.failures import said, traceback_file_said

_LONGEST_MESSAGE = 600
_COMPLETION = "_RADARS_COMPLETE"
# the base of what is raised for wrong options, which typer has of its own or takes from click
_UsageError: Any = typer.BadParameter.__mro__[1]


@contextmanager
def errors_in_a_line() -> Iterator[None]:
    """Within, an error ends the process with one line instead of a traceback.

    What is raised that is no error of radars, `sys.exit` in a user's code too, is one line as well,
    with its traceback in a file.

    Raises:
        SystemExit: with the exit status of the error.
    """
    try:
        yield
    except _UsageError as error:
        message = error.format_message()
        if message:  # not where help was printed, as nothing was asked for
            command = "radars" if error.ctx is None else error.ctx.command_path
            _say(f"error: {message[:1].lower()}{message[1:].rstrip('.?')}; see {command} --help")
        sys.exit(ConfigError.exit_status)
    except RadarsError as error:
        if error.exit_status == ConfigError.exit_status:  # of input that was read half
            _end_where_stopped()
        label = "stopped" if isinstance(error, Stopped) else "error"
        message = str(error)
        if len(message) > _LONGEST_MESSAGE:  # it names something huge
            message = f"{message[:_LONGEST_MESSAGE]}..."
        _say(f"{label}: {message}")
        sys.exit(error.exit_status)
    except OSError as error:
        _end_where_nobody_reads(error)
        _say(f"error: {_refusal(error)}")
        sys.exit(1 if error.filename is None else ConfigError.exit_status)
    except (KeyboardInterrupt, typer.Abort):
        _say("stopped")
        sys.exit(Stopped.exit_status)
    except BaseException as error:  # a user's code raises what it likes
        if isinstance(error, SystemExit) and os.environ.get(_COMPLETION):
            raise  # how a shell is told what may come next
        _end_where_nobody_reads(error.__context__)
        _end_where_stopped()
        _say(f"error: the command failed with {said(error)}{traceback_file_said(error)}")
        sys.exit(1)


@contextmanager
def notes_in_a_line() -> Iterator[None]:
    """Within, a warning of radars is a line on standard error, without a place in code."""
    with warnings.catch_warnings():
        show = warnings.showwarning

        def show_or_say(
            message: Warning | str,
            category: type[Warning],
            filename: str,
            lineno: int,
            file: TextIO | None = None,
            line: str | None = None,
        ) -> None:
            if issubclass(category, RadarsWarning):
                _say(f"note: {message}")
            else:
                show(message, category, filename, lineno, file, line)

        warnings.simplefilter("default", RadarsWarning)
        warnings.showwarning = show_or_say
        yield


def _end_where_stopped() -> None:
    """Ends the process if it was stopped: a library caught that, and stumbled.

    Raises:
        SystemExit: it was.
    """
    if was_stopped():
        _say("stopped")
        sys.exit(Stopped.exit_status)


def _end_where_nobody_reads(error: BaseException | None) -> None:
    """Ends the process without a word if its output was closed, as `radars spaces | head -1` does.

    Raises:
        SystemExit: it was.
    """
    if isinstance(error, BrokenPipeError):
        # or Python says it again when it exits
        sys.stdout = sys.stderr = Path(os.devnull).open("w")  # noqa: SIM115
        sys.exit(1)


def _refusal(error: OSError) -> str:
    """What the system does not let us do, in a line."""
    reason = error.strerror or first_line(error)
    if error.filename is None:
        return f"the system refused it: {reason}; see whether a disk is full or gone"
    return f"cannot use {str(error.filename)[:80]!r}: {reason}; check the path and its permissions"


def _say(line: str) -> None:
    print(printable(" ".join(line.splitlines())), file=sys.stderr)


def printable(text: str) -> str:
    """The text without what moves the cursor, whatever a file, a class or a candidate is called."""
    return "".join(letter if letter.isprintable() or letter == "\n" else "?" for letter in text)
