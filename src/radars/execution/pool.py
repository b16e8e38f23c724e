"""`ProcessPool`: processes side by side, which stop when this one is told to, or dies."""

import os
import signal
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ProcessPoolExecutor
from contextlib import contextmanager
from multiprocessing import active_children, get_context, parent_process
from typing import TypeVar

import torch

from radars.errors import Stopped

Result = TypeVar("Result")

_is_stopped = False


class ProcessPool:
    """Runs tasks in processes of its own; see `process_pool`."""

    def __init__(self, pool: ProcessPoolExecutor) -> None:
        self._pool = pool

    def submit(self, function: Callable[..., Result], *arguments: object) -> "Future[Result]":
        """Calls a function when a process is free."""
        return self._pool.submit(_run, function, *arguments)


@contextmanager
def process_pool(num_processes: int, num_threads: int) -> Iterator[ProcessPool]:
    """Processes that are gone when the block ends, however it ends.

    Where it ends by Ctrl-C or another error, each process is told once to stop, which lets a run in
    it save and leave (`Interrupt`), and begins no other task. Keys that are pressed in a terminal
    reach this process alone. Where this process is killed, the others are told the same.

    Args:
        num_processes: side by side.
        num_threads: the number of threads of each process.

    Raises:
        Stopped: Ctrl-C was pressed.
    """
    before = set(active_children())
    with ProcessPoolExecutor(
        num_processes, get_context("spawn"), initializer=_begin, initargs=(num_threads,)
    ) as pool:
        try:
            yield ProcessPool(pool)
        except BaseException as error:
            pool.shutdown(wait=False, cancel_futures=True)
            for process in set(active_children()) - before:
                process.terminate()
            if isinstance(error, KeyboardInterrupt):
                raise Stopped("it was interrupted, and what is done is saved") from error
            raise


def _begin(num_threads: int) -> None:
    """What each process begins with."""
    torch.set_num_threads(num_threads)
    os.setpgid(0, 0)  # or Ctrl-C in a terminal would reach it a second time, and cut its saving off
    threading.Thread(target=_leave_with_parent, daemon=True).start()


def _leave_with_parent() -> None:
    parent = parent_process()
    assert parent is not None
    parent.join()
    os.kill(os.getpid(), signal.SIGTERM)


def _run(function: Callable[..., Result], *arguments: object) -> Result:
    global _is_stopped
    if _is_stopped:  # handed over before it was known that the rest is not wanted
        raise Stopped("it was interrupted before it began")
    try:
        return function(*arguments)
    except Stopped as error:
        _is_stopped = True
        parent = parent_process()
        if parent is None or not parent.is_alive():
            os._exit(error.exit_status)
        raise
