from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import nn

from radars.data import Data, tensor_data
from radars.errors import ConfigError, DataError, SpaceError
from radars.space import Choose, SearchSpace
from radars.training import TrainConfig
from radars.training.training_setup import TrainSetup

MakeConfig = Callable[..., TrainConfig]


def test_costs_and_steps_are_known_before_training(
    architecture: dict[str, str], make_config: MakeConfig, small_data: Data
) -> None:
    setup = TrainSetup.of(architecture, make_config(epochs=3), data=small_data)
    assert (setup.steps_per_epoch, setup.num_steps) == (4, 12)
    network = setup.space.build(architecture)
    assert setup.parameters == sum(p.numel() for p in network.parameters())
    assert setup.macs > 0


def test_initial_weights_depend_on_the_seed_alone(
    architecture: dict[str, str], make_config: MakeConfig, small_data: Data
) -> None:
    def weights(seed: int) -> torch.Tensor:
        setup = TrainSetup.of(architecture, make_config(seed=seed), data=small_data)
        return torch.cat([p.flatten() for p in setup.state().network.parameters()])

    first = weights(0)
    torch.rand(1)
    assert torch.equal(first, weights(0))
    assert not torch.equal(first, weights(1))


def test_images_are_channels_last(
    architecture: dict[str, str], make_config: MakeConfig, small_data: Data
) -> None:
    network = TrainSetup.of(architecture, make_config(), data=small_data).state().network
    convolutions = [layer for layer in network.modules() if isinstance(layer, nn.Conv2d)]
    for layer in convolutions:
        assert layer.weight.is_contiguous(memory_format=torch.channels_last)


def test_an_architecture_of_another_space(make_config: MakeConfig, small_data: Data) -> None:
    with pytest.raises(SpaceError, match="missing"):
        TrainSetup.of({"layer0": "conv3"}, make_config(), data=small_data)


@pytest.mark.parametrize("shape", [(1, 8, 8), (64,)])
@pytest.mark.parametrize(
    "change", [{"rand_augment_ops": 2}, {"mixup_alpha": 0.2}, {"cutmix_alpha": 1.0}]
)
def test_what_changes_images_is_refused_for_other_examples(
    make_config: MakeConfig, shape: tuple[int, ...], change: dict[str, Any]
) -> None:
    def network(choose: Choose) -> nn.Module:
        linear = {"linear": lambda: nn.Linear(64, 2)}
        return nn.Sequential(nn.Flatten(), choose("layer", linear))

    data = tensor_data(torch.rand(256, *shape), torch.arange(256) % 2)
    space, architecture = SearchSpace(network), {"layer": "linear"}
    assert TrainSetup.of(architecture, make_config(), space=space, data=data).num_steps > 0
    with pytest.raises(
        ConfigError, match=r"change images, but .* has other examples, of the shape"
    ):
        TrainSetup.of(architecture, make_config(**change), space=space, data=data)


def test_a_batch_that_is_larger_than_the_data(
    architecture: dict[str, str], make_config: MakeConfig
) -> None:
    with pytest.raises(DataError, match="batch_size must be"):
        TrainSetup.of(architecture, make_config(num_train=20))


def test_a_network_with_the_wrong_outputs(
    architecture: dict[str, str], make_config: MakeConfig, small_data: Data
) -> None:
    with pytest.raises(SpaceError, match="set num_classes"):
        TrainSetup.of(architecture, make_config(space_options={"num_classes": 7}), data=small_data)


def test_a_network_without_weights(make_config: MakeConfig, small_data: Data) -> None:
    def network(choose: Choose) -> nn.Module:
        pool = {"pool": lambda: nn.AdaptiveAvgPool1d(10)}
        return nn.Sequential(nn.Flatten(), choose("layer", pool))

    with pytest.raises(ConfigError, match="has weights to train"):
        TrainSetup.of({"layer": "pool"}, make_config(), space=SearchSpace(network), data=small_data)


def test_a_network_for_other_inputs(make_config: MakeConfig, small_data: Data) -> None:
    def network(choose: Choose) -> nn.Module:
        linear = {"linear": lambda: nn.Linear(99, 10)}
        return nn.Sequential(nn.Flatten(), choose("layer", linear))

    with pytest.raises(SpaceError, match="takes the data's examples"):
        TrainSetup.of(
            {"layer": "linear"}, make_config(), space=SearchSpace(network), data=small_data
        )
