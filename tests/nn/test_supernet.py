import copy
import itertools
from unittest.mock import patch

import pytest
import torch
from torch import Tensor, nn

from radars.errors import SpaceError
from radars.nn.candidate_weights import CandidateWeights
from radars.nn.memory_saving.savings import MemorySavings
from radars.nn.mixture import Mixture
from radars.nn.operations import classifier, conv_bn_relu, mbconv
from radars.nn.optimizer import OptimizerConfig
from radars.nn.steps import architecture_step, weights_step
from radars.nn.supernet import Supernet
from radars.space import Architecture, Choose, SearchSpace, Subspace


def small(choose: Choose) -> nn.Module:
    def layer(name: str) -> nn.Module:
        return choose(
            name,
            {
                "none": nn.Identity,
                "conv": lambda: conv_bn_relu(4, 4),
                "mb": lambda: mbconv(4, 4, 3, 2),
            },
        )

    return nn.Sequential(conv_bn_relu(1, 4), layer("a"), layer("b"), classifier(4, 3))


def shared(choose: Choose) -> nn.Module:
    def layer() -> nn.Module:
        return choose("all", {"linear": lambda: nn.Linear(3, 3), "none": nn.Identity})

    return nn.Sequential(layer(), layer())


def batch(seed: int = 0) -> tuple[Tensor, Tensor]:
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(8, 1, 6, 6, generator=generator), torch.arange(8) % 3


def snapshot(supernet: Supernet) -> dict[str, Tensor]:
    return {name: tensor.clone() for name, tensor in supernet.state_dict().items()}


def assert_equal(left: dict[str, Tensor], right: dict[str, Tensor]) -> None:
    assert left.keys() == right.keys()
    for name in left:
        assert torch.equal(left[name], right[name]), name


def train(supernet: Supernet, num_steps: int = 2) -> None:
    for seed in range(num_steps):
        weights_step(supernet, *batch(seed))
        architecture_step(supernet, *batch(seed + 100))


def test_a_single_path_is_the_network_that_build_returns() -> None:
    space = SearchSpace(small)
    supernet = Supernet(space)
    architecture = Architecture({"a": "mb", "b": "none"})
    supernet.double().activate(architecture)
    network = space.build(architecture).double()
    with torch.no_grad():
        for parameter, trained in zip(
            network.parameters(), supernet.weight_parameters(), strict=True
        ):
            parameter.copy_(trained)
    example = batch()[0].double()
    assert torch.allclose(supernet(example), network(example), atol=1e-12)
    assert torch.allclose(supernet.eval()(example), network.eval()(example), atol=1e-12)


def test_only_live_candidates_are_in_the_network() -> None:
    supernet = Supernet(SearchSpace(small), Subspace({"a": ["none", "mb"], "b": ["conv"]}))
    live = [tuple(module.live) for module in supernet.modules() if isinstance(module, Mixture)]
    assert live == [("none", "mb"), ("conv",)]
    assert supernet.live == Subspace({"a": ["none", "mb"], "b": ["conv"]})


def test_pruned_weights_are_found_again() -> None:
    space = SearchSpace(small)
    supernet = Supernet(space)
    train(supernet)
    before = snapshot(supernet)
    supernet.activate(Architecture({"a": "none", "b": "conv"}))
    assert_equal(snapshot(supernet), before)
    supernet.activate(space.full)
    assert_equal(snapshot(supernet), before)


def test_all_that_is_live_is_on_the_device_again_after_a_release() -> None:
    supernet = Supernet(SearchSpace(small))
    assert isinstance(supernet._candidates, CandidateWeights)
    offload = supernet._candidates._offload
    where: dict[str, torch.device] = {}
    gpu = torch.device("cuda")  # which is not there: only where things are moved is looked at
    with patch.object(offload, "_device", gpu), patch.object(offload, "_move", where.__setitem__):
        supernet.release()
        assert set(where.values()) == {torch.device("cpu")}
        supernet.activate(Architecture({"a": "mb", "b": "conv"}))
    on_device = {key for key, device in where.items() if device == gpu}
    assert on_device == {"network", "a#0/mb", "b#0/conv"}


def test_initial_weights_depend_on_the_seed_alone() -> None:
    space = SearchSpace(small)
    torch.manual_seed(1)
    direct = Supernet(space, seed=3)
    torch.manual_seed(2)
    state = torch.get_rng_state()
    stepwise = Supernet(space, Subspace({"a": ["mb"], "b": ["mb"]}), seed=3)
    stepwise.activate(Subspace({"a": ["conv"], "b": ["none", "mb"]}))
    stepwise.activate(space.full)
    assert torch.equal(state, torch.get_rng_state())
    assert_equal(
        dict(sorted(direct.state_dict().items())), dict(sorted(stepwise.state_dict().items()))
    )

    other = Supernet(space, seed=4).state_dict()
    weight = next(name for name in other if name.endswith("weight") and "conv" in name)
    assert not torch.equal(direct.state_dict()[weight], other[weight])


def test_places_of_one_choice_share_logits_and_not_weights() -> None:
    supernet = Supernet(SearchSpace(shared))
    assert len(supernet.logits) == 1
    first, second = (module for module in supernet.modules() if isinstance(module, Mixture))
    assert not torch.equal(*(mixture.live["linear"].weight for mixture in (first, second)))  # type: ignore[arg-type]

    supernet.logits.set({"all": {"linear": 2.0, "none": -1.0}})
    assert supernet.logits.of("all") == {"linear": 2.0, "none": -1.0}
    example = torch.randn(5, 3)
    weight = torch.tensor([2.0, -1.0]).softmax(-1)
    expected = example
    for mixture in (first, second):
        expected = weight[0] * mixture.live["linear"](expected) + weight[1] * expected
    assert torch.allclose(supernet(example), expected, atol=1e-6)
    supernet.activate(Architecture({"all": "none"}))
    assert torch.equal(supernet(example), example)


def test_weights_are_those_of_the_live_logits() -> None:
    space = SearchSpace(
        lambda choose: choose(
            "all", {"none": nn.Identity, "zero": lambda: nn.Threshold(9, 0), "tanh": nn.Tanh}
        )
    )
    supernet = Supernet(space, Subspace({"all": ["none", "tanh"]}))
    supernet.logits.set({"all": {"none": 1.0, "zero": 50.0, "tanh": 0.0}})
    example = torch.rand(4)
    weight = torch.tensor([1.0, 0.0]).softmax(-1)
    assert torch.allclose(supernet(example), weight[0] * example + weight[1] * example.tanh())


@pytest.mark.parametrize(
    "subspace",
    [
        Subspace({"a": ["none"]}),
        Subspace({"a": ["none"], "b": ["other"]}),
        Architecture({"a": "none", "b": "other"}),
    ],
)
def test_activate_refuses_another_space(subspace: Subspace | Architecture) -> None:
    with pytest.raises(SpaceError, match="subspaces of its own space"):
        Supernet(SearchSpace(small)).activate(subspace)


@pytest.mark.parametrize("name", ["sgd", "adamw"])
def test_state_round_trip_and_the_next_steps_are_the_same(name: str) -> None:
    space = SearchSpace(small)
    config = OptimizerConfig.model_validate({"name": name, "learning_rate": 0.01})
    trained = Supernet(space, optimizer=config, seed=1)
    train(trained)
    saved = snapshot(trained)
    assert any("|optimizer|" in key for key in saved)
    assert any(key.startswith("logits_optimizer|") for key in saved)

    fresh = Supernet(space, optimizer=config, seed=2)
    fresh.load_state_dict(saved)
    assert_equal(snapshot(fresh), saved)

    used = Supernet(space, optimizer=config, seed=2)
    train(used, num_steps=3)
    used.load_state_dict(saved)
    assert_equal(snapshot(used), saved)

    kept = copy.deepcopy(saved)
    for supernet in (trained, fresh, used):
        train(supernet)
    assert_equal(snapshot(fresh), snapshot(trained))
    assert_equal(snapshot(used), snapshot(trained))
    assert_equal(saved, kept)  # what was loaded is not trained on


def test_a_state_without_momentum_takes_the_momentum_away() -> None:
    supernet = Supernet(SearchSpace(small))
    start = snapshot(supernet)
    train(supernet)
    supernet.load_state_dict(start)
    assert_equal(snapshot(supernet), start)


def test_state_goes_to_candidates_that_are_not_built_yet() -> None:
    space = SearchSpace(small)
    trained = Supernet(space, seed=1)
    train(trained)
    saved = snapshot(trained)
    lazy = Supernet(space, Subspace({"a": ["none"], "b": ["conv"]}), seed=2)
    lazy.load_state_dict(saved)
    assert_equal(dict(sorted(snapshot(lazy).items())), dict(sorted(saved.items())))
    lazy.activate(space.full)
    assert_equal(dict(sorted(snapshot(lazy).items())), dict(sorted(saved.items())))
    for supernet in (trained, lazy):
        train(supernet)
    assert_equal(dict(sorted(snapshot(lazy).items())), dict(sorted(snapshot(trained).items())))


def test_the_learning_rate_reaches_candidates_built_later() -> None:
    space = SearchSpace(small)
    supernet = Supernet(space, Architecture({"a": "none", "b": "none"}).as_subspace())
    supernet.set_learning_rate(0.125)
    supernet.activate(space.full)
    rates = [group["lr"] for opt in supernet.weight_optimizers() for group in opt.param_groups]
    assert set(rates) == {0.125}
    assert len(rates) == 7  # the fixed part, and three candidates at two places


def test_levers_change_memory_and_not_the_result() -> None:
    plain, *recomputed = (
        Supernet(SearchSpace(small), savings=MemorySavings(recompute=part))
        for part in (0, 0.3, 0.5, 1)
    )
    for supernet in (plain, *recomputed):
        train(supernet)
    for left, right in itertools.product([snapshot(plain)], map(snapshot, recomputed)):
        assert left.keys() == right.keys()
        for name, tensor in left.items():
            assert torch.allclose(tensor, right[name], atol=1e-5), name


class Frozen(nn.BatchNorm2d):
    """Keeps its statistics whatever is trained around it, as people write it for fine-tuning."""

    def train(self, mode: bool = True) -> "Frozen":
        return super().train(False)


def test_training_and_evaluation_are_set_as_pytorch_sets_them() -> None:
    supernet = Supernet(SearchSpace(small, name="small", input_shape=(1, 6, 6)))
    for mode in (False, True, True):
        supernet.train(mode)
        assert {module.training for module in supernet.modules()} == {mode}
    supernet.eval()
    assert not any(module.training for module in supernet.modules())


def test_a_layer_that_decides_by_itself_whether_it_trains_is_asked() -> None:
    def frozen(choose: Choose) -> nn.Module:
        return nn.Sequential(nn.Conv2d(3, 4, 1), Frozen(4), small_tail(choose))

    supernet = Supernet(SearchSpace(frozen, name="frozen", input_shape=(3, 8, 8))).train()
    for module in supernet.modules():
        assert module.training is not isinstance(module, Frozen)


def small_tail(choose: Choose) -> nn.Module:
    layer = choose("layer", {"none": nn.Identity, "conv": lambda: conv_bn_relu(4, 4)})
    return nn.Sequential(layer, classifier(4, 2))
