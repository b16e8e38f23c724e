from dataclasses import replace

import pytest
from tests.tiny import quick_config, tiny_space

from radars.engine.problem import new_planner, training_spec
from radars.errors import BudgetError
from radars.memory import PLAIN, MemorySavings, Planner, TrainingSpec
from radars.memory.reserved import predict_reserved
from radars.units import MIB

SPACE = tiny_space()
HELD = TrainingSpec((1, 8, 8), 1024, device_type="cuda")
RESERVED = replace(HELD, counts_reserved=True)
SETTINGS = (PLAIN, MemorySavings(recompute=1.0))
ROOMY = 2**40


def planner(spec: TrainingSpec, budget_bytes: int) -> Planner:
    return Planner(SPACE, spec, budget_bytes, settings=SETTINGS)


def test_what_counts_is_what_tensors_hold_or_what_is_reserved() -> None:
    held, reserved = planner(HELD, ROOMY), planner(RESERVED, ROOMY)
    held_bytes = held.counted_bytes(SPACE.full)
    assert held_bytes == held.predict(SPACE.full).peak_bytes
    reserved_bytes = reserved.counted_bytes(SPACE.full)
    assert reserved_bytes == predict_reserved(SPACE, SPACE.full, HELD).reserved_bytes
    assert held_bytes < reserved_bytes
    assert reserved.predict(SPACE.full).peak_bytes == held_bytes


def test_a_plan_under_a_cap_is_reserved_within_it() -> None:
    whole_bytes = planner(RESERVED, ROOMY).counted_bytes(SPACE.full)
    assert planner(RESERVED, whole_bytes).plan().measures == ()
    tight_bytes = whole_bytes - 1
    assert planner(HELD, tight_bytes).plan().measures == ()  # its tensors would fit
    tight = planner(RESERVED, tight_bytes)
    plan = tight.plan()
    assert plan.measures
    assert tight.reserved_bytes(plan) <= tight_bytes


def test_a_refusal_says_what_would_be_reserved() -> None:
    with pytest.raises(BudgetError) as refusal:
        planner(RESERVED, MIB).plan()
    assert (refusal.value.needed_bytes or 0) >= 2 * MIB  # a segment of the allocator


def test_by_prices_tensors_have_a_part_of_the_budget() -> None:
    assert planner(HELD, ROOMY).tensor_budget_bytes == ROOMY
    capped = planner(RESERVED, ROOMY)
    smallest = capped.smallest_path()
    ratio = capped.path_reserved_bytes(smallest) / capped.predict(smallest).peak_bytes
    assert capped.tensor_budget_bytes <= ROOMY / ratio < ROOMY


def test_a_hard_cap_counts_what_is_reserved_and_only_on_a_gpu() -> None:
    for device, hard_cap in (("cpu", True), ("cuda", False), ("cuda", True)):
        spec = training_spec(quick_config(device=device, hard_cap=hard_cap), (1, 8, 8))
        assert spec.counts_reserved == (device == "cuda" and hard_cap)
    capped = new_planner(SPACE, quick_config(device="cuda", hard_cap=True, budget=ROOMY), (1, 8, 8))
    plan = capped.plan_path(capped.largest_path())
    assert capped.reserved_bytes(plan) == capped.counted_bytes(plan.subspace, plan.savings)
