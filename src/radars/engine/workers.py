"""`ExecutorWorkers`: what of a search can be done elsewhere, and by several at once.

A worker makes what it works with from the search's own configuration, so that a step there is the
same step, bit for bit.
"""

import uuid
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from functools import partial
from multiprocessing.reduction import ForkingPickler
from typing import NamedTuple, TypeVar

import torch

from radars.cost import LatencyRow
from radars.engine.context import SearchContext
from radars.engine.evaluations import Evaluation
from radars.engine.evaluator import Evaluator
from radars.engine.given import Given
from radars.engine.memory_guard import MemoryGuard
from radars.engine.memory_meter import MemoryMeter
from radars.engine.problem import SearchProblem
from radars.engine.search_config import SearchConfig
from radars.errors import ConfigError, first_line
from radars.execution.device import capped, reproducible
from radars.execution.executor import Executor, Lost, Needs
from radars.runs.skipped import SkippedSteps
from radars.space import Architecture

Item = TypeVar("Item")
Result = TypeVar("Result")

Work = Callable[[SearchContext, Item], Result]
"""A module's function: what is done to a task, with a context of its own."""


@dataclass(frozen=True)
class Origin:
    """What a search was made from, and so can be made from elsewhere.

    Attributes:
        config: the configuration.
        given: objects in the place of what it names.
        latencies: what was measured where the search began, and holds elsewhere too.
        key: tells this search from others.
    """

    config: SearchConfig
    given: Given = field(default_factory=Given)
    latencies: Sequence[LatencyRow] | None = None
    key: str = field(default_factory=lambda: uuid.uuid4().hex)

    def check_sendable(self) -> None:
        """Refuses what cannot be sent to another process of this machine.

        Raises:
            ConfigError: the space, the data or the task cannot, as they hold a lambda, say.
        """
        try:
            ForkingPickler.dumps(self)  # as they are sent
        except Exception as error:  # whatever an object raises that does not know how
            raise ConfigError(
                f"executor.jobs sends the space, the data and the task to other processes, but one "
                f"of them cannot be sent ({first_line(error)}); name space and data in the "
                f"configuration, make a task of a module's functions, or set executor.jobs to 1"
            ) from error

    def problem(self) -> SearchProblem:
        """The problem; made once for all tasks of a search that a process works on."""
        if self.key not in _problems:
            _problems.clear()
            _problems[self.key] = SearchProblem.of(
                self.config, self.given, latencies=self.latencies
            )
        return _problems[self.key]


class _Noted(NamedTuple):
    """What was seen elsewhere: memory, evaluations, how many steps were skipped."""

    meter: MemoryMeter
    evaluations: list[tuple[Architecture, Evaluation]]
    num_skipped: int


@dataclass(frozen=True)
class ExecutorWorkers:
    """Runs tasks of one search on an executor. See `Workers`.

    Attributes:
        executor: where.
        origin: the origin of the search.
        guard: the memory guard of the search; told what was measured elsewhere.
        evaluator: likewise, what was scored.
        skipped: likewise, how many steps were skipped.
        on_lost: told of every worker that was lost.
    """

    executor: Executor
    origin: Origin
    guard: MemoryGuard
    evaluator: Evaluator
    skipped: SkippedSteps
    on_lost: Callable[[Lost], None] = lambda lost: None

    def map(
        self,
        work: "Work[Item, Result]",
        tasks: Sequence[Item],
        while_waiting: Callable[[], None] = lambda: None,
    ) -> Iterator[Result]:
        """See `Workers`."""
        meter = self.guard.meter
        done = self.executor.map(
            partial(_work, self.origin, work, meter.copy()),
            tasks,
            [needs_of(meter.budget_bytes, self.guard.device)] * len(tasks),
            while_waiting=while_waiting,
            on_lost=self.on_lost,
        )
        for result, noted in done:
            self.guard.include(noted.meter)
            for architecture, known in noted.evaluations:
                self.evaluator.note(
                    architecture, known.accuracy, known.num_examples, is_alone=known.is_alone
                )
            self.skipped.add(noted.num_skipped)
            yield result


def needs_of(budget_bytes: int, device: torch.device) -> Needs:
    """What a task of this process's search needs: the budget, and the threads that it has here."""
    return Needs(budget_bytes, torch.get_num_threads(), device)


def _work(
    origin: Origin, work: "Work[Item, Result]", meter: MemoryMeter, task: Item
) -> tuple[Result, _Noted]:
    problem = origin.problem()
    context = SearchContext.of(problem, meter=meter.copy())
    skipped, evaluations = context.trainer.skipped, context.evaluator.evaluations
    with ExitStack() as stack:
        stack.enter_context(reproducible(problem.device))
        cap_bytes = problem.config.budget if problem.config.hard_cap else None
        stack.enter_context(capped(problem.device, cap_bytes))
        result = work(context, task)
        skipped.settle()
    scored = [] if evaluations is None else list(evaluations.items())
    return result, _Noted(context.guard.meter, scored, skipped.count)


_problems: dict[str, SearchProblem] = {}  # of this process, at most one
