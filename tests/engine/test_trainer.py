from collections.abc import Callable
from typing import Any

import pytest
import torch
from tests.engine.on_paths import ALLOWED, LARGEST, ROOMY, problem_of
from torch import Tensor

from radars.engine.context import SearchContext
from radars.errors import RunError
from radars.memory import MemorySavings
from radars.nn.steps import weights_step
from radars.nn.supernet import Supernet


@pytest.mark.parametrize(
    "needed", [MemorySavings(), MemorySavings(selective=1.0), ALLOWED[-1]], ids=str
)
def test_a_path_is_trained_within_the_budget_and_metered(needed: MemorySavings) -> None:
    problem = problem_of(int(1.05 * ROOMY.predict(LARGEST, needed).peak_bytes))
    context = SearchContext.of(problem)
    supernet = context.networks.new_supernet()
    savings = context.guard.savings(LARGEST)
    assert ROOMY.predict(LARGEST, savings).peak_bytes <= context.guard.planner.budget_bytes
    assert (savings == MemorySavings()) == (needed == MemorySavings())
    for _ in range(3):
        loss = context.trainer.train_path(supernet, LARGEST, context.train_stream.next())
    assert torch.isfinite(loss)
    expected = ROOMY.predict(LARGEST, savings).peak_bytes
    assert context.guard.meter.predicted_peak_bytes == expected
    assert context.guard.meter.measured_peak_bytes == pytest.approx(expected, rel=0.02)


def no_room(num_times: int, error: Exception) -> Callable[..., Tensor]:
    """A weights step that fails the first `num_times`, after it has made gradients."""
    calls: list[int] = []

    def step(supernet: Supernet, *batch: Tensor, **options: Any) -> Tensor:
        calls.append(options["micro_batches"])
        if len(calls) <= num_times:
            for weight in supernet.weight_parameters():
                weight.grad = torch.full_like(weight, 1e6)
            raise error
        return weights_step(supernet, *batch, **options)

    return step


def test_a_step_that_the_device_has_no_room_for_is_repeated_within_less(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    plain, recomputed = (
        ROOMY.predict(LARGEST, MemorySavings(recompute=saving)).peak_bytes
        for saving in (False, True)
    )
    assert recomputed < 0.9 * plain
    problem = problem_of(2 * plain)
    context = SearchContext.of(problem)
    said: list[tuple[int, int]] = []
    context.guard.on_out_of_memory = lambda *numbers: said.append(numbers)
    supernet, batch = context.networks.new_supernet(), context.train_stream.next()
    expected = context.networks.new_supernet()
    expected.activate(LARGEST)
    weights_step(expected, *batch)
    with monkeypatch.context() as patch:
        error = torch.OutOfMemoryError("CUDA out of memory")
        patch.setattr("radars.engine.trainer.weights_step", no_room(1, error))
        context.trainer.train_path(supernet, LARGEST, batch)
    [(failed_bytes, budget_bytes)] = said
    assert budget_bytes == context.guard.planner.budget_bytes == context.guard.meter.budget_bytes
    assert budget_bytes == int(0.9 * failed_bytes) < plain
    savings = context.guard.savings(LARGEST)
    assert savings != MemorySavings()
    assert ROOMY.predict(LARGEST, savings).peak_bytes <= budget_bytes
    assert context.guard.meter.measured_peak_bytes <= budget_bytes
    # the gradients of the failed attempt are gone
    for name, tensor in expected.state_dict().items():
        assert torch.allclose(supernet.state_dict()[name], tensor, atol=1e-5), name


def test_a_device_that_has_no_room_for_anything_ends_the_search(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    problem = problem_of(2**30)
    context = SearchContext.of(problem)
    error = torch.OutOfMemoryError("CUDA out of memory")
    monkeypatch.setattr("radars.engine.trainer.weights_step", no_room(100, error))
    with pytest.raises(RunError, match=r"must have room for each step.*lower the budget"):
        context.trainer.train_path(
            context.networks.new_supernet(), LARGEST, context.train_stream.next()
        )


def test_other_errors_of_a_step_are_raised_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    problem = problem_of(2**30)
    context = SearchContext.of(problem)
    monkeypatch.setattr(
        "radars.engine.trainer.weights_step", no_room(1, RuntimeError("shapes disagree"))
    )
    with pytest.raises(RuntimeError, match="shapes disagree"):
        context.trainer.train_path(
            context.networks.new_supernet(), LARGEST, context.train_stream.next()
        )
    assert context.guard.planner.budget_bytes == 2**30
