from collections.abc import Callable
from typing import Any

import pytest
import torch
from tests.tiny import quick_config, tiny_data, tiny_space, wide_space
from torch import Tensor

from radars.engine.context import SearchContext
from radars.engine.given import Given
from radars.engine.method_config import ControllerConfig
from radars.engine.methods.radars import Radars
from radars.engine.policies.categorical import Controller
from radars.engine.problem import SearchProblem, training_spec
from radars.errors import BudgetError, RunError
from radars.memory import MemorySavings, Planner, StepMemory, predict
from radars.memory.predict import track
from radars.nn.memory_saving.savings import saving_settings
from radars.nn.steps import evaluation_step, weights_step
from radars.nn.supernet import Supernet
from radars.space import Architecture, SearchSpace, Subspace

SPACE = tiny_space()
LARGEST = Architecture(dict.fromkeys("abc", "mb2"))
ROOMY = Planner(SPACE, training_spec(quick_config(), (1, 8, 8)), 2**40)


def setup_of(budget: int) -> SearchProblem:
    return SearchProblem.of(quick_config(budget=budget), Given(space=SPACE, data=tiny_data()))


ALLOWED = tuple(saving_settings(recompute=True, max_micro_batches=1, batch_size=8))


def cheapest_savings(budget: int) -> MemorySavings:
    """The first that make the largest path fit."""
    return next(each for each in ALLOWED if ROOMY.predict(LARGEST, each).peak_bytes <= budget)


def test_only_paths_that_fit_are_drawn() -> None:
    budget = min(ROOMY.predict(LARGEST, savings).peak_bytes for savings in ALLOWED) - 1
    problem = setup_of(budget)
    context = SearchContext.of(problem)
    assert not context.guard.fits(LARGEST)
    controller = Radars.new_policy(problem.proxy.full, problem.config)
    controller.learn({name: {"none": 0.0, "conv3": 0.0, "mb2": 4.0} for name in "abc"}, 1.0)
    for _ in range(10):
        architecture = context.sampler.draw(controller).architecture
        assert context.guard.fits(architecture)
        plan = context.guard.planner.plan_path(architecture)
        assert plan.memory.peak_bytes <= budget


def test_where_nothing_that_is_wanted_fits_the_search_says_so() -> None:
    problem = setup_of(ROOMY.predict(ROOMY.smallest_path()).peak_bytes)
    context = SearchContext.of(problem)
    controller = Controller(LARGEST.as_subspace(), ControllerConfig(), seed=0)
    with pytest.raises(BudgetError, match="none fits"):
        context.sampler.draw(controller)


@pytest.mark.parametrize(
    "needed", [MemorySavings(), MemorySavings(selective=1.0), ALLOWED[-1]], ids=str
)
def test_a_path_is_trained_within_the_budget_and_metered(needed: MemorySavings) -> None:
    problem = setup_of(ROOMY.predict(LARGEST, needed).peak_bytes)
    context = SearchContext.of(problem)
    supernet = SearchContext.of(problem).networks.new_supernet()
    savings = context.guard.savings(LARGEST)
    assert savings == cheapest_savings(context.guard.planner.budget_bytes)
    assert (savings == MemorySavings()) == (needed == MemorySavings())
    for _ in range(3):
        loss = context.trainer.train_path(supernet, LARGEST, context.train_stream.next())
    assert torch.isfinite(loss)
    expected = ROOMY.predict(LARGEST, savings).peak_bytes
    assert context.guard.meter.predicted_peak_bytes == expected
    assert context.guard.meter.measured_peak_bytes == pytest.approx(expected, rel=0.02)


def test_accuracy_is_a_fraction_of_the_whole_validation_part() -> None:
    problem = setup_of(2**24)
    context = SearchContext.of(problem)
    supernet = SearchContext.of(problem).networks.new_supernet()
    whole = context.evaluator.accuracy(supernet, LARGEST, 64)
    assert 0 <= whole <= 1
    assert (whole * len(context.problem.data.validation)) == pytest.approx(
        round(whole * len(context.problem.data.validation))
    )
    batch = next(context.problem.data.validation.evaluation_batches(64))
    assert int(context.evaluator.total_score(supernet, LARGEST, batch)) == whole * 64


def test_an_evaluation_of_a_path_that_is_trained_in_parts_is_in_parts() -> None:
    path = Architecture(dict.fromkeys("abc", "mb8_k3"))
    config = quick_config(data={"batch_size": 16}, savings={"max_micro_batches": 8})
    roomy = SearchProblem.of(config, Given(space=wide_space(), data=tiny_data()))
    config = config.model_copy(update={"budget": roomy.planner.least_bytes(path)})
    problem = SearchProblem.of(config, Given(space=wide_space(), data=tiny_data()))
    context, supernet = SearchContext.of(problem), SearchContext.of(problem).networks.new_supernet()
    batch = context.train_stream.next()
    context.trainer.train_path(supernet, path, batch)
    with track(supernet, batch) as whole:
        evaluation_step(supernet, batch.example_B)
    with track(supernet, batch) as parts:
        context.evaluator.total_score(supernet, path, batch)
    assert parts.peak_bytes <= config.budget < whole.peak_bytes


def test_a_path_that_is_far_from_fitting_is_not_traced(monkeypatch: pytest.MonkeyPatch) -> None:
    problem = SearchProblem.of(
        quick_config(data={"batch_size": 32}), Given(space=SPACE, data=tiny_data())
    )
    planner = problem.planner
    largest = LARGEST.as_subspace()
    planner.tighten(int(planner.expected_bytes(largest, MemorySavings(recompute=1.0)) / 1.6))
    traced: list[Subspace] = []

    def traces(space: SearchSpace, subspace: Subspace, *rest: Any, **options: Any) -> StepMemory:
        traced.append(subspace)
        return predict(space, subspace, *rest, **options)

    monkeypatch.setattr("radars.memory.forecast.predict", traces)
    assert not SearchContext.of(problem).fits(LARGEST)
    assert largest not in traced


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
    problem = setup_of(2 * plain)
    context = SearchContext.of(problem)
    said: list[tuple[int, int]] = []
    context.guard.on_out_of_memory = lambda *numbers: said.append(numbers)
    supernet, batch = SearchContext.of(problem).networks.new_supernet(), context.train_stream.next()
    expected = SearchContext.of(problem).networks.new_supernet()
    expected.activate(LARGEST)
    weights_step(expected, *batch)
    with monkeypatch.context() as patch:
        error = torch.OutOfMemoryError("CUDA out of memory")
        patch.setattr("radars.engine.workbench.weights_step", no_room(1, error))
        context.trainer.train_path(supernet, LARGEST, batch)
    [(failed_bytes, budget_bytes)] = said
    assert budget_bytes == context.guard.planner.budget_bytes == context.guard.meter.budget_bytes
    assert budget_bytes == int(0.9 * failed_bytes) < plain
    assert context.guard.savings(LARGEST) == cheapest_savings(budget_bytes) != MemorySavings()
    assert context.guard.meter.measured_peak_bytes <= budget_bytes
    for (
        name,
        tensor,
    ) in expected.state_dict().items():  # the gradients of the failed attempt are gone
        assert torch.allclose(supernet.state_dict()[name], tensor, atol=1e-5), name


def test_a_device_that_has_no_room_twice_ends_the_search(monkeypatch: pytest.MonkeyPatch) -> None:
    problem = setup_of(2**30)
    context = SearchContext.of(problem)
    error = torch.OutOfMemoryError("CUDA out of memory")
    monkeypatch.setattr("radars.engine.workbench.weights_step", no_room(2, error))
    with pytest.raises(RunError, match=r"must have room for each step.*lower the budget"):
        context.trainer.train_path(
            SearchContext.of(problem).networks.new_supernet(), LARGEST, context.train_stream.next()
        )


def test_other_errors_of_a_step_are_raised_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    problem = setup_of(2**30)
    context = SearchContext.of(problem)
    monkeypatch.setattr(
        "radars.engine.workbench.weights_step", no_room(1, RuntimeError("shapes disagree"))
    )
    with pytest.raises(RuntimeError, match="shapes disagree"):
        context.trainer.train_path(
            SearchContext.of(problem).networks.new_supernet(), LARGEST, context.train_stream.next()
        )
    assert context.guard.planner.budget_bytes == 2**30
