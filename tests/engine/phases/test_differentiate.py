from typing import Any

import pytest
import torch
from tests.tiny import planted_data, planted_space, quick_config, tiny_data, tiny_space
from torch import Tensor

from radars.engine import DifferentiateConfig
from radars.engine.context import SearchContext
from radars.engine.given import Given
from radars.engine.pace import Pace
from radars.engine.phases.differentiate import BetaDecay, PlannedSteps, differentiate
from radars.engine.problem import SearchProblem
from radars.engine.search_state import SearchPosition
from radars.memory import MemorySavings, Plan
from radars.nn.optimizer import state_tensors
from radars.nn.steps import StepKind, architecture_step
from radars.nn.supernet import Supernet
from radars.space import Subspace

SAME = {choice: dict.fromkeys(names, 0.0) for choice, names in tiny_space().full.items()}


def setup_of(**changes: Any) -> SearchProblem:
    return SearchProblem.of(quick_config(**changes), Given(space=tiny_space(), data=tiny_data()))


def run(
    problem: SearchProblem,
    config: DifferentiateConfig,
    *,
    start: int = 0,
    subspace: Subspace | None = None,
    learning_rate: float = 0.1,
    initial_logits: dict[str, dict[str, float]] | None = None,
) -> tuple[dict[str, dict[str, float]], Supernet, list[int]]:
    context = SearchContext.of(problem)
    supernet = context.networks.new_supernet()
    ticks: list[int] = []
    preferences = differentiate(
        PlannedSteps(context, supernet, context.guard.planner.plan(within=subspace)),
        config,
        Pace(
            SearchPosition(step=start),
            config.num_steps(tiny_space().full),
            on_step=lambda step, accuracy: ticks.append(step),
        ),
        initial_logits=initial_logits or SAME,
        seed=0,
        learning_rate_at=lambda fraction: learning_rate,
    )
    return preferences, supernet, ticks


def run_plan(planned: PlannedSteps, *, steps: int) -> dict[str, dict[str, float]]:
    return differentiate(
        planned,
        DifferentiateConfig(steps=steps, max_cost_ratio=None),
        Pace(SearchPosition(), steps),
        initial_logits=SAME,
        seed=0,
        learning_rate_at=lambda fraction: 0.1,
    )


@pytest.mark.parametrize("weight", [0.0, 0.5, 2.0])
def test_the_gradient_of_beta_decay_is_the_softmax_times_its_weight(weight: float) -> None:
    supernet = Supernet(tiny_space())
    logits = {"none": 0.3, "conv3": -0.4, "mb2": 1.0}
    supernet.logits.set(dict.fromkeys("abc", logits))
    BetaDecay(weight)(supernet).backward()  # type: ignore[no-untyped-call]
    for logit_C in supernet.logits:
        assert logit_C.grad is not None
        expected = weight * logit_C.detach().softmax(-1)
        assert torch.allclose(logit_C.grad, expected, atol=1e-6)


def test_every_iteration_ticks_and_weights_and_logits_move() -> None:
    problem = setup_of()
    preferences, supernet, ticks = run(problem, DifferentiateConfig(steps=3, max_cost_ratio=None))
    assert ticks == [1, 2, 3]
    assert {choice: tuple(names) for choice, names in preferences.items()} == dict(supernet.live)
    assert any(value != 0 for names in preferences.values() for value in names.values())
    # nothing of the logits is left for the next round
    assert all(not logit_C.any() for logit_C in supernet.logits)
    assert not any(tensor.any() for tensor in state_tensors(supernet.logits.optimizer))


def test_only_the_steps_that_are_left_are_run() -> None:
    _, _, ticks = run(setup_of(), DifferentiateConfig(steps=5), start=3)
    assert ticks == [4, 5]
    preferences, _, ticks = run(setup_of(), DifferentiateConfig(steps=0))
    assert ticks == []
    assert all(value == 0 for names in preferences.values() for value in names.values())


def test_a_single_path_has_nothing_to_prefer() -> None:
    path = Subspace({"a": ("mb2",), "b": ("none",), "c": ("conv3",)})
    preferences, _, ticks = run(setup_of(), DifferentiateConfig(steps=2), subspace=path)
    assert preferences == {"a": {"mb2": 0.0}, "b": {"none": 0.0}, "c": {"conv3": 0.0}}
    assert ticks == [1, 2]


def test_logits_begin_where_the_policy_is() -> None:
    initial = {choice: {"none": -2.0, "conv3": -1.0, "mb2": -0.5} for choice in "abc"}
    trained, _, _ = run(setup_of(), DifferentiateConfig(steps=0), initial_logits=initial)
    assert all(initial[choice][name] == v for choice, n in trained.items() for name, v in n.items())
    rest = DifferentiateConfig(steps=2)
    trained, _, _ = run(setup_of(), rest, start=2, initial_logits=initial)  # they have begun
    assert all(value == 0 for names in trained.values() for value in names.values())


def planted_logits(beta_decay: float, steps: int = 60) -> dict[str, dict[str, float]]:
    config = quick_config(data={"batch_size": 32, "augment": False})
    problem = SearchProblem.of(config, Given(space=planted_space(), data=planted_data()))
    preferences, _, _ = run(
        problem,
        DifferentiateConfig(
            steps=steps,
            beta_decay=beta_decay,
            max_cost_ratio=None,
            architecture_optimizer={"name": "adamw", "learning_rate": 0.03},
        ),
        learning_rate=0.2,
        initial_logits={
            choice: dict.fromkeys(names, 0.0) for choice, names in planted_space().full.items()
        },
    )
    return preferences


@pytest.mark.parametrize("beta_decay", [0.0, 0.05])
def test_the_planted_candidates_are_preferred(beta_decay: float) -> None:
    for logits in planted_logits(beta_decay).values():
        assert max(logits, key=logits.__getitem__) == "conv3"


def test_with_beta_decay_logits_stay_closer_together() -> None:
    def spread(preferences: dict[str, dict[str, float]]) -> float:
        return sum(max(names.values()) - min(names.values()) for names in preferences.values())

    plain, held_back = planted_logits(0.0), planted_logits(2.0)
    assert spread(held_back) < spread(plain)
    largest = max(value for names in plain.values() for value in names.values())
    assert max(value for names in held_back.values() for value in names.values()) < largest


def test_a_supernet_that_the_device_has_no_room_for_is_planned_again(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    problem = setup_of(budget=2**30)
    calls: list[Subspace] = []

    def step(supernet: Supernet, *batch: Tensor, **options: Any) -> Tensor:
        calls.append(supernet.live)
        if len(calls) == 2:
            raise torch.OutOfMemoryError("CUDA out of memory")
        return architecture_step(supernet, *batch, **options)

    monkeypatch.setattr("radars.engine.phases.differentiate.architecture_step", step)
    context = SearchContext.of(problem)
    plan = context.guard.planner.plan()
    new_plans: list[Plan] = []
    planned = PlannedSteps(context, context.networks.new_supernet(), plan, new_plans.append)
    trained = run_plan(planned, steps=4)
    [tighter] = new_plans
    assert planned.plan is tighter
    assert tighter.memory.peak_bytes <= 0.9 * plan.memory.peak_bytes
    assert tighter.measures != plan.measures
    assert context.guard.planner.budget_bytes == int(0.9 * plan.memory.peak_bytes)
    assert calls == [plan.subspace] * 2 + [tighter.subspace] * 3  # the step was repeated
    assert {choice: tuple(names) for choice, names in trained.items()} == dict(tighter.subspace)


def test_both_kinds_of_step_are_measured_and_the_dearest_holds_what_was_predicted() -> None:
    problem = setup_of(budget="30MiB")
    context = SearchContext.of(problem)
    supernet = context.networks.new_supernet()
    plan = context.guard.planner.plan()
    run_plan(PlannedSteps(context, supernet, plan), steps=2)
    meter = context.guard.meter
    assert set(meter.seen) == {StepKind.WEIGHTS, StepKind.ARCHITECTURE}
    assert meter.predicted_peak_bytes == plan.memory.peak_bytes
    assert meter.measured_peak_bytes == pytest.approx(plan.memory.peak_bytes, rel=0.02)


def test_each_kind_of_step_has_its_own_savings(monkeypatch: pytest.MonkeyPatch) -> None:
    problem = setup_of(budget="180KiB")
    context = SearchContext.of(problem)
    supernet = context.networks.new_supernet()
    plan = context.guard.planner.plan_whole(tiny_space().full)
    assert plan.lighter is not None
    taken: list[tuple[StepKind, MemorySavings]] = []
    set_savings = supernet.set_savings

    def noted(savings: MemorySavings) -> None:
        kinds = (StepKind.WEIGHTS, StepKind.ARCHITECTURE)
        taken.append((kinds[len(taken) % 2], savings))
        set_savings(savings)

    monkeypatch.setattr(supernet, "set_savings", noted)
    run_plan(PlannedSteps(context, supernet, plan), steps=2)
    assert taken == [(kind, plan.savings_of(kind)) for kind, _ in taken]
    assert {savings for _, savings in taken} == {plan.savings, plan.lighter[1]}
    assert context.guard.meter.measured_peak_bytes == pytest.approx(
        plan.memory.peak_bytes, rel=0.02
    )
