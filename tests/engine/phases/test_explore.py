import pytest
from tests.tiny import quick_config, tiny_data, tiny_space

from radars.cost import Feasible
from radars.engine.context import SearchContext
from radars.engine.given import Given
from radars.engine.methods.radars import Radars
from radars.engine.phases.explore import explore, update_policy
from radars.engine.policies.categorical import Controller
from radars.engine.policies.policy import Sample
from radars.engine.problem import SearchProblem

PROBLEM = SearchProblem.of(quick_config(), Given(space=tiny_space(), data=tiny_data()))


@pytest.mark.parametrize(
    ("start", "num_uniform", "num_updates"), [(0, 0, 4), (0, 3, 3), (0, 8, 0), (5, 0, 2), (8, 0, 0)]
)
def test_steps_and_updates(
    start: int, num_uniform: int, num_updates: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    context = SearchContext.of(PROBLEM)
    state = Radars(context)
    updates: list[int] = []
    reinforce = Controller.reinforce

    def spy(controller: Controller, samples: list[object], rewards: list[float]) -> None:
        assert all(0 <= reward <= 1 for reward in rewards)
        updates.append(len(samples))
        reinforce(controller, samples, rewards)  # type: ignore[arg-type]

    monkeypatch.setattr(Controller, "reinforce", spy)
    ticks: list[tuple[int, float]] = []
    explore(
        context,
        state.supernet,
        state.controller,
        PROBLEM.config.explore,
        start=start,
        seed=0,
        num_uniform=num_uniform,
        learning_rate_at=lambda step: 0.1,
        tick=lambda step, accuracy: ticks.append((step, accuracy)),
    )
    assert [step for step, _ in ticks] == list(range(start + 1, 9))
    assert updates == [3] * num_updates
    known = [accuracy for _, accuracy in ticks if accuracy == accuracy]
    assert bool(known) == (num_updates > 0)


@pytest.mark.parametrize(("fraction", "trained"), [(0.0, 2), (1.0, 8)])
def test_what_is_trained_after_the_warm_up_is_uniform_or_follows_the_policy(
    fraction: float, trained: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    context = SearchContext.of(PROBLEM)
    state = Radars(context)
    draws: list[bool] = []
    sample = Controller.sample

    def spy(controller: Controller, feasible: Feasible, *, uniform: bool = False) -> Sample:
        draws.append(uniform)
        return sample(controller, feasible, uniform=uniform)

    monkeypatch.setattr(Controller, "sample", spy)
    explore(
        context,
        state.supernet,
        state.controller,
        PROBLEM.config.explore.model_copy(update={"uniform_fraction": fraction}),
        start=0,
        seed=0,
        num_uniform=2,
        learning_rate_at=lambda step: 0.1,
        tick=lambda step, accuracy: None,
    )
    assert draws.count(True) == trained
    assert draws.count(False) == 8 - trained + 3 * 3  # three updates of three samples


def test_rewards_are_on_validation_batches_and_train_nothing() -> None:
    context = SearchContext.of(PROBLEM)
    state = Radars(context)
    before = context.train_stream.state_dict()["position"].clone()
    weights = {name: tensor.clone() for name, tensor in state.supernet.state_dict().items()}
    accuracy = update_policy(context, state.supernet, state.controller, PROBLEM.config.explore)
    assert 0 <= accuracy <= 1
    assert context.train_stream.state_dict()["position"].equal(before)
    assert context.validation_stream.state_dict()["position"][-1] == 8
    after = state.supernet.state_dict()
    assert all(after[name].equal(tensor) for name, tensor in weights.items())
