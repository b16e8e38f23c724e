from collections import OrderedDict
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.nn.utils.parametrizations import weight_norm

import radars
from radars.errors import SpaceError
from radars.nn.shared_weights import architecture_weights
from radars.nn.supernet import Supernet
from radars.space import Architecture, SearchSpace, building

IMPORTANT = (1, 2, 5)


def mlp() -> nn.Module:
    """(B, 4) to (B, 3), through 6 channels of which 3 matter."""
    torch.manual_seed(0)
    module = nn.Sequential(
        OrderedDict(fc1=nn.Linear(4, 6), act=nn.ReLU(), fc2=nn.Linear(6, 3, bias=False))
    )
    return forget_others(module, "fc2")


def block() -> nn.Module:
    """An inverted residual (B, 4, H, W) to the same, through 6 channels of which 3 matter."""
    torch.manual_seed(0)
    parts = OrderedDict(
        expand=nn.Conv2d(4, 6, 1, bias=False),
        norm1=nn.BatchNorm2d(6),
        depthwise=nn.Conv2d(6, 6, 3, padding=1, groups=6),
        norm2=nn.BatchNorm2d(6),
        project=nn.Conv2d(6, 4, 1),
    )
    module = nn.Sequential(parts)
    module(torch.randn(8, 4, 5, 5))  # running statistics that differ
    return forget_others(module, "project")


def forget_others(module: nn.Module, last: str) -> nn.Module:
    """The last layer takes nothing of the channels that do not matter."""
    weight = module.get_submodule(last).weight
    assert isinstance(weight, Tensor)
    with torch.no_grad():
        weight[:, [c for c in range(6) if c not in IMPORTANT]] = 0.0
    return module.eval()


BETWEEN = ("norm1", "depthwise", "norm2")


def test_of_a_multilayer_perceptron_the_important_channels_stay() -> None:
    module, example_B4 = mlp(), torch.randn(5, 4)
    before = {name: tensor.clone() for name, tensor in module.state_dict().items()}
    narrow = radars.narrowed(module, "fc1", "fc2", 0.5)
    torch.testing.assert_close(narrow(example_B4), module(example_B4))
    assert torch.equal(narrow.state_dict()["fc1.bias"], before["fc1.bias"][[*IMPORTANT]])
    assert str(narrow.get_submodule("fc1")) == str(nn.Linear(4, 3))
    assert str(narrow.get_submodule("fc2")) == str(nn.Linear(3, 3, bias=False))
    assert all(torch.equal(tensor, before[n]) for n, tensor in module.state_dict().items())


def test_layers_between_lose_the_same_channels() -> None:
    module, example_B4HW = block(), torch.randn(5, 4, 7, 7)
    narrow = radars.narrowed(module, "expand", "project", 0.5, BETWEEN)
    torch.testing.assert_close(narrow(example_B4HW), module(example_B4HW))
    depthwise: Any = narrow.get_submodule("depthwise")
    assert (depthwise.groups, depthwise.in_channels, depthwise.out_channels) == (3, 3, 3)
    whole, kept = module.state_dict(), narrow.state_dict()
    for name in ("norm1.running_mean", "norm2.running_var", "depthwise.bias"):
        assert torch.equal(kept[name], whole[name][[*IMPORTANT]])
    narrow.train()(example_B4HW).sum().backward()


def test_one_channel_stays_at_least_and_all_at_most() -> None:
    assert str(radars.narrowed(mlp(), "fc1", "fc2", 1e-9).get_submodule("fc1")) == str(
        nn.Linear(4, 1)
    )
    whole = radars.narrowed(mlp(), "fc1", "fc2", 1.0)
    assert all(torch.equal(t, whole.state_dict()[n]) for n, t in mlp().state_dict().items())


def test_without_values_it_has_the_same_shapes() -> None:
    with building(torch.device("meta")):
        narrow = radars.narrowed(block(), "expand", "project", 0.5, BETWEEN)
    assert narrow(torch.empty(2, 4, 7, 7, device="meta")).shape == (2, 4, 7, 7)
    assert all(tensor.device.type == "meta" for tensor in narrow.parameters())


@pytest.mark.parametrize(
    ("names", "said"),
    [
        (("fc0", "fc2", 0.5), "Sequential has no 'fc0'; name one of ['fc1', 'act', 'fc2']"),
        (("fc2", "fc1", 0.5), "but 'fc1' is Linear"),
        (("act", "fc2", 0.5), "but 'act' is ReLU"),
        (("fc1", "fc2", 0.5, ["act"]), "but 'act' is ReLU"),
        (("fc1", "fc2", 0.0), "above 0 and up to 1, not 0.0"),
    ],
)
def test_what_cannot_be_narrowed_is_refused(names: Any, said: str) -> None:
    with pytest.raises(SpaceError) as error:
        radars.narrowed(mlp(), *names)
    assert said in str(error.value)


def test_a_weight_that_is_computed_from_others_is_refused() -> None:
    module = mlp()
    weight_norm(module.get_submodule("fc1"))
    with pytest.raises(SpaceError, match="'fc1' is"):
        radars.narrowed(module, "fc1", "fc2", 0.5)
    module = block()
    weight_norm(module.get_submodule("depthwise"))
    with pytest.raises(SpaceError, match="'depthwise' is"):
        radars.narrowed(module, "expand", "project", 0.5, BETWEEN)


@pytest.fixture(params=[("keep", "half"), ("half", "keep")], ids=" ".join)
def space(request: pytest.FixtureRequest) -> SearchSpace:
    """A perceptron with its weights, as it is or narrowed; in either order."""
    weights = mlp().state_dict()

    def network() -> nn.Module:
        module = nn.Sequential(mlp())
        module[0].load_state_dict(weights)
        return module

    candidates = {
        "keep": lambda module: module,
        "half": lambda module: radars.narrowed(module, "fc1", "fc2", 0.5),
    }
    replacements = {"0": {name: candidates[name] for name in request.param}}
    return SearchSpace(radars.searchable(network, replacements), input_shape=(4,))


def test_shared_weights_are_those_that_stay_whatever_was_trained_before(space: SearchSpace) -> None:
    keep, half = Architecture({"0": "keep"}), Architecture({"0": "half"})
    supernet = Supernet(space, keep.as_subspace())
    with torch.no_grad():
        for weight in supernet.weight_parameters():
            weight.fill_(7.0)
    supernet.activate(half)
    weights = architecture_weights(space, half, supernet.state_dict())
    assert torch.equal(weights["0.fc1.weight"], mlp().state_dict()["fc1.weight"][[*IMPORTANT]])


def test_what_is_found_is_trained_from_the_weights_that_stay(space: SearchSpace) -> None:
    data = torch.randn(60, 4), torch.arange(60) % 3
    found = radars.search(
        space, data, budget="1MiB", batch_size=8, num_rounds=1,
        explore={"steps": 4, "ranker_draws": 2}, differentiate={"steps": 2},
        select={"finalists": 2, "halving_steps": [2]}, constraints=["parameters<=30"],
    )  # fmt: skip
    assert dict(found.architecture) == {"0": "half"}
    stay = mlp().state_dict()["fc1.weight"][[*IMPORTANT]]
    assert torch.equal(found.build().state_dict()["0.fc1.weight"], stay)
    trained = radars.train(found, data, epochs=1, batch_size=8, optimizer={"learning_rate": 1e-9})
    trained_weight = trained.network.state_dict()["0.fc1.weight"]
    torch.testing.assert_close(trained_weight, stay, atol=1e-4, rtol=0)
