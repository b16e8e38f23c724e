import pytest
from tests.engine.on_paths import prefer
from tests.tiny import quick_config, tiny_data, tiny_space

from radars.engine.context import SearchContext
from radars.engine.given import Given
from radars.engine.methods.radars import Radars
from radars.engine.phases.explore import Explorer
from radars.engine.phases.proposals import learn_from_logits
from radars.engine.problem import SearchProblem
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
