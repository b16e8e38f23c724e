"""On a GPU, candidates that are not live stay there as long as the budget has room."""

import pytest
import torch
from tests.tiny import MIB, quick_config, tiny_data, tiny_space

from radars.engine.context import SearchContext
from radars.engine.given import Given
from radars.engine.phases.differentiate import PlannedSteps
from radars.engine.problem import SearchProblem

pytestmark = pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")


def context_within(budget: int) -> SearchContext:
    config = quick_config(device="cuda", budget=budget, max_skipped_steps=10**6)
    return SearchContext.of(SearchProblem.of(config, Given(space=tiny_space(), data=tiny_data())))


def explored(context: SearchContext, num_steps: int = 30) -> tuple[int, int]:
    """The most that the allocator held in steps on paths, and the most that was idle then."""
    supernet, generator = context.networks.new_supernet(), torch.Generator().manual_seed(0)
    held_bytes = idle_bytes = 0
    for _ in range(num_steps):
        path = context.sampler.draw_uniform(generator)
        torch.cuda.reset_peak_memory_stats()
        context.trainer.train_path(supernet, path, context.train_stream.next())
        held_bytes = max(held_bytes, torch.cuda.max_memory_allocated())
        idle_bytes = max(idle_bytes, supernet.idle_bytes)
    supernet.release()
    assert supernet.idle_bytes == 0
    return held_bytes, idle_bytes


def test_idle_candidates_stay_within_the_budget() -> None:
    roomy = context_within(256 * MIB)
    held_bytes, idle_bytes = explored(roomy)
    assert 0 < idle_bytes <= roomy.guard.idle_bytes
    assert held_bytes <= 256 * MIB
    budget = 256 * MIB - roomy.guard.idle_bytes + 3 * idle_bytes // 4  # room for some
    context = context_within(budget)
    held_bytes, some_bytes = explored(context)
    assert 0 < some_bytes < idle_bytes
    assert held_bytes <= budget
    assert context.guard.meter.largest_excess is None


def test_nothing_stays_beside_a_plan_that_may_take_all() -> None:
    context = context_within(256 * MIB)
    supernet, generator = context.networks.new_supernet(), torch.Generator().manual_seed(0)
    for _ in range(5):
        path = context.sampler.draw_uniform(generator)
        context.trainer.train_path(supernet, path, context.train_stream.next())
    assert supernet.idle_bytes > 0
    PlannedSteps(context, supernet, context.guard.planner.plan()).begin(None)
    assert supernet.idle_bytes == 0
