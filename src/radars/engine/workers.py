"""`Workers`: what of a search can be done elsewhere, and by several at once.

A worker makes what it works with from the search's own configuration, so that a step there is the
same step, bit for bit.
"""

import uuid
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from functools import partial
from multiprocessing.reduction import ForkingPickler
from typing import Any, NamedTuple, TypeVar

import torch

from radars.cost import LatencyRow
from radars.data import Data
from radars.engine.memory_meter import MemoryMeter
from radars.engine.search_config import SearchConfig
from radars.engine.search_setup import SearchSetup
from radars.engine.workbench import Workbench
from radars.errors import ConfigError, first_line
from radars.execution.device import capped, reproducible
from radars.execution.executor import Executor, Lost, Needs
from radars.nn.task import CLASSIFICATION, Task
from radars.space import Architecture, SearchSpace

Item = TypeVar("Item")
Result = TypeVar("Result")

Work = Callable[[SearchSetup, Workbench, Item], Result]
"""A module's function: what is done to a task, with a search's setup and a bench of its own."""


@dataclass(frozen=True)
class Origin:
    """What a search was made from, and so can be made from elsewhere.

    Attributes:
        config: the configuration.
        space: as for `SearchSetup.of`; likewise the next three.
        proxy: the network that is trained.
        data: the splits.
        task: the loss and the score.
        latencies: what was measured where the search began, and holds elsewhere too.
        key: tells this search from others.
    """

    config: SearchConfig
    space: SearchSpace | None = None
    proxy: SearchSpace | None = None
    data: Data | None = None
    task: Task = CLASSIFICATION
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

    def setup(self) -> SearchSetup:
        """The setup; made once for all tasks of a search that a process works on."""
        if self.key not in _setups:
            _setups.clear()
            _setups[self.key] = SearchSetup.of(
                self.config,
                space=self.space,
                proxy=self.proxy,
                data=self.data,
                task=self.task,
                latencies=self.latencies,
            )
        return _setups[self.key]


class _Noted(NamedTuple):
    """What a bench elsewhere saw: memory, evaluations as plain values, steps that were skipped."""

    meter: MemoryMeter
    evaluations: list[list[Any]]
    num_skipped: int


@dataclass
class Workers:
    """Runs tasks of one search on an executor.

    Attributes:
        executor: where.
        origin: of the search.
        bench: the search's; told what was measured, scored and skipped elsewhere.
        while_waiting: called several times a second; what it raises ends the tasks.
        on_lost: told of every worker that was lost.
    """

    executor: Executor
    origin: Origin
    bench: Workbench
    while_waiting: Callable[[], None] = lambda: None
    on_lost: Callable[[Lost], None] = lambda lost: None

    def map(self, work: "Work[Item, Result]", tasks: Sequence[Item]) -> Iterator[Result]:
        """Yields what `work` returns for each task, in the order of the tasks."""
        bench = self.bench
        needs = needs_of(bench.meter.budget_bytes, bench.device)
        done = self.executor.map(
            partial(_work, self.origin, work, replace(bench.meter)),
            tasks,
            [needs] * len(tasks),
            while_waiting=self.while_waiting,
            on_lost=self.on_lost,
        )
        for result, noted in done:
            bench.meter.include(noted.meter)
            for architecture, *evaluation in noted.evaluations:
                accuracy, num_examples, is_alone = evaluation
                bench.note(Architecture(architecture), accuracy, num_examples, is_alone=is_alone)
            bench.skipped.add(noted.num_skipped)
            yield result


def needs_of(budget_bytes: int, device: torch.device) -> Needs:
    """What a task of this process's search needs: the budget, and the threads that it has here."""
    return Needs(budget_bytes, torch.get_num_threads(), device)


def _work(
    origin: Origin, work: "Work[Item, Result]", meter: MemoryMeter, task: Item
) -> tuple[Result, _Noted]:
    setup = origin.setup()
    setup.planner.tighten(meter.budget_bytes)  # where a device had less than was thought
    bench = setup.workbench()
    bench.meter = replace(meter)
    with ExitStack() as stack:
        stack.enter_context(reproducible(setup.device))
        cap_bytes = setup.config.budget if setup.config.hard_cap else None
        stack.enter_context(capped(setup.device, cap_bytes))
        result = work(setup, bench, task)
        bench.skipped.settle()
    evaluations = [] if bench.evaluations is None else bench.evaluations.values()
    return result, _Noted(bench.meter, evaluations, bench.skipped.count)


_setups: dict[str, SearchSetup] = {}  # of this process, at most one
