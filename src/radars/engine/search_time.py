"""`search_seconds`: how long a search will take here, by a few real steps before it begins."""

import time
from collections.abc import Callable
from statistics import fmean, median

import torch

from radars.engine.context import SearchContext
from radars.engine.methods.method import Work
from radars.engine.phases.differentiate import PlannedSteps
from radars.engine.problem import SearchProblem
from radars.errors import BudgetError
from radars.execution.executor import ExecutorConfig
from radars.machine import usable_memory_bytes
from radars.memory import Plan
from radars.nn.memory_saving.savings import PLAIN
from radars.nn.steps import StepKind, architecture_step, weights_step
from radars.registries import METHODS
from radars.seeds import drawn_on_host

_NUM_PATHS = 3
_MOST_REPEATS = 5  # of a step
_LONG_ENOUGH = 0.1  # seconds of timed steps: of a long one, one is enough
_MOST_MEMORY = 0.5  # of what this process may use, for the largest step
_FORWARD = 1 / 3  # of a training step: what it takes to score a batch
_OTHER_WORK = 1.2  # other evaluations, plans and checkpoints beside the training steps


def search_seconds(problem: SearchProblem, plan: Plan | None = None) -> float | None:
    """The expected time of a search without a time limit, and of its baselines, in seconds.

    Some paths and, where the method differentiates, the plan are trained for a step or two, and
    the method's steps counted. Weights, batches and random draws are none of the search's: what it
    finds does not depend on this.

    Args:
        problem: what is searched. Its planner heeds another record of memory afterwards, until
            `MemoryGuard.follow_meter` is called.
        plan: the plan of the supernet steps, where it is made already.

    Returns:
        None where the method does not say how many steps it has, where steps are for a GPU or for
        several processes, or where this machine has too little memory for them.
    """
    config, method = problem.config, METHODS.get(problem.config.method)
    work: Work | None = method.planned_work(config, problem.proxy.full)
    is_alone = config.num_processes == 1 and config.executor == ExecutorConfig()
    is_known = problem.device.type == "cpu" and is_alone and not method.is_second_order(config)
    if work is None or not is_known:
        return None
    try:
        with drawn_on_host(config.seed, "search time"):
            return _seconds(SearchContext.of(problem), work, plan)
    except BudgetError:
        return None  # the search itself will say so


def is_room_for(num_bytes: float) -> bool:
    """Whether this machine has room for a step that is only there to be timed."""
    return num_bytes <= _MOST_MEMORY * usable_memory_bytes()


def _seconds(context: SearchContext, work: Work, plan: Plan | None) -> float | None:
    """The time of each kind of step times their number; None where memory is too small."""
    problem, planner, seconds = context.problem, context.problem.planner, 0.0
    beside = problem.config.baseline.num_steps(problem.space.num_architectures)
    path_steps = work.path_steps + beside
    if path_steps:
        if not is_room_for(planner.expected_path_bytes(planner.largest_path())):
            return None
        seconds += (path_steps + _FORWARD * work.scored_batches) * _path_seconds(context)
    if work.supernet_steps:
        plan = _whole(problem) if work.is_whole else plan or planner.plan()
        if not is_room_for(plan.memory.peak_bytes):
            return None
        seconds += work.supernet_steps * _supernet_seconds(context, plan)
    return _OTHER_WORK * seconds


def _whole(problem: SearchProblem) -> Plan:
    """The plan that keeps every candidate, without savings."""
    full = problem.proxy.full
    return Plan(full, PLAIN, problem.planner.predict(full))


def _path_seconds(context: SearchContext) -> float:
    """The mean time of a training step of a path, over random paths."""
    supernet, generator = context.networks.new_supernet(), torch.Generator().manual_seed(0)
    seconds = []
    for _ in range(_NUM_PATHS):
        path = context.sampler.draw_uniform(generator)
        batch = context.train_stream.next()
        seconds.append(_timed(lambda: context.trainer.train_path(supernet, path, batch)))  # noqa: B023
    return fmean(seconds)


def _supernet_seconds(context: SearchContext, plan: Plan) -> float:
    """The time of an iteration of differentiating: a weights step and an architecture step."""
    steps = PlannedSteps(context, context.networks.new_supernet(), plan)
    full = context.problem.proxy.full
    steps.begin({choice: dict.fromkeys(names, 0.0) for choice, names in full.items()})
    batch = context.trainer.to_device(context.train_stream.next())

    def iteration() -> None:
        steps.run(StepKind.WEIGHTS, weights_step, batch)
        steps.run(
            StepKind.ARCHITECTURE,
            architecture_step,
            batch,
            regulariser=context.trainer.regulariser(),
        )

    return _timed(iteration)


def _timed(step: Callable[[], object]) -> float:
    """The time of a step, the median of a few: the first one, which traces things, not counted."""
    step()
    seconds: list[float] = []
    while len(seconds) < _MOST_REPEATS and sum(seconds) < _LONG_ENOUGH:
        start = time.perf_counter()
        step()
        seconds.append(time.perf_counter() - start)
    return median(seconds)
