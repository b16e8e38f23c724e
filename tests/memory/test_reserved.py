import gc

import pytest
import torch
from tests.tiny import tiny_space, zoo_space

from radars.memory import PLAIN, MemorySavings, TrainingSpec
from radars.memory.allocation_order import Allocation, AllocationOrder
from radars.memory.floor import measured_floor_bytes
from radars.memory.predict import kinds_of, predict, run_step
from radars.memory.reserved import ReservedMemory, predict_reserved, replayed
from radars.nn.steps import Precision, StepKind
from radars.nn.supernet import Supernet
from radars.space import Architecture, SearchSpace, Subspace
from radars.units import MIB

TINY = tiny_space()


def order(resident: list[int], events: list[tuple[int, int | None]]) -> AllocationOrder:
    """What is there before is named 1, 2 and so on."""
    known = dict(enumerate(resident, start=1))
    return AllocationOrder(known, [Allocation(*event) for event in events])


def test_a_step_takes_what_is_free_of_the_segments_that_are_there() -> None:
    step = order([3 * MIB], [(-1, 8 * MIB), (-2, 8 * MIB), (-1, None), (-3, 9 * MIB), (-2, None)])
    # 3, 8 and 8 share 20 MiB, the last with the 1 MiB that is left; then 9 needs another segment
    assert replayed([step]) == ReservedMemory(40 * MIB, 21 * MIB)


def test_what_a_step_leaves_is_freed_before_the_next_one_and_no_empty_tensor_counts() -> None:
    step = order([0], [(-1, 30 * MIB), (-2, 0), (-2, None)])
    assert replayed([step]) == ReservedMemory(30 * MIB, 30 * MIB)


def test_what_a_step_frees_of_what_was_there_is_made_again_for_the_next_one() -> None:
    step = order([30 * MIB], [(-1, 34 * MIB), (1, None)])
    assert replayed([step]) == ReservedMemory(64 * MIB, 64 * MIB)


def test_steps_in_turn_reserve_more_than_each_alone() -> None:
    first = order([], [(-1, 30 * MIB)])
    second = order([], [(-1, 16 * MIB), (-2, 16 * MIB)])
    assert replayed([first]).reserved_bytes == 30 * MIB
    assert replayed([second]).reserved_bytes == 32 * MIB
    # 16 of the 30 are taken; the other 14 are not enough for the next
    assert replayed([first, second]).reserved_bytes == 46 * MIB


def test_the_floor_is_there_first() -> None:
    step = order([], [(-1, 30 * MIB)])
    assert replayed([step], floor_bytes=64 * MIB).reserved_bytes == 94 * MIB


@pytest.mark.parametrize("live", [TINY.best(), TINY.full])
def test_a_small_step_fits_a_segment_of_small_tensors(live: Subspace | Architecture) -> None:
    spec = TrainingSpec((1, 8, 8), 8, device_type="cuda")
    reserved = predict_reserved(TINY, live, spec)
    assert reserved.reserved_bytes == 2 * MIB
    assert reserved.allocated_bytes < 2 * MIB


@pytest.mark.parametrize("savings", [PLAIN, MemorySavings(recompute=1.0)])
def test_a_traced_step_reserves_the_same_again_and_at_least_what_its_tensors_hold(
    savings: MemorySavings,
) -> None:
    space = zoo_space("digits")
    spec = TrainingSpec((1, 8, 8), 512, device_type="cuda", floor_bytes=64 * MIB)
    steps = [(kind, savings) for kind in spec.training_kinds]
    reserved, again = (predict_reserved(space, space.full, spec, steps) for _ in range(2))
    assert reserved == again
    assert reserved.reserved_bytes % (2 * MIB) == 0
    held_bytes = predict(space, space.full, spec, savings=savings).peak_bytes
    assert held_bytes <= reserved.allocated_bytes <= reserved.reserved_bytes


def measured(space: SearchSpace, live: Subspace, spec: TrainingSpec) -> int:
    """What the allocator of a GPU has reserved after a few steps of each kind."""
    gc.collect()
    torch.cuda.empty_cache()
    torch.cuda.reset_peak_memory_stats()
    supernet = Supernet(space, live, spec.relaxation, optimizer=spec.optimizer, device=spec.device)
    batch = [each.clone() for each in spec.batch()]
    for _ in range(4):
        for kind in kinds_of(live, spec.training_kinds):
            run_step(kind, supernet, batch, spec.precision)
    return torch.cuda.max_memory_reserved()


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
@pytest.mark.parametrize("precision", ["32-true", "bf16-mixed"])
@pytest.mark.parametrize("name", ["digits", "nasbench-macro"])
def test_a_gpu_reserves_what_is_predicted(name: str, precision: Precision) -> None:
    floor_bytes = measured_floor_bytes(torch.device("cuda"))
    space = zoo_space(name)
    assert space.input_shape is not None
    spec = TrainingSpec(
        space.input_shape, 64, precision=precision, device_type="cuda", floor_bytes=floor_bytes
    )
    two = Subspace({choice: names[-2:] for choice, names in space.full.items()})
    for live in (space.best().as_subspace(), two):
        reserved_bytes = measured(space, live, spec)
        predicted = predict_reserved(space, live, spec)
        assert abs(predicted.reserved_bytes / reserved_bytes - 1) <= 0.1, live


def test_architecture_steps_are_left_out_where_nothing_is_left_to_choose() -> None:
    spec = TrainingSpec((1, 8, 8), 256, device_type="cuda")
    weights = predict_reserved(TINY, TINY.best(), spec, [(StepKind.WEIGHTS, PLAIN)])
    assert predict_reserved(TINY, TINY.best(), spec) == weights
