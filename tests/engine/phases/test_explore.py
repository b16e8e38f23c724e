from collections import Counter
from copy import deepcopy

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.tiny import quick_config, tiny_data, tiny_space

from radars.engine.context import SearchContext
from radars.engine.given import Given
from radars.engine.methods.radars import Radars
from radars.engine.pace import Pace
from radars.engine.phases.explore import Explorer, fair_path
from radars.engine.policies.policy import Sample
from radars.engine.problem import SearchProblem
from radars.engine.search_state import SearchPosition
from radars.space import Architecture

PROBLEM = SearchProblem.of(quick_config(), Given(space=tiny_space(), data=tiny_data()))
FULL = tiny_space().full


def explorer(round_index: int = 0, **changes: float) -> tuple[Radars, Explorer]:
    context = SearchContext.of(PROBLEM)
    method = Radars(context)
    config = PROBLEM.config.explore.model_copy(update=changes)
    return method, Explorer(context, method.supernet, method.controller, config, round_index)


def test_a_phase_trains_shared_weights_and_then_rewards() -> None:
    method, explores = explorer(training_fraction=0.5, tuning_steps=2)
    ticks: list[tuple[int, float]] = []
    pace = Pace(SearchPosition(), 12, on_step=lambda step, accuracy: ticks.append((step, accuracy)))
    explores.run(pace)
    assert [step for step, _ in ticks] == [1, 2, 3, 4, 5, 6, 8, 10, 12]
    assert [accuracy == accuracy for _, accuracy in ticks] == [False] * 6 + [True] * 3
    rewarded = method.controller.rewarded
    assert len({known.architecture for known in rewarded}) == len(rewarded) == 3
    assert all(0 <= known.reward <= 1 for known in rewarded)


def test_rewards_without_tuning_end_too() -> None:
    method, explores = explorer(training_fraction=0.5, tuning_steps=0)
    explores.run(Pace(SearchPosition(), 6))
    assert len(method.controller.rewarded) == 3


def test_the_rest_of_a_phase_is_what_the_whole_would_have_done() -> None:
    whole, explores = explorer(tuning_steps=1)
    explores.run(Pace(SearchPosition(), 12))

    class StopError(Exception):
        """Stands for an interrupt."""

    def stop(step: int, accuracy: float) -> None:
        if step == 8:
            raise StopError

    first, explores = explorer(tuning_steps=1)
    with pytest.raises(StopError):
        explores.run(Pace(SearchPosition(), 12, on_step=stop))
    second, explores = explorer(tuning_steps=1)
    second.load_state_dict(deepcopy(first.state_dict()))
    for name in ("train_stream", "validation_stream"):
        stream = getattr(first.context, name)
        getattr(second.context, name).load_state_dict(stream.state_dict())
    explores.run(Pace(SearchPosition(step=8), 12))
    assert second.controller.rewarded == whole.controller.rewarded
    assert second.controller.probabilities() == whole.controller.probabilities()


def test_a_reward_leaves_the_shared_weights_as_they_are() -> None:
    method, explores = explorer(tuning_steps=2)
    before = deepcopy(method.supernet.state_dict())
    path = Architecture(dict.fromkeys("abc", "conv3"))
    streams = [
        deepcopy(stream.state_dict())
        for stream in (method.context.train_stream, method.context.validation_stream)
    ]
    explores.reward([Sample(path, dict(FULL))])
    after = method.supernet.state_dict()
    assert before.keys() <= after.keys()
    assert all(after[name].equal(tensor) for name, tensor in before.items())
    assert [
        method.context.train_stream.state_dict()["position"].equal(streams[0]["position"]),
        method.context.validation_stream.state_dict()["position"].equal(streams[1]["position"]),
    ] == [True, True]


def test_rewards_of_the_same_architecture_are_the_same_within_a_round() -> None:
    method, explores = explorer(tuning_steps=2)
    path = Sample(Architecture(dict.fromkeys("abc", "mb2")), dict(FULL))
    explores.reward([path, path])
    first, second = method.controller.rewarded
    assert first == second
    later = Explorer(method.context, method.supernet, method.controller, PROBLEM.config.explore, 1)
    later.reward([path])
    later.reward([path], is_after=True)
    assert [known.group for known in method.controller.rewarded] == [0, 0, 2, 3]


@given(st.integers(0, 2**31 - 1), st.integers(0, 1000))
def test_every_candidate_is_trained_equally_often(seed: int, block: int) -> None:
    taken = Counter(
        pair
        for step in range(3 * block, 3 * block + 3)
        for pair in fair_path(FULL, seed, step).items()
    )
    assert taken == {(choice, name): 1 for choice, names in FULL.items() for name in names}
