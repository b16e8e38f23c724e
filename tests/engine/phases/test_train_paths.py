import pytest
from tests.tiny import quick_config, tiny_data, tiny_space

from radars.cost import Feasible
from radars.engine.context import SearchContext
from radars.engine.given import Given
from radars.engine.method_config import PolicyUpdatesConfig
from radars.engine.methods.enas import Enas
from radars.engine.pace import Pace
from radars.engine.phases.train_paths import train_paths, update_policy
from radars.engine.policies.lstm import LSTMController
from radars.engine.policies.policy import Sample
from radars.engine.problem import SearchProblem
from radars.engine.search_state import SearchPosition

UPDATES = PolicyUpdatesConfig(update_every=2, samples=3)
PROBLEM = SearchProblem.of(quick_config(), Given(space=tiny_space(), data=tiny_data()))


@pytest.mark.parametrize(
    ("start", "warmup_fraction", "num_updates"),
    [(0, 0, 4), (0, 0.375, 3), (0, 1.0, 0), (5, 0, 2), (8, 0, 0)],
)
def test_steps_and_updates(
    start: int, warmup_fraction: float, num_updates: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    context = SearchContext.of(PROBLEM)
    state = Enas(context)
    updates: list[int] = []
    reinforce = LSTMController.reinforce

    def spy(controller: LSTMController, samples: list[object], rewards: list[float]) -> None:
        assert all(0 <= reward <= 1 for reward in rewards)
        updates.append(len(samples))
        reinforce(controller, samples, rewards)  # type: ignore[arg-type]

    monkeypatch.setattr(LSTMController, "reinforce", spy)
    ticks: list[tuple[int, float]] = []
    train_paths(
        context,
        state.supernet,
        state.controller,
        UPDATES.model_copy(update={"warmup_fraction": warmup_fraction}),
        Pace(
            SearchPosition(step=start),
            8,
            on_step=lambda step, accuracy: ticks.append((step, accuracy)),
        ),
        seed=0,
        learning_rate_at=lambda fraction: 0.1,
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
    state = Enas(context)
    draws: list[bool] = []
    sample = LSTMController.sample

    def spy(controller: LSTMController, feasible: Feasible, *, uniform: bool = False) -> Sample:
        draws.append(uniform)
        return sample(controller, feasible, uniform=uniform)

    monkeypatch.setattr(LSTMController, "sample", spy)
    train_paths(
        context,
        state.supernet,
        state.controller,
        UPDATES.model_copy(update={"uniform_fraction": fraction, "warmup_fraction": 0.25}),
        Pace(SearchPosition(), 8),
        seed=0,
        learning_rate_at=lambda fraction: 0.1,
    )
    assert draws.count(True) == trained
    assert draws.count(False) == 8 - trained + 3 * 3  # three updates of three samples


def test_rewards_are_on_validation_batches_and_train_nothing() -> None:
    context = SearchContext.of(PROBLEM)
    state = Enas(context)
    before = context.train_stream.state_dict()["position"].clone()
    weights = {name: tensor.clone() for name, tensor in state.supernet.state_dict().items()}
    accuracy = update_policy(context, state.supernet, state.controller, UPDATES)
    assert 0 <= accuracy <= 1
    assert context.train_stream.state_dict()["position"].equal(before)
    assert context.validation_stream.state_dict()["position"][-1] == 8
    after = state.supernet.state_dict()
    assert all(after[name].equal(tensor) for name, tensor in weights.items())
