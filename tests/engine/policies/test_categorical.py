import math
from copy import deepcopy

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from tests.engine.on_paths import prefer
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
QUIET = ControllerConfig(update_every=2)


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


@given(st.floats(0.01, 10), st.floats(-5, 5))
def test_a_policy_does_not_depend_on_the_scale_of_rewards(scale: float, shift: float) -> None:
    def after(rewards: list[float]) -> dict[str, dict[str, float]]:
        policy = controller()
        names = ("none", "conv3", "mb2")
        samples = [sample_of(a, b, c) for a in names for b in names for c in names]
        policy.reinforce(samples, rewards)
        return policy.probabilities()

    rewards = [(7 * index) % 11 / 11 for index in range(27)]
    plain, scaled = after(rewards), after([scale * reward + shift for reward in rewards])
    for choice in FULL:
        assert scaled[choice] == pytest.approx(plain[choice], abs=1e-3)


def test_equal_rewards_teach_nothing() -> None:
    policy = controller()
    samples = [sample_of("mb2", "none", "none"), sample_of("none", "mb2", "none")]
    policy.reinforce(samples * 3, [0.5] * 6)
    for names in policy.probabilities().values():
        assert names == pytest.approx(dict.fromkeys(names, 1 / 3), abs=1e-4)


def test_a_policy_is_as_sure_as_its_rewards_are() -> None:
    generator = torch.Generator().manual_seed(0)

    def sure(noise: float, number: int) -> float:
        """Of what is right, on the mean over some policies."""
        total = 0.0
        for seed in range(8):
            policy = controller(QUIET.model_copy(update={"update_every": number}), seed)
            samples = [policy.sample(FREE, uniform=True) for _ in range(number)]
            luck = torch.randn(number, generator=generator).tolist()
            policy.reinforce(
                samples,
                [
                    (sample.architecture["a"] == "mb2") + noise * bump
                    for sample, bump in zip(samples, luck, strict=True)
                ],
            )
            total += policy.probabilities()["a"]["mb2"] / 8
        return total

    assert sure(noise=0.5, number=80) > 0.95
    assert sure(noise=0.5, number=80) > sure(noise=3.0, number=80)
    assert sure(noise=1.0, number=80) > sure(noise=1.0, number=10)


def test_it_learns_after_so_many_rewards() -> None:
    policy = controller(ControllerConfig(update_every=3))
    policy.reinforce([sample_of("mb2", "none", "none")], [1.0])
    policy.reinforce([sample_of("none", "none", "none")], [0.0])
    assert policy.entropy() == pytest.approx(1.0)
    policy.reinforce([sample_of("mb2", "mb2", "none")], [1.0])
    assert policy.entropy() < 1.0


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
    prefer(policy, FREE, "none", "a")
    drawn = [policy.sample(FREE).architecture["a"] for _ in range(50)]
    assert drawn.count("none") > 45
    uniform = [policy.sample(FREE, uniform=True).architecture["a"] for _ in range(150)]
    assert min(uniform.count(name) for name in FULL["a"]) > 25


def test_draws_satisfy_constraints() -> None:
    limit = Constraint("macs", float(TABLE.fixed.macs + 30_000))
    feasible = Feasible(TABLE, [limit], FULL)
    policy = controller()
    prefer(policy, FREE, "mb2", *FULL)
    for _ in range(30):
        sample = policy.sample(feasible)
        assert TABLE.cost(sample.architecture).macs <= limit.limit
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

    config = ControllerConfig(update_every=3)
    first = controller(config, seed)
    go_on(first, num_updates)
    saved = deepcopy(first.state_dict())
    second = controller(config, seed + 1)
    go_on(second, 1)
    second.load_state_dict(saved)
    assert go_on(second, 3) == go_on(first, 3)
    assert_same_state(second.state_dict(), first.state_dict())


def test_a_ranker_that_agrees_with_the_rewards_is_believed_of_what_was_not_rewarded() -> None:
    table = {choice: {"none": 0.0, "conv3": 1.0, "mb2": 2.0} for choice in FULL}
    policy = controller(ControllerConfig(update_every=1))
    policy.tables = {"size": table}
    samples = [sample_of("none", "none", "none"), sample_of("mb2", "none", "none")]
    samples += [sample_of("none", "mb2", "none"), sample_of("mb2", "mb2", "none")]
    policy.reinforce(samples, [0.1, 0.5, 0.5, 0.9])
    scores = policy.scores()["c"]  # there nothing but "none" was tried
    assert scores["mb2"] > scores["conv3"] > scores["none"]
    policy.tables = {}
    policy.update()
    scores = policy.scores()["c"]
    assert scores["mb2"] == pytest.approx(scores["none"])


def test_the_best_of_a_table_of_rewards_is_learnt_by_the_policy_alone() -> None:
    best = Architecture({"a": "mb2", "b": "none", "c": "conv3"})
    policy = controller()
    for _ in range(20):
        samples = [policy.sample(FREE) for _ in range(6)]
        rewards = [
            sum(sample.architecture[choice] == best[choice] for choice in FULL) / 3
            for sample in samples
        ]
        policy.reinforce(samples, rewards)
    assert FREE.best(policy.scores(), FULL, 1) == [best]
    assert all(policy.probabilities()[choice][name] > 0.8 for choice, name in best.items())
