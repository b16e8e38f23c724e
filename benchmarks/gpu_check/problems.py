"""Searches and data that the stages share."""

from collections.abc import Callable
from typing import Any

import torch

from gpu_check.stage import Setting
from radars.data import Data
from radars.data.tensors import tensor_data
from radars.engine.context import SearchContext
from radars.engine.given import Given
from radars.engine.problem import SearchProblem
from radars.engine.search_config import SearchConfig
from radars.space import Architecture, SearchSpace, Subspace

NEVER = 10**9  # steps that may be skipped: how many were is told
QUICK_SEARCH: dict[str, Any] = {
    "num_rounds": 1,
    "explore": {"steps": 12, "tuning_steps": 1, "reward_batches": 1, "ranker_draws": 4},
    "differentiate": {"steps": 4},
    "select": {"finalists": 2, "halving_steps": [2, 3]},
    "data": {"num_train": 200, "batch_size": 16},
    "max_skipped_steps": NEVER,
}
"""Settings of a search of the digits that takes seconds."""


def random_data(shape: tuple[int, ...], num_examples: int) -> Data:
    """Noise in ten classes: memory and time do not depend on values."""
    generator = torch.Generator().manual_seed(0)
    example_N = torch.randn(num_examples, *shape, generator=generator)
    return tensor_data(example_N, torch.arange(num_examples) % 10)


def context_of(
    setting: Setting,
    space: SearchSpace,
    batch_size: int,
    budget_bytes: int,
    on_out_of_memory: Callable[[int, int], None] = lambda expected_bytes, budget_bytes: None,
    **settings: Any,
) -> SearchContext:
    """What a search of a space on noise works with."""
    assert space.input_shape is not None
    given = Given(space=space, data=random_data(space.input_shape, 4 * batch_size))
    config = SearchConfig(
        device=str(setting.device),
        budget=budget_bytes,
        max_skipped_steps=NEVER,
        data={"batch_size": batch_size, "augment": False},
        **settings,
    )
    problem = SearchProblem.of(config, given)
    return SearchContext.of(problem, on_out_of_memory=on_out_of_memory)


def last_path(space: SearchSpace) -> Architecture:
    """The last candidate of every choice: the largest, in most spaces."""
    return space.made({choice: names[-1] for choice, names in space.full.items()})


def last_two(space: SearchSpace) -> Subspace:
    """The last two candidates of every choice."""
    return Subspace({choice: names[-2:] for choice, names in space.full.items()})
