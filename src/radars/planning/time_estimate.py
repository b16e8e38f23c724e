"""`expected_seconds`: how long a search of some space will take here, by made-up examples."""

from functools import partial
from typing import Any

import torch
from torch import Tensor

from radars.data import tensor_data
from radars.engine.given import Given
from radars.engine.problem import SearchProblem
from radars.engine.search_config import SearchConfig
from radars.engine.search_time import is_room_for, search_seconds
from radars.example import InputShape, blank, mapped
from radars.memory import Plan
from radars.space import SearchSpace, blank_output, building


def expected_seconds(
    space: SearchSpace, config: SearchConfig, input_shape: InputShape, plan: Plan
) -> float | None:
    """The expected time of a search without a time limit, in seconds. See `search_seconds`.

    Args:
        space: that is trained.
        config: the configuration of the search.
        input_shape: the shape of one example, without the batch.
        plan: the plan of its budget.
    """
    if not is_room_for(plan.memory.peak_bytes):  # so that there is room for the examples as well
        return None
    return search_seconds(_problem(space, config, input_shape), plan)


def _problem(space: SearchSpace, config: SearchConfig, input_shape: InputShape) -> SearchProblem:
    """A search of random examples, without constraints."""
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
    return SearchProblem.of(free, Given(space=space, data=data))


def _drawn(generator: torch.Generator, input_N: Tensor) -> Tensor:
    """Random numbers where it is of floats."""
    is_float = input_N.is_floating_point()
    return torch.randn(input_N.shape, generator=generator) if is_float else input_N
