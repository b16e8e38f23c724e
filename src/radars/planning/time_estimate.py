"""`expected_seconds`: how long a search will take here, by a few real steps on made-up examples."""

import time
from collections.abc import Callable
from functools import partial
from statistics import fmean
from typing import Any

import torch
from torch import Tensor

from radars.data import tensor_data
from radars.engine.context import SearchContext
from radars.engine.given import Given
from radars.engine.methods.method import Work
from radars.engine.phases.differentiate import PlannedSteps
from radars.engine.problem import SearchProblem
from radars.engine.search_config import SearchConfig
from radars.example import InputShape, blank, mapped
from radars.machine import usable_memory_bytes
from radars.memory import Plan
from radars.nn.steps import StepKind, architecture_step, weights_step
from radars.registries import METHODS
from radars.space import SearchSpace, blank_output, building

_NUM_PATHS = 3
_MOST_MEMORY = 0.5  # of what this process may use, for the largest step
_OTHER_WORK = 1.2  # evaluations, plans and checkpoints beside the training steps


def expected_seconds(
    space: SearchSpace, config: SearchConfig, input_shape: InputShape, plan: Plan
) -> float | None:
    """The expected time of a search without a time limit, and of its baselines, in seconds.

    Some paths and, where the method differentiates, the plan are trained for a step or two, and
    the method's steps counted.

    Args:
        space: that is trained.
        config: the configuration of the search.
        input_shape: the shape of one example, without the batch.
        plan: the plan of its budget.

    Returns:
        None where the method does not say how many steps it has, where steps are for a GPU, or
        where this machine has too little memory for them.
    """
    work: Work | None = METHODS.get(config.method).planned_work(config, space.full)
    is_small = plan.memory.peak_bytes <= _MOST_MEMORY * usable_memory_bytes()
    if work is None or not is_small:
        return None
    context = _context(space, config, input_shape)
    if context.problem.device.type != "cpu":
        return None
    path_seconds = _path_seconds(context)
    supernet_seconds = _supernet_seconds(context, plan) if work.supernet_steps else 0.0
    path_steps = work.path_steps + config.baseline.num_steps(space.num_architectures)
    paths, supernets = path_steps * path_seconds, work.supernet_steps * supernet_seconds
    return _OTHER_WORK * (paths + supernets)


def _context(space: SearchSpace, config: SearchConfig, input_shape: InputShape) -> SearchContext:
    """What a search of random examples works with, without constraints."""
    number = 8 * config.data.batch_size
    generator = torch.Generator().manual_seed(0)
    with building(torch.device("meta")):
        network = space.build(space.best())
    output = blank_output(network, 2, input_shape, space.input_dtype)
    example_N = blank(number, input_shape, space.input_dtype)
    data = tensor_data(
        mapped(partial(_drawn, generator), example_N),
        torch.arange(number) % output.shape[1],
        num_outputs=output.shape[1],
    )
    nothing: dict[str, Any] = {"constraints": (), "objectives": (), "pareto": ()}
    free = config.model_copy(update=nothing | {"space_options": {}, "proxy_options": {}})
    return SearchContext.of(SearchProblem.of(free, Given(space=space, data=data)))


def _drawn(generator: torch.Generator, input_N: Tensor) -> Tensor:
    """Random numbers where it is of floats."""
    is_float = input_N.is_floating_point()
    return torch.randn(input_N.shape, generator=generator) if is_float else input_N


def _path_seconds(context: SearchContext) -> float:
    """The mean time of a training step of a path, over random paths."""
    supernet, generator = context.networks.new_supernet(), torch.Generator().manual_seed(0)
    seconds = []
    for _ in range(_NUM_PATHS):
        path = context.problem.proxy.random_architecture(generator)
        if not context.guard.fits(path):
            path = context.problem.planner.smallest_path()
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
    """The time of a step when it is run the second time: the first one makes and traces things."""
    step()
    start = time.perf_counter()
    step()
    return time.perf_counter() - start
