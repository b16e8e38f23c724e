"""What Ctrl-C and SIGTERM do to a command: it is stopped, and that is remembered."""

import signal
from types import FrameType

_numbers: list[int] = []


def listen() -> None:
    """From now on either raises `KeyboardInterrupt`, unless Ctrl-C is ignored.

    What a scheduler sends ends any command as Ctrl-C does; a search and a training save first.
    """
    _numbers.clear()
    signal.signal(signal.SIGTERM, _stop)
    if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
        signal.signal(signal.SIGINT, _stop)


def stop_listening() -> None:
    """From now on neither does anything: the command has ended, and only Python is to close.

    There an exception would be a traceback of whatever closes, and later the signal would end the
    process in the place of the command's status.
    """
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    signal.signal(signal.SIGINT, signal.SIG_IGN)


def was_stopped() -> bool:
    """Whether one came: a library may have taken `KeyboardInterrupt` for an error of its own."""
    return bool(_numbers)


def _stop(number: int, frame: FrameType | None) -> None:
    _numbers.append(number)
    raise KeyboardInterrupt
