import itertools
import math
from collections.abc import Iterator, Sequence
from copy import deepcopy

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError
from tests.tiny import assert_same_state
from torch import Tensor

from radars.cost import Constraint, Cost, CostTable, Feasible
from radars.engine.policies.lstm import LSTMController, LSTMControllerConfig
from radars.engine.policies.policy import Sample
from radars.runs.state import State
from radars.space import Architecture, Subspace

FULL = Subspace({"a": ("none", "conv3", "mb2"), "b": ("none", "mb2"), "c": ("w", "x", "y", "z")})
TABLE = CostTable(
    Cost(10, 10),
    {
        "a": {"none": Cost(0, 0), "conv3": Cost(3, 1), "mb2": Cost(5, 4)},
        "b": {"none": Cost(0, 4), "mb2": Cost(4, 0)},
        "c": {
            "w": Cost(1, 6),
            "x": Cost(2, 3),
            "y": Cost(3, 2),
            "z": Cost(6, 1),
        },
    },
)
FREE = Feasible(TABLE, [], FULL)
TIGHT = Feasible(TABLE, [Constraint("macs", 17)], FULL)
# of the two together, a draw may take a candidate that nothing can complete
TIGHTER = Feasible(TABLE, [Constraint("macs", 15), Constraint("parameters", 17)], FULL)
FEASIBLES = pytest.mark.parametrize("feasible", [FREE, TIGHT, TIGHTER], ids=["free", "one", "two"])
BOUNDS = pytest.mark.parametrize(
    "config",
    [
        LSTMControllerConfig(hidden_size=8, entropy_weight=0.3, max_gradient_norm=None),
        LSTMControllerConfig(
            hidden_size=8,
            entropy_weight=0.3,
            max_gradient_norm=None,
            temperature=3.0,
            tanh_constant=None,
        ),
    ],
    ids=["tanh", "temperature"],
)
CONFIG = LSTMControllerConfig(hidden_size=8)
EVERY = [
    Architecture(dict(zip(FULL, names, strict=True))) for names in itertools.product(*FULL.values())
]


def architectures(feasible: Feasible) -> list[Architecture]:
    return [architecture for architecture in EVERY if feasible.allows(architecture)]


def log_prob(policy: LSTMController, samples: Sequence[Sample]) -> Tensor:
    """The logarithm of the probability (S,) of each sample, given what its draws could take."""
    return policy._score(samples)[0].detach()


def sharp(config: LSTMControllerConfig = CONFIG, seed: int = 0) -> LSTMController:
    """A policy that is far from uniform, with 0.3 as the mean of earlier rewards."""
    policy = LSTMController(FULL, config, seed)
    state = policy.state_dict()
    policy.load_state_dict(
        state
        | {
            "weights": {name: tensor * 10 for name, tensor in state["weights"].items()},
            "baseline": torch.tensor(0.3, dtype=torch.float64),
        }
    )
    return policy


def sample_of(architecture: Architecture, feasible: Feasible) -> Sample:
    """An architecture, with what each choice could have taken in the order of the space."""

    def pick(choice: str, names: tuple[str, ...]) -> str:
        return architecture[choice] if architecture[choice] in names else names[0]

    sample = Sample(*feasible.sample(FULL, pick, torch.Generator(), order=list(FULL)))
    assert sample.architecture == architecture
    return sample


class Reference:
    """The policy written down step by step, an architecture at a time, in double precision."""

    def __init__(self, policy: LSTMController) -> None:
        self.weights = {
            name: tensor.double().requires_grad_()
            for name, tensor in policy.state_dict()["weights"].items()
        }
        self.config = policy._config

    def decisions(self, sample: Sample) -> Iterator[tuple[Tensor, int]]:
        """For each choice, the log-probabilities of what was allowed, and which was taken."""
        w = self.weights
        hidden = cell = torch.zeros(self.config.hidden_size, dtype=torch.float64)
        embedding, first = w["embedding_NH"][-1], 0
        for choice, names in FULL.items():
            gates = w["lstm.weight_ih_l0"] @ embedding + w["lstm.bias_ih_l0"]
            gates = gates + w["lstm.weight_hh_l0"] @ hidden + w["lstm.bias_hh_l0"]
            enter, forget, new, leave = gates.chunk(4)
            cell = forget.sigmoid() * cell + enter.sigmoid() * new.tanh()
            hidden = leave.sigmoid() * cell.tanh()
            allowed = sample.allowed[choice]
            rows = [first + names.index(name) for name in allowed]
            logit = (w["head_NH"][rows] @ hidden + w["bias_N1"][rows, 0]) / self.config.temperature
            if self.config.tanh_constant is not None:
                logit = self.config.tanh_constant * logit.tanh()
            name = sample.architecture[choice]
            yield logit - logit.exp().sum().log(), allowed.index(name)
            embedding = w["embedding_NH"][first + names.index(name)]
            first += len(names)

    def log_prob(self, sample: Sample) -> Tensor:
        return torch.stack([log_prob[taken] for log_prob, taken in self.decisions(sample)]).sum()

    def entropy(self, sample: Sample) -> Tensor:
        """The sum of the entropies of the decisions."""
        entropies = [-(log_prob.exp() * log_prob).sum() for log_prob, _ in self.decisions(sample)]
        return torch.stack(entropies).sum()

    def gradient(self, goal: Tensor) -> dict[str, Tensor]:
        values = torch.autograd.grad(goal, list(self.weights.values()))
        return dict(zip(self.weights, values, strict=True))

    def probability(self, sample: Sample) -> float:
        return math.exp(self.log_prob(sample).item())


def ascent(
    policy: LSTMController, samples: Sequence[Sample], rewards: Sequence[float]
) -> dict[str, Tensor]:
    """The direction of an update, before Adam; the policy is as it was."""
    before = deepcopy(policy.state_dict())
    policy.reinforce(samples, rewards)
    policy.load_state_dict(before)
    return {
        name: -parameter.grad.double()
        for name, parameter in policy._network.named_parameters()
        if parameter.grad is not None
    }


def assert_close(left: dict[str, Tensor], right: dict[str, Tensor]) -> None:
    assert left.keys() == right.keys()
    for name, tensor in left.items():
        torch.testing.assert_close(tensor, right[name], rtol=1e-4, atol=1e-6)


def test_a_policy_begins_almost_uniform() -> None:
    policy = LSTMController(FULL, CONFIG, 0)
    assert policy.entropy() == pytest.approx(1.0, abs=0.02)
    assert policy.entropy() <= 1 + 1e-6
    every = [sample_of(architecture, FREE) for architecture in architectures(FREE)]
    assert log_prob(policy, every).exp().tolist() == pytest.approx([1 / 24] * 24, rel=0.5)


@FEASIBLES
def test_draws_are_allowed_and_every_allowed_architecture_is_drawn(feasible: Feasible) -> None:
    policy = LSTMController(FULL, CONFIG, 0)
    for uniform in (False, True):
        samples = [policy.sample(feasible, uniform=uniform) for _ in range(200)]
        assert {sample.architecture for sample in samples} == set(architectures(feasible))
        for sample in samples:
            assert list(sample.architecture) == list(FULL)
            assert sample.allowed.keys() == FULL.keys()
            for choice, names in sample.allowed.items():
                assert sample.architecture[choice] in names
                assert set(names) <= set(FULL[choice])


@FEASIBLES
@BOUNDS
def test_the_log_probability_is_that_of_the_draw(
    feasible: Feasible, config: LSTMControllerConfig, monkeypatch: pytest.MonkeyPatch
) -> None:
    policy = sharp(config)
    reference = Reference(policy)
    drawn_with: list[float] = []
    multinomial = torch.multinomial

    def spy(weight: Tensor, number: int, *, generator: torch.Generator) -> Tensor:
        taken = multinomial(weight, number, generator=generator)
        drawn_with.append(float(weight[taken] / weight.sum()))
        return taken

    monkeypatch.setattr("torch.multinomial", spy)
    samples, probabilities = [], []
    for _ in range(25):
        samples.append(policy.sample(feasible))
        probabilities.append(math.prod(drawn_with[-len(FULL) :]))  # before are dead ends
    met_dead_ends = len(drawn_with) > 25 * len(FULL)
    assert met_dead_ends == (feasible is TIGHTER)
    assert min(probabilities) < 0.5 * max(probabilities)
    assert log_prob(policy, samples).exp().tolist() == pytest.approx(probabilities, rel=1e-4)
    expected = [reference.probability(sample) for sample in samples]
    assert probabilities == pytest.approx(expected, rel=1e-4)


@pytest.mark.parametrize("feasible", [FREE, TIGHT], ids=["free", "one"])
@BOUNDS
def test_probabilities_of_all_allowed_architectures_add_up_to_one(
    feasible: Feasible, config: LSTMControllerConfig
) -> None:
    policy = sharp(config)
    every = architectures(feasible)
    assert 1 < len(every) <= FULL.num_architectures
    samples = [sample_of(architecture, feasible) for architecture in every]
    probability_S = log_prob(policy, samples).exp()
    assert float(probability_S.sum()) == pytest.approx(1.0, abs=1e-5)
    # how often they are drawn is what they say
    draws = [policy.sample(feasible).architecture for _ in range(600)]
    shares = [draws.count(architecture) / len(draws) for architecture in every]
    assert shares == pytest.approx(probability_S.tolist(), abs=0.05)


@FEASIBLES
@BOUNDS
def test_an_update_is_the_gradient_of_the_log_probabilities_of_its_samples(
    feasible: Feasible, config: LSTMControllerConfig
) -> None:
    policy = sharp(config)
    reference = Reference(policy)
    samples = [policy.sample(feasible) for _ in range(5)]
    rewards = [0.1, 0.9, 0.4, 0.7, 0.2]
    goal = torch.zeros((), dtype=torch.float64)
    for sample, reward in zip(samples, rewards, strict=True):
        bonus = config.entropy_weight * reference.entropy(sample)
        advantage = reward + bonus.detach() - 0.3
        goal = goal + (advantage * reference.log_prob(sample) + bonus) / len(samples)
    assert_close(ascent(policy, samples, rewards), reference.gradient(goal))


@pytest.mark.parametrize("feasible", [FREE, TIGHT], ids=["free", "one"])
def test_updates_follow_the_mean_reward_and_the_entropy_of_the_whole_distribution(
    feasible: Feasible,
) -> None:
    # all architectures, weighted by their probabilities: nothing is estimated
    policy = sharp(LSTMControllerConfig(hidden_size=8, entropy_weight=0.3, max_gradient_norm=None))
    reference = Reference(policy)
    goal = torch.zeros((), dtype=torch.float64)
    mean = {name: torch.zeros_like(tensor) for name, tensor in reference.weights.items()}
    for index, architecture in enumerate(architectures(feasible)):
        sample, reward = sample_of(architecture, feasible), (index * 7 % 11) / 10
        log_prob = reference.log_prob(sample)
        goal = goal + log_prob.exp() * (reward - 0.3 * log_prob)
        update = ascent(policy, [sample], [reward])
        probability = reference.probability(sample)
        mean = {name: tensor + probability * update[name] for name, tensor in mean.items()}
    assert_close(mean, reference.gradient(goal))


def test_the_baseline_is_the_average_of_earlier_rewards() -> None:
    config = LSTMControllerConfig(hidden_size=8, entropy_weight=0.0, baseline_decay=0.75)
    policy = LSTMController(FULL, config, 0)
    samples = [policy.sample(FREE) for _ in range(2)]
    before = deepcopy(policy.state_dict()["weights"])
    policy.reinforce(samples, [0.4, 0.4])  # the first rewards are their own baseline
    policy.reinforce(samples, [0.4, 0.4])
    for name, tensor in policy.state_dict()["weights"].items():
        torch.testing.assert_close(tensor, before[name], rtol=0, atol=1e-6)
    policy.reinforce(samples, [0.7, 0.9])
    assert float(policy.state_dict()["baseline"]) == pytest.approx(0.75 * 0.4 + 0.25 * 0.8)


def test_a_rise_is_rewarded_unless_the_group_is_the_baseline() -> None:
    for group_weight, rises in ((0.0, True), (1.0, False)):
        config = LSTMControllerConfig(
            hidden_size=8, entropy_weight=0.0, group_weight=group_weight, learning_rate=0.01
        )
        policy = sharp(config)
        sample = policy.sample(FREE)
        before = float(log_prob(policy, [sample]))
        policy.reinforce([sample, sample], [0.8, 0.8])
        assert (float(log_prob(policy, [sample])) > before + 1e-3) == rises


def test_large_gradients_are_scaled_down() -> None:
    whole = sharp(CONFIG.model_copy(update={"max_gradient_norm": None}))
    clipped = sharp(CONFIG.model_copy(update={"max_gradient_norm": 0.01}))
    samples = [whole.sample(FREE) for _ in range(3)]
    steep, scaled = (ascent(policy, samples, [0.9, 0.1, 0.2]) for policy in (whole, clipped))
    norm = math.sqrt(sum(float(tensor.square().sum()) for tensor in steep.values()))
    assert norm > 0.01
    assert_close(scaled, {name: tensor * 0.01 / norm for name, tensor in steep.items()})


def test_the_entropy_is_a_fraction_of_the_largest() -> None:
    policy = sharp()
    reference = Reference(policy)
    probabilities = [
        reference.probability(sample_of(architecture, FREE)) for architecture in architectures(FREE)
    ]
    exact = -sum(p * math.log(p) for p in probabilities) / math.log(24)
    assert 0.2 < exact < 0.95
    assert policy.entropy() == pytest.approx(exact, abs=0.03)
    assert policy.entropy() == policy.entropy()
    alone = Subspace({choice: names[:1] for choice, names in FULL.items()})
    assert LSTMController(alone, CONFIG, 0).entropy() == 0.0


def test_the_entropy_bonus_evens_out() -> None:
    policy = sharp(LSTMControllerConfig(hidden_size=8, learning_rate=0.01, entropy_weight=1.0))
    before = policy.entropy()
    for _ in range(20):
        policy.reinforce([policy.sample(FREE) for _ in range(4)], [0.5] * 4)
    assert policy.entropy() > before


@FEASIBLES
def test_the_best_is_decoded_greedily_and_draws_nothing(feasible: Feasible) -> None:
    policy, twin = sharp(), sharp()
    best = policy.best(feasible)
    assert feasible.allows(best)
    assert policy.best(feasible) == best
    if feasible is not TIGHTER:
        decisions = Reference(policy).decisions(sample_of(best, feasible))
        assert all(int(log_prob.argmax()) == taken for log_prob, taken in decisions)
    assert policy.sample(feasible) == twin.sample(feasible)


def test_where_almost_every_draw_is_a_dead_end_samples_are_certain() -> None:
    names = [f"layer{index}" for index in range(12)]
    full = Subspace(dict.fromkeys(names, ("macs", "parameters")))
    costs = {
        name: {"macs": Cost(2**index, 0), "parameters": Cost(0, 2**index)}
        for index, name in enumerate(names)
    }
    limits = [Constraint("macs", 0b101010101010), Constraint("parameters", 0b010101010101)]
    feasible = Feasible(CostTable(Cost(), costs), limits, full)
    policy = LSTMController(full, CONFIG, 0)
    samples = [policy.sample(feasible) for _ in range(2)]
    assert feasible.allows(policy.best(feasible))
    assert all(feasible.allows(sample.architecture) for sample in samples)
    assert all(len(names) == 1 for sample in samples for names in sample.allowed.values())
    assert log_prob(policy, samples).tolist() == [0.0, 0.0]
    policy.reinforce(samples, [0.2, 0.6])
    weights = policy.state_dict()["weights"]
    assert all(bool(tensor.isfinite().all()) for tensor in weights.values())


@pytest.mark.parametrize("seed", [0, pytest.param(1, marks=pytest.mark.slow)])
def test_a_planted_optimum_is_learnt_where_choices_count_only_together(seed: int) -> None:
    # but for the first choice, candidates are alike as long as the others are drawn uniformly
    full = Subspace(dict.fromkeys("abcd", ("x", "y", "z")))
    costs = {choice: {name: Cost() for name in names} for choice, names in full.items()}
    feasible = Feasible(CostTable(Cost(), costs), [], full)
    planted = Architecture(dict(zip(full, "zxyz", strict=True)))

    def reward(architecture: Architecture) -> float:
        taken = "".join(architecture.values())
        in_turn = sum(taken[index : index + 2] in "xyzx" for index in range(3))
        return (in_turn + (taken[0] == "z")) / 4

    assert reward(planted) == 1
    config = LSTMControllerConfig(learning_rate=2e-3, entropy_weight=0.05, tanh_constant=5.0)
    policy = LSTMController(full, config, seed)
    for _ in range(150):
        samples = [policy.sample(feasible) for _ in range(8)]
        policy.reinforce(samples, [reward(sample.architecture) for sample in samples])
    assert policy.best(feasible) == planted
    assert float(log_prob(policy, [Sample(planted, full)]).exp()) > 0.9


@settings(max_examples=10)
@given(st.integers(0, 2**31 - 1), st.integers(0, 4))
def test_a_saved_policy_goes_on_bit_for_bit(seed: int, num_updates: int) -> None:
    def go_on(policy: LSTMController, steps: int) -> list[object]:
        history: list[object] = []
        for step in range(steps):
            samples = [policy.sample(TIGHT) for _ in range(2)]
            policy.reinforce(samples, [0.1 * step, 0.3])
            uniform = policy.sample(TIGHT, uniform=True)
            history += [samples, uniform, policy.entropy(), policy.best(TIGHT)]
        return history

    first = LSTMController(FULL, CONFIG, seed)
    go_on(first, num_updates)
    saved = deepcopy(first.state_dict())
    second = LSTMController(FULL, CONFIG, seed + 1)
    go_on(second, 1)
    second.load_state_dict(saved)
    assert_same_state(second.state_dict(), saved)
    assert go_on(second, 3) == go_on(first, 3)
    assert_same_state(second.state_dict(), first.state_dict())


def test_the_seed_decides_everything_and_the_global_generator_is_left_alone() -> None:
    def run(seed: int) -> tuple[list[Sample], State]:
        policy = LSTMController(FULL, CONFIG, seed)
        samples = [policy.sample(FREE) for _ in range(20)]
        policy.reinforce(samples, [0.05 * index for index in range(20)])
        policy.best(FREE)
        policy.entropy()
        return samples, policy.state_dict()

    torch.manual_seed(1)
    rng_state = torch.get_rng_state()
    samples, state = run(3)
    assert torch.equal(torch.get_rng_state(), rng_state)
    torch.manual_seed(2)
    again, same_state = run(3)
    assert again == samples
    assert_same_state(same_state, state)
    assert run(4)[0] != samples


def test_weights_begin_within_a_tenth() -> None:
    state = LSTMController(FULL, CONFIG, 0).state_dict()
    weights = torch.cat([tensor.flatten() for tensor in state["weights"].values()])
    assert weights.abs().max() <= 0.1
    assert weights.abs().mean() == pytest.approx(0.05, abs=0.01)


@pytest.mark.parametrize(
    "changes",
    [
        {"hidden_size": 0},
        {"learning_rate": 0.0},
        {"temperature": math.inf},
        {"tanh_constant": 0.0},
        {"max_gradient_norm": -1.0},
        {"baseline_decay": 1.0},
        {"units": 3},
    ],
)
def test_a_wrong_configuration_is_refused(changes: dict[str, float]) -> None:
    with pytest.raises(ValidationError, match=next(iter(changes))):
        LSTMControllerConfig.model_validate(changes)
