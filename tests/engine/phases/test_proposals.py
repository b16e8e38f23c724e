import pytest
from tests.engine.on_paths import prefer
from tests.tiny import quick_config, tiny_data, tiny_space

from radars.engine.context import SearchContext
from radars.engine.given import Given
from radars.engine.methods.radars import Radars
from radars.engine.pace import Pace
from radars.engine.phases.explore import Explorer
from radars.engine.phases.proposals import learn_from_logits, num_proposals
from radars.engine.problem import SearchProblem
from radars.engine.search_state import SearchPosition
from radars.space import Architecture

FULL = tiny_space().full
LOGITS = {choice: {"none": 0.0, "conv3": 1.0, "mb2": 2.0} for choice in FULL}
BEFORE = {choice: {"none": 0.0, "conv3": 0.0, "mb2": 2.0} for choice in FULL}
MOVED = {choice: {"none": 0.0, "conv3": 1.0, "mb2": 0.0} for choice in FULL}


@pytest.mark.parametrize("number", [0, 2])
def test_what_logits_prefer_is_rewarded_beside_what_the_policy_prefers(number: int) -> None:
    config = quick_config()
    problem = SearchProblem.of(config, Given(space=tiny_space(), data=tiny_data()))
    context = SearchContext.of(problem)
    method = Radars(context)
    controller = method.controller
    prefer(controller, problem.feasible, "none", *FULL)
    num_before = len(controller.rewarded)
    explorer = Explorer(context, method.supernet, controller, config.explore, 1)
    best = learn_from_logits(explorer, LOGITS, BEFORE, FULL, number)
    assert best == Architecture(dict.fromkeys("abc", "mb2"))
    new = controller.rewarded[num_before:]
    assert len(new) == 2 * number
    assert {known.group for known in new} <= {3}  # with the weights after the second round
    if number:
        assert new[0].architecture == best
        assert new[number].architecture == Architecture(dict.fromkeys("abc", "none"))
    assert controller.tables == {"differentiate": MOVED}


@pytest.mark.parametrize(
    ("ends_at", "reward_seconds", "number", "left"),
    [(None, 1.0, 4, None), (100.0, 1.0, 4, 92.0), (10.0, 1.0, 2, 6.0), (10.0, 9.0, 0, 10.0)],
)
def test_proposals_are_no_more_than_there_is_time_for(
    ends_at: float | None, reward_seconds: float, number: int, left: float | None
) -> None:
    pace = Pace(SearchPosition(), 20, ends_at)
    assert num_proposals(4, pace, reward_seconds) == number
    assert pace.ends_at == left
