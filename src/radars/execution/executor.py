"""Executors: where tasks run that do not need each other, and what each of them needs.

Results come in the order of submission, whatever is done first, and do not depend on where a task
ran: each has the threads that it asks for, since sums on a processor depend on their number.
"""

import os
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, wait
from concurrent.futures.process import BrokenProcessPool
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Literal, Self, TypeVar

import torch
from pydantic import BaseModel, ConfigDict, Field, model_validator

from radars.errors import RunError
from radars.execution.allocator import freed_memory_kept
from radars.execution.device import device_memory_bytes
from radars.execution.pool import ProcessPool, process_pool

Task = TypeVar("Task")
Result = TypeVar("Result")

POLL_SECONDS = 0.2


class ExecutorConfig(BaseModel):
    """Where tasks run. Results do not depend on it.

    Attributes:
        name: `local`, or `ray` for a Ray cluster.
        jobs: processes of `local` that work at once; 1 for this one only.
        address: the address of a running Ray cluster. None for `RAY_ADDRESS`, or else for a
            cluster that is started here and ends with the run.
        retries: how often a task is tried again whose worker was lost.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: Literal["local", "ray"] = "local"
    jobs: int = Field(1, ge=1)
    address: str | None = None
    retries: int = Field(2, ge=0)

    @model_validator(mode="after")
    def _check(self) -> "ExecutorConfig":
        if self.address is not None and self.name != "ray":
            raise ValueError("an address names a Ray cluster; add --executor ray")
        if self.jobs > 1 and self.name != "local":
            raise ValueError("jobs are processes of the local executor; leave one of the two out")
        return self


@dataclass(frozen=True)
class Needs:
    """What a task takes while it runs.

    Attributes:
        memory_bytes: bytes of the device; no step of the task holds more.
        num_threads: threads of the processor.
        device: what it runs on.
    """

    memory_bytes: int
    num_threads: int
    device: torch.device


@dataclass(frozen=True)
class Lost:
    """A worker that was lost, with the task that it ran.

    Attributes:
        task: index of the task.
        tries: how often it was tried so far.
        reason: what is known of it.
    """

    task: int
    tries: int
    reason: str


class Executor(ABC):
    """Runs tasks.

    Attributes:
        is_here: whether tasks run in this process, one after the other.
    """

    is_here = False

    @abstractmethod
    def map(
        self,
        function: Callable[[Task], Result],
        tasks: Sequence[Task],
        needs: Sequence[Needs],
        *,
        while_waiting: Callable[[], None] = lambda: None,
        on_lost: Callable[[Lost], None] = lambda lost: None,
    ) -> Iterator[Result]:
        """Yields what a function returns for each task, in the order of the tasks.

        Two tasks run on one device only where it has room for what both need. A task whose worker
        was lost is tried again.

        Args:
            function: what is run; it and the tasks can be sent to another process.
            tasks: what it is run on.
            needs: the needs of each task.
            while_waiting: called several times a second while a result is waited for; what it
                raises ends the tasks.
            on_lost: told of every worker that was lost.

        Raises:
            RunError: a task's worker was lost too often.
            ConfigError: as `check`.
        """

    def check(self, needs: Sequence[Needs]) -> None:  # noqa: B027 - most places refuse nothing
        """Refuses needs that can never be met here.

        Raises:
            ConfigError: one cannot.
        """


class LocalExecutor(Executor):
    """This process, one task after the other."""

    is_here = True

    def map(
        self,
        function: Callable[[Task], Result],
        tasks: Sequence[Task],
        needs: Sequence[Needs],
        *,
        while_waiting: Callable[[], None] = lambda: None,
        on_lost: Callable[[Lost], None] = lambda lost: None,
    ) -> Iterator[Result]:
        """See `Executor`."""
        return map(function, tasks)


class ProcessExecutor(Executor):
    """Processes of this machine, side by side; fewer where the device has no room for more.

    Used in a `with` block, which waits in the end for what still runs.

    Args:
        jobs: how many.
        retries: how often a task is tried again whose process was lost.
    """

    def __init__(self, jobs: int, retries: int = 2) -> None:
        self._jobs = jobs
        self._retries = retries
        self._pool: ProcessPool | None = None
        self._width = 0
        self._stack = ExitStack()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._stack.__exit__(kind, error, traceback)

    def map(
        self,
        function: Callable[[Task], Result],
        tasks: Sequence[Task],
        needs: Sequence[Needs],
        *,
        while_waiting: Callable[[], None] = lambda: None,
        on_lost: Callable[[Lost], None] = lambda lost: None,
    ) -> Iterator[Result]:
        """See `Executor`."""
        num_done = num_lost = 0
        while num_done < len(tasks):
            left = range(num_done, len(tasks))
            pool = self._pool_for([needs[index] for index in left])
            futures: list[Future[Result]] = []
            try:
                for index in left:
                    task = tasks[index], needs[index].num_threads
                    futures.append(pool.submit(run_task, function, *task))
                for future in futures:
                    result = _result(future, while_waiting)
                    num_done, num_lost = num_done + 1, 0
                    yield result
            except BrokenProcessPool as error:
                self._drop_pool()
                # which of them died is not known; the first that is not done stands for it
                num_lost += 1
                lost = Lost(num_done, num_lost, str(error))
                on_lost(lost)
                check_retries(lost, self._retries)
            finally:
                for future in futures:
                    future.cancel()

    def _pool_for(self, needs: Sequence[Needs]) -> ProcessPool:
        """The processes, kept from one map to the next where as many are wanted."""
        largest_bytes = max(1, *(known.memory_bytes for known in needs))
        room = device_memory_bytes(needs[0].device) // largest_bytes
        width = max(1, min(self._jobs, room))
        if self._pool is None or width != self._width:
            self._drop_pool()
            self._pool = self._stack.enter_context(process_pool(width, num_threads=1))
            self._width = width
        return self._pool

    def _drop_pool(self) -> None:
        self._pool = None
        self._stack.close()


def check_retries(lost: Lost, retries: int) -> None:
    """Ends the run where a task's worker was lost too often.

    Raises:
        RunError: it was.
    """
    if lost.tries > retries:
        raise RunError(
            f"a task is tried again {retries} times where its worker is lost, but task {lost.task} "
            f"was lost {lost.tries} times ({lost.reason}); look for what kills it, such as too "
            f"little memory, then continue with --resume, or raise executor.retries"
        )


def run_task(
    function: Callable[[Task], Result], task: Task, num_threads: int, folder: Path | None = None
) -> Result:
    """Runs a task in a worker, in the folder that relative paths are about."""
    torch.set_num_threads(num_threads)
    if folder is not None:
        with suppress(OSError):  # another machine need not have it
            os.chdir(folder)
    with freed_memory_kept():
        return function(task)


@contextmanager
def new_executor(config: ExecutorConfig) -> Iterator[Executor]:
    """The executor that a configuration names; what it started ends with the context.

    Raises:
        ConfigError: Ray is asked for and not installed, or no cluster answers.
    """
    if config.name == "ray":
        from radars.execution.ray_executor import RayExecutor

        with RayExecutor(config.address, config.retries) as cluster:
            yield cluster
    elif config.jobs > 1:
        with ProcessExecutor(config.jobs, config.retries) as processes:
            yield processes
    else:
        yield LocalExecutor()


def _result(future: "Future[Result]", while_waiting: Callable[[], None]) -> Result:
    while not wait([future], POLL_SECONDS).done:
        while_waiting()
    return future.result()
