"""`SearchContext`: what a method works with, complete from the start."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cache, partial
from typing import Protocol, TypeVar

from radars.data import BatchStream
from radars.engine.evaluations import Evaluations
from radars.engine.evaluator import Evaluator
from radars.engine.memory_guard import MemoryGuard
from radars.engine.memory_meter import Excess, MemoryMeter
from radars.engine.networks import Networks
from radars.engine.problem import SearchProblem
from radars.engine.sampler import Sampler
from radars.engine.trainer import Trainer
from radars.engine.within_memory import ever_smaller
from radars.execution.group import Group
from radars.nn.memory_saving.disk_offload import DiskOffload
from radars.runs.skipped import SkippedSteps
from radars.seeds import stable_seed
from radars.space import Architecture

Item = TypeVar("Item")
Result = TypeVar("Result")


class Workers(Protocol):
    """Does what can be done elsewhere, and by several at once."""

    def map(
        self,
        work: "Callable[[SearchContext, Item], Result]",
        tasks: Sequence[Item],
        while_waiting: Callable[[], None] = ...,
    ) -> Iterator[Result]:
        """Yields what `work`, a module's function, returns for each task, in their order.

        Args:
            work: given a context of its own, and the task.
            tasks: what is sent.
            while_waiting: called several times a second; what it raises ends the tasks.
        """
        ...


@dataclass(frozen=True)
class SearchContext:
    """The problem, and the parts that phases and methods are made of.

    Attributes:
        problem: the configuration, and what was made from it.
        guard: keeps steps within memory.
        trainer: trains paths and logits.
        evaluator: scores paths.
        sampler: draws architectures.
        networks: makes supernets and children.
        train_stream: training batches.
        validation_stream: validation batches.
        workers: who does what can be done elsewhere; None for nobody.
    """

    problem: SearchProblem
    guard: MemoryGuard
    trainer: Trainer
    evaluator: Evaluator
    sampler: Sampler
    networks: Networks
    train_stream: BatchStream
    validation_stream: BatchStream
    workers: Workers | None = None

    @classmethod
    def of(
        cls,
        problem: SearchProblem,
        *,
        group: Group | None = None,
        disk: DiskOffload | None = None,
        meter: MemoryMeter | None = None,
        on_out_of_memory: Callable[[int, int], None] = lambda expected_bytes, budget_bytes: None,
        on_excess: Callable[[Excess], None] = lambda excess: None,
        on_skip: Callable[[int], None] = lambda count: None,
        new_workers: Callable[[MemoryGuard, Evaluator, SkippedSteps], Workers] | None = None,
    ) -> "SearchContext":
        """The context of a search at its start.

        Args:
            problem: what is searched.
            group: the processes that train together; by default this one alone.
            disk: for weights that the host has no room for; None keeps them all in memory.
            meter: what was measured so far; by default nothing.
            on_out_of_memory: see `MemoryGuard`.
            on_excess: see `MemoryGuard`.
            on_skip: told how many steps were skipped, whenever there is one more.
            new_workers: makes the workers; None for none.
        """
        config, data = problem.config, problem.data
        batch_size, seed = config.data.batch_size, config.seed
        guard = MemoryGuard(
            problem.planner,
            meter or MemoryMeter(config.budget),
            problem.device,
            group or Group(),
            on_out_of_memory,
            on_excess,
        )
        skipped = SkippedSteps(
            config.max_skipped_steps, "optimizer.learning_rate or that of select or children"
        )
        skipped.on_skip = on_skip
        evaluations = Evaluations() if config.pareto else None
        evaluator = Evaluator(guard, problem.task, config.precision, data.validation, evaluations)
        return cls(
            problem=problem,
            guard=guard,
            trainer=Trainer(guard, problem.task, problem.objectives, config.precision, skipped),
            evaluator=evaluator,
            sampler=Sampler(
                problem.proxy, problem.feasible, guard, cache(partial(ever_smaller, problem))
            ),
            networks=Networks(problem, disk),
            train_stream=data.train.batches(
                batch_size, augment=config.data.augment, seed=stable_seed(seed, "train")
            ),
            validation_stream=data.validation.batches(
                batch_size, augment=False, seed=stable_seed(seed, "validation")
            ),
            workers=new_workers and new_workers(guard, evaluator, skipped),
        )

    def reward(self, architecture: Architecture, accuracy: float) -> float:
        """What a search maximises: the accuracy, and how near the costs are to soft targets."""
        return self.problem.objectives.reward(architecture, accuracy)
