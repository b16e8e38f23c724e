import math
from copy import deepcopy

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from tests.tiny import assert_same_state, tiny_space

from radars.cost import Constraint, CostTable, Feasible
from radars.engine import ControllerConfig
from radars.engine.policies.categorical import Controller
from radars.engine.policies.policy import Sample
from radars.space import Architecture, Subspace

SPACE = tiny_space()
FULL = SPACE.full
TABLE = CostTable.of(SPACE)
FREE = Feasible(TABLE, [], FULL)
QUIET = ControllerConfig(learning_rate=0.1, entropy_weight=0.0)


def controller(config: ControllerConfig = QUIET, seed: int = 0) -> Controller:
    return Controller(FULL, config, seed)


def sample_of(a: str, b: str, c: str) -> Sample:
    return Sample(Architecture({"a": a, "b": b, "c": c}), dict(FULL))


def test_a_policy_begins_uniform() -> None:
    policy = controller()
    for choice, names in FULL.items():
        assert policy.probabilities()[choice] == pytest.approx(dict.fromkeys(names, 1 / 3))
        assert policy.scores()[choice] == pytest.approx(dict.fromkeys(names, -math.log(3)))
    assert policy.entropy() == pytest.approx(1.0)


def test_what_is_rewarded_becomes_likelier_and_the_rest_less() -> None:
    policy = controller()
    good, bad = sample_of("mb2", "none", "conv3"), sample_of("none", "conv3", "mb2")
    for _ in range(3):
        policy.reinforce([good, bad], [0.9, 0.1])
    for choice, names in policy.probabilities().items():
        assert names[good.architecture[choice]] > 1 / 3 > names[bad.architecture[choice]]


def test_the_first_step_goes_down_the_gradient_of_the_log_probability() -> None:
    # with the mean as baseline, advantages are +-0.25 and shared by two samples
    policy = controller()
    samples = [sample_of("none", "none", "none"), sample_of("mb2", "none", "none")]
    policy.reinforce(samples, [1, 0.5])
    logits = policy.state_dict()["logits"]
    first = policy._config.learning_rate
    assert logits["a"].tolist() == pytest.approx([first, 0.0, -first], abs=1e-5)  # Adam
    assert logits["b"].abs().max() < 1e-5  # both took the same there


@pytest.mark.parametrize("group_weight", [0.0, 0.5, 1.0])
def test_equal_rewards_teach_nothing(group_weight: float) -> None:
    policy = controller(QUIET.model_copy(update={"group_weight": group_weight}))
    before = policy.probabilities()
    for _ in range(3):
        policy.reinforce(
            [sample_of("mb2", "none", "none"), sample_of("none", "mb2", "none")], [0.5] * 2
        )
    for choice, names in policy.probabilities().items():
        assert names == pytest.approx(before[choice], abs=1e-4)


def test_a_moving_baseline_rewards_a_rise() -> None:
    policy = controller(ControllerConfig(learning_rate=0.1, entropy_weight=0.0, group_weight=0.0))
    sample = sample_of("mb2", "mb2", "mb2")
    policy.reinforce([sample, sample], [0.2, 0.2])
    policy.reinforce([sample, sample], [0.8, 0.8])
    assert policy.probabilities()["a"]["mb2"] > 1 / 3


def test_the_entropy_bonus_evens_out() -> None:
    policy = controller(ControllerConfig(learning_rate=0.1, entropy_weight=1.0))
    policy.learn({"a": {"none": 3.0, "conv3": 0.0, "mb2": 0.0}}, 1.0)
    before = policy.entropy()
    assert before < 1
    policy.reinforce([sample_of("mb2", "none", "none")] * 2, [0.5, 0.5])
    assert policy.entropy() > before


def test_a_policy_over_a_part_of_a_space_draws_nothing_else() -> None:
    subspace = Subspace({"a": ("none", "mb2"), "b": ("conv3",), "c": ("none", "conv3")})
    policy = Controller(subspace, ControllerConfig(), 0)
    drawn = {policy.sample(FREE).architecture for _ in range(60)}
    assert len(drawn) == subspace.num_architectures
    assert all(subspace.holds(architecture) for architecture in drawn)
    assert policy.probabilities()["b"] == {"conv3": 1.0}
    assert policy.entropy() == pytest.approx(1.0)
    only = Architecture(dict.fromkeys(FULL, "none")).as_subspace()
    assert Controller(only, ControllerConfig(), 0).entropy() == 0.0


def test_draws_follow_the_policy_or_nothing() -> None:
    policy = controller()
    policy.learn({"a": {"none": 10.0, "conv3": 0.0, "mb2": 0.0}}, 1.0)
    drawn = [policy.sample(FREE).architecture["a"] for _ in range(50)]
    assert drawn.count("none") > 45
    uniform = [policy.sample(FREE, uniform=True).architecture["a"] for _ in range(150)]
    assert min(uniform.count(name) for name in FULL["a"]) > 25


def test_draws_satisfy_constraints() -> None:
    limit = Constraint("macs", float(TABLE.fixed.macs + 30_000))
    feasible = Feasible(TABLE, [limit], FULL)
    policy = controller()
    policy.learn({name: {"none": 0.0, "conv3": 0.0, "mb2": 9.0} for name in FULL}, 1.0)
    for _ in range(30):
        sample = policy.sample(feasible)
        assert limit.allows(TABLE.cost(sample.architecture))
        policy.reinforce([sample, sample], [0.1, 0.2])


@given(st.integers(0, 2**31 - 1), st.integers(0, 5))
def test_a_saved_policy_goes_on_bit_for_bit(seed: int, num_updates: int) -> None:
    def go_on(policy: Controller, steps: int) -> list[object]:
        history: list[object] = []
        for step in range(steps):
            samples = [policy.sample(FREE) for _ in range(2)]
            policy.reinforce(samples, [0.1 * step, 0.3])
            history += [samples, policy.probabilities()]
        return history

    config = ControllerConfig(learning_rate=0.1, group_weight=0.5)
    first = controller(config, seed)
    go_on(first, num_updates)
    saved = deepcopy(first.state_dict())
    second = controller(config, seed + 1)
    go_on(second, 1)
    second.load_state_dict(saved)
    assert go_on(second, 3) == go_on(first, 3)
    assert_same_state(second.state_dict(), first.state_dict())


def test_what_differentiation_preferred_moves_the_policy() -> None:
    policy = controller()
    preferences = {"a": {"conv3": 0.5, "mb2": -0.5}, "b": {"none": 1.0}}
    policy.learn(preferences, 1.0)
    learnt = policy.probabilities()
    assert learnt["a"]["conv3"] > learnt["a"]["none"] > learnt["a"]["mb2"]
    assert learnt["b"] == pytest.approx(dict.fromkeys(FULL["b"], 1 / 3))
    assert learnt["c"] == pytest.approx(dict.fromkeys(FULL["c"], 1 / 3))
    before = policy.state_dict()["logits"]["a"].clone()
    policy.learn(preferences, 0.0)
    assert torch.equal(policy.state_dict()["logits"]["a"], before)


def test_the_best_of_a_table_of_rewards_is_learnt_by_the_policy_alone() -> None:
    best = Architecture({"a": "mb2", "b": "none", "c": "conv3"})
    policy = controller(ControllerConfig(learning_rate=0.1))
    for _ in range(120):
        samples = [policy.sample(FREE) for _ in range(6)]
        rewards = [
            sum(sample.architecture[choice] == best[choice] for choice in FULL) / 3
            for sample in samples
        ]
        policy.reinforce(samples, rewards)
    assert FREE.best(policy.scores(), FULL, 1) == [best]
    assert all(policy.probabilities()[choice][name] > 0.8 for choice, name in best.items())
