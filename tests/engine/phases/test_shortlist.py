from dataclasses import replace

import pytest
from tests.tiny import quick_config, tiny_data, tiny_space

from radars.cost import Constraint
from radars.engine import ControllerConfig
from radars.engine.context import SearchContext
from radars.engine.given import Given
from radars.engine.phases.shortlist import shortlist, surprises
from radars.engine.policies.categorical import Controller
from radars.engine.policies.policy import Sample
from radars.engine.problem import SearchProblem
from radars.space import Architecture, Subspace

PROBLEM = SearchProblem.of(quick_config(), Given(space=tiny_space(), data=tiny_data()))
FULL = tiny_space().full
EFFECTS = {"none": 0.0, "conv3": 1 / 8, "mb2": 2 / 8}


def reward(architecture: Architecture) -> float:
    """What its candidates add."""
    return sum(EFFECTS[name] for name in architecture.values())


def controller_of(rewards: dict[Architecture, float]) -> Controller:
    controller = Controller(FULL, ControllerConfig(), 0)
    samples = [Sample(architecture, dict(FULL)) for architecture in rewards]
    controller.reinforce(samples, list(rewards.values()))
    return controller


def every() -> list[Architecture]:
    return PROBLEM.feasible.best({}, FULL, FULL.num_architectures)


def test_a_shortlist_ranks_by_what_candidates_add() -> None:
    controller = controller_of({known: reward(known) for known in every()[::2]})
    finalists = shortlist(SearchContext.of(PROBLEM), controller, FULL, 8)
    assert finalists[0] == Architecture(dict.fromkeys("abc", "mb2"))
    promised = [reward(finalist) for finalist in finalists]
    assert promised == sorted(promised, reverse=True)
    assert len(set(finalists)) == 8


def test_nobody_outside_of_the_subspace_is_a_finalist() -> None:
    subspace = Subspace({"a": ("none", "conv3"), "b": ("mb2",), "c": ("none", "mb2")})
    controller = controller_of({known: reward(known) for known in every()[::2]})
    finalists = shortlist(SearchContext.of(PROBLEM), controller, subspace, 8)
    assert all(subspace.holds(finalist) for finalist in finalists)
    assert len(finalists) == subspace.num_architectures


def test_a_reward_that_is_higher_than_expected_counts_in_part() -> None:
    lucky = Architecture({"a": "none", "b": "conv3", "c": "none"})
    rewards = {known: reward(known) + 2.0 * (known == lucky) for known in every()}
    controller = controller_of(rewards)
    assert shortlist(SearchContext.of(PROBLEM), controller, FULL, 1) == [lucky]
    model = controller.model()
    found = dict(zip(rewards, surprises(controller.rewarded, model), strict=True))
    assert max(found, key=found.__getitem__) == lucky
    assert sum(found.values()) == pytest.approx(0.0, abs=1e-9)


def test_all_are_within_the_constraints() -> None:
    limit = Constraint("macs", float(PROBLEM.costs.fixed.macs + 30_000))
    feasible = SearchProblem.of(
        quick_config(constraints=[str(limit)]), Given(space=tiny_space(), data=tiny_data())
    )
    context = SearchContext.of(replace(feasible))
    controller = controller_of({known: reward(known) for known in every()[::2]})
    finalists = shortlist(context, controller, FULL, 6)
    assert finalists
    assert all(PROBLEM.costs.cost(known).macs <= limit.limit for known in finalists)


def test_who_is_a_finalist_already_is_not_named_again() -> None:
    controller = controller_of({known: reward(known) for known in every()[::2]})
    context = SearchContext.of(PROBLEM)
    all_in_order = shortlist(context, controller, FULL, 8)
    assert shortlist(context, controller, FULL, 5, all_in_order[:3]) == all_in_order[3:]
    whole = shortlist(context, controller, FULL, FULL.num_architectures)
    assert shortlist(context, controller, FULL, 3, whole) == []
