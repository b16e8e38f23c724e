"""Batches that several architectures are evaluated on go to a GPU once, where the budget has room.

Where the device is the CPU, the room is made up: what stays and what leaves is the same.
"""

import pytest
import torch
from tests.engine.test_idle_memory import context_within
from tests.tiny import MIB, quick_config, tiny_data, tiny_space

from radars.data import Batch, move
from radars.engine.context import SearchContext
from radars.engine.given import Given
from radars.engine.kept_batches import KeptBatches
from radars.engine.memory_guard import MemoryGuard
from radars.engine.memory_meter import GuardedStep
from radars.engine.method_config import PolicyUpdatesConfig
from radars.engine.phases.differentiate import PlannedSteps
from radars.engine.phases.train_paths import update_policy
from radars.engine.policies.lstm import LSTMController, LSTMControllerConfig
from radars.engine.problem import SearchProblem
from radars.space import Architecture

needs_gpu = pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
PATHS = [Architecture(dict.fromkeys("abc", name)) for name in ("conv3", "mb2")]
BATCH_BYTES = 1024 + 512  # of those below: examples, and labels in a block of their own


def batches(number: int) -> list[Batch]:
    return [Batch(torch.zeros(64, 4), torch.zeros(64, dtype=torch.int64)) for _ in range(number)]


def all_of(kept: KeptBatches, number: int, key: str, room_bytes: int) -> list[Batch]:
    """What comes of so many batches where there is so much room."""

    def make_room() -> None:
        if kept.held_bytes > room_bytes:
            kept.release()

    return list(kept.each(key, batches(number), make_room))


def test_batches_that_there_is_room_for_come_once() -> None:
    kept = KeptBatches()
    first = all_of(kept, 3, "a", 3 * BATCH_BYTES)
    assert kept.held_bytes == 3 * BATCH_BYTES
    again = all_of(kept, 3, "a", 3 * BATCH_BYTES)
    assert all(one is other for one, other in zip(first, again, strict=True))
    assert all_of(kept, 2, "b", 3 * BATCH_BYTES)[0] is not first[0]
    assert kept.held_bytes == 2 * BATCH_BYTES


def test_batches_that_there_is_no_room_for_come_each_time() -> None:
    kept = KeptBatches()
    first = all_of(kept, 3, "a", 2 * BATCH_BYTES)
    assert (len(first), kept.held_bytes) == (3, 0)
    assert all_of(kept, 3, "a", 3 * BATCH_BYTES)[0] is not first[0]


def test_batches_of_an_evaluation_that_ended_early_are_not_taken_for_all() -> None:
    kept = KeptBatches()
    next(kept.each("a", batches(3), lambda: None))
    assert len(all_of(kept, 3, "a", 3 * BATCH_BYTES)) == 3
    assert kept.held_bytes == 3 * BATCH_BYTES


@pytest.fixture
def moved(monkeypatch: pytest.MonkeyPatch) -> list[Batch]:
    """The batches that an evaluator has brought to the device so far."""
    known: list[Batch] = []

    def noted(batch: Batch, device: torch.device) -> Batch:
        known.append(batch)
        return move(batch, device)

    monkeypatch.setattr("radars.engine.evaluator.move", noted)
    return known


def context_with_room(monkeypatch: pytest.MonkeyPatch, room_bytes: int) -> SearchContext:
    monkeypatch.setattr(MemoryGuard, "idle_bytes", property(lambda guard: room_bytes))
    problem = SearchProblem.of(quick_config(), Given(space=tiny_space(), data=tiny_data()))
    return SearchContext.of(problem)


def accuracies(context: SearchContext) -> list[float]:
    supernet = context.networks.new_supernet()
    return [context.evaluator.accuracy(supernet, path, 16) for path in PATHS]


def test_the_validation_part_goes_to_the_device_once(
    monkeypatch: pytest.MonkeyPatch, moved: list[Batch]
) -> None:
    known = accuracies(context_with_room(monkeypatch, 0))
    num_batches = len(moved) // 2
    assert num_batches > 1
    moved.clear()
    context = context_with_room(monkeypatch, 64 * MIB)
    assert accuracies(context) == known
    assert len(moved) == num_batches
    assert 0 < context.guard.kept.held_bytes <= 32 * MIB
    moved.clear()
    half_bytes = context.guard.kept.held_bytes // 2
    assert accuracies(context_with_room(monkeypatch, 2 * half_bytes)) == known
    assert len(moved) == 2 * num_batches


def test_a_policy_update_moves_its_batch_once(moved: list[Batch]) -> None:
    problem = SearchProblem.of(quick_config(), Given(space=tiny_space(), data=tiny_data()))
    context = SearchContext.of(problem)
    controller = LSTMController(problem.proxy.full, LSTMControllerConfig(), 0)
    update_policy(context, context.networks.new_supernet(), controller, PolicyUpdatesConfig())
    assert len(moved) == 1


def test_kept_batches_leave_for_a_step_that_needs_their_room(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    context = context_with_room(monkeypatch, 64 * MIB)
    accuracies(context)
    guard, kept_bytes = context.guard, context.guard.kept.held_bytes
    supernet, batch = context.networks.new_supernet(), context.train_stream.next()
    step = GuardedStep(lambda: torch.zeros(()), supernet, batch)
    guard.run(step, guard.planner.budget_bytes - kept_bytes)
    assert guard.kept.held_bytes == kept_bytes
    guard.run(step, guard.planner.budget_bytes - kept_bytes + 1)
    assert guard.kept.held_bytes == 0


@needs_gpu
def test_kept_batches_are_within_the_budget_but_of_no_step() -> None:
    context = context_within(256 * MIB)
    guard, supernet = context.guard, context.networks.new_supernet()
    context.evaluator.accuracy(supernet, PATHS[1], 64)
    assert guard.kept.held_bytes > 0
    for path in PATHS:
        torch.cuda.reset_peak_memory_stats()
        context.trainer.train_path(supernet, path, context.train_stream.next())
        assert torch.cuda.max_memory_allocated() <= 256 * MIB
    assert guard.meter.largest_excess is None
    predicted_bytes = guard.meter.predicted_peak_bytes
    assert guard.meter.measured_peak_bytes == pytest.approx(predicted_bytes, rel=0.02)
    PlannedSteps(context, supernet, guard.planner.plan()).begin(None)
    assert guard.kept.held_bytes == 0
