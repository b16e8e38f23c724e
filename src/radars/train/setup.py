"""From a configuration to everything that a training works with, checked before it starts."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import nn

from radars.cost import count_macs, count_parameters
from radars.data import Data, load_data
from radars.errors import ConfigError
from radars.nn.task import CLASSIFICATION, Task
from radars.run import SkippedSteps
from radars.run.device import device_of
from radars.seeds import stable_seed
from radars.space import Architecture, SearchSpace, check_output
from radars.spaces import accepted_options, load_space
from radars.train.config import TrainConfig
from radars.train.state import TrainState


@dataclass(frozen=True)
class TrainSetup:
    """What a training needs, made from its configuration.

    Attributes:
        config: the configuration.
        space: the space of the network.
        architecture: of the network.
        data: the splits.
        device: where steps run.
        steps_per_epoch: full batches in the training split.
        parameters: of the network.
        macs: multiply-accumulates of the network, for one example.
    """

    config: TrainConfig
    space: SearchSpace
    architecture: Architecture
    data: Data
    device: torch.device
    steps_per_epoch: int
    parameters: int
    macs: int

    @classmethod
    def of(
        cls,
        architecture: Mapping[str, str],
        config: TrainConfig,
        *,
        space: SearchSpace | None = None,
        data: Data | None = None,
        task: Task = CLASSIFICATION,
    ) -> "TrainSetup":
        """Loads and checks everything that can be wrong before a training.

        Raises:
            ConfigError: a setting does not fit the others.
            SpaceError: the space is not well formed, or the architecture is not one of it.
            DataError: the data cannot be used.
        """
        device = device_of(config.device)
        data = data or load_data(config.data, config.seed)
        space = space or space_of(config, data.num_classes, data.input_shape)
        chosen = space.architecture(architecture)
        batch_size = config.data.batch_size
        data.train.batches(batch_size, augment=False, seed=0)  # checks the batch size
        task.check(data.train.label_N, data.num_classes)
        with torch.device("meta"):
            network = space.build(chosen)
        check_output(network, space.name, data.input_shape, data.num_classes)
        if not count_parameters(network):
            raise ConfigError(
                f"a network has weights to train, but {space.name!r} with {dict(chosen)} has none; "
                f"add a layer such as a classifier"
            )
        return cls(
            config=config,
            space=space,
            architecture=chosen,
            data=data,
            device=device,
            steps_per_epoch=len(data.train) // batch_size,
            parameters=count_parameters(network),
            macs=count_macs(network, (1, *data.input_shape)),
        )

    @property
    def num_steps(self) -> int:
        """Steps of the whole training."""
        return self.config.epochs * self.steps_per_epoch

    def state(self) -> TrainState:
        """The state of a training that has not begun; draws from the global generator."""
        torch.manual_seed(stable_seed(self.config.seed, "weights"))
        network = as_trained(self.space.build(self.architecture), self.device)
        stream = self.data.train.batches(
            self.config.data.batch_size,
            augment=self.config.data.augment,
            seed=stable_seed(self.config.seed, "train"),
        )
        optimizer = self.config.optimizer.build(network.parameters())
        return TrainState(network, optimizer, stream, SkippedSteps(self.config.max_skipped_steps))


def space_of(config: TrainConfig, num_classes: int, input_shape: tuple[int, ...]) -> SearchSpace:
    """The space that a configuration names, for data of these classes and this shape."""
    suggested = accepted_options(
        config.space, {"num_classes": num_classes, "in_channels": input_shape[0]}
    )
    options: dict[str, Any] = suggested | config.space_options
    return load_space(config.space, **options)


def as_trained(network: nn.Module, device: torch.device) -> nn.Module:
    """The network where, and with the memory layout in which, it is trained and evaluated."""
    nn.utils.convert_conv2d_weight_memory_format(network, torch.channels_last)
    return network.to(device)
