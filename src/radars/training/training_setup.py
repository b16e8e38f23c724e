"""From a configuration to everything that a training works with, checked before it starts."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from radars.cost import count_parameters, network_macs
from radars.data import Data, are_images, load_data, say_missing_classes
from radars.engine.recipe import check_data
from radars.errors import ConfigError
from radars.example import InputShape, channels_option
from radars.execution.device import device_of
from radars.nn.task import CLASSIFICATION, Task, check_training_output
from radars.runs.skipped import SkippedSteps
from radars.seeds import seed_torch, stable_seed
from radars.space import Architecture, SearchSpace, building, check_output
from radars.training.train_config import TrainConfig
from radars.training.training_state import TrainState
from radars.training.warm_start import searched_weights
from radars.training.weight_average import MovingAverage
from radars.zoo import accepted_options, load_space


@dataclass(frozen=True)
class TrainSetup:
    """What a training needs, made from its configuration.

    Attributes:
        config: the configuration.
        space: the space of the network.
        architecture: the architecture of the network.
        data: the splits.
        device: where steps run.
        steps_per_epoch: full batches in the training split.
        parameters: the number of parameters of the network.
        macs: multiply-accumulates of the network, for one example.
        initial_weights: those that are not fresh, by name.
        task: the loss and the score.
    """

    config: TrainConfig
    space: SearchSpace
    architecture: Architecture
    data: Data
    device: torch.device
    steps_per_epoch: int
    parameters: int
    macs: int
    initial_weights: Mapping[str, Tensor]
    task: Task = CLASSIFICATION

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
        device = device_of(config.device, config.devices)
        if data is None:
            if space is None:
                check_data(config.space, config.data)
            data = load_data(config.data, config.seed)
        space = space or space_of(config, data.num_classes, data.input_shape)
        space = space.taking(data.input_dtype)
        chosen = space.architecture(architecture)
        batch_size = config.data.batch_size
        data.train.batches(batch_size, augment=False, seed=0)  # checks the batch size
        if config.held_out_fraction and not len(data.validation):
            raise ConfigError(
                f"held_out_fraction needs examples for validation, but {data.name} as given has "
                f"none; set it to 0"
            )
        task.check(data.train.label_N, data.num_classes)
        if task.is_classification:
            say_missing_classes(data.train.label_N, data.class_names, "the training part")
        _check_augmentation(config, data, task)
        with building(torch.device("meta")):
            network = space.build(chosen)
        check_output(network, space, data.input_shape, task.output_shape(data.num_classes))
        check_training_output(network, space.name, data.input_shape, data.input_dtype, task)
        if not count_parameters(network):
            raise ConfigError(
                f"a network has weights to train, but {space.name!r} with {dict(chosen)} has none; "
                f"add a layer such as a classifier"
            )
        return cls(
            config=config,
            space=space,
            architecture=chosen,
            data=data.on(device),
            device=device,
            steps_per_epoch=len(data.train) // batch_size,
            parameters=count_parameters(network),
            macs=network_macs(network, data.input_shape, data.input_dtype),
            initial_weights=(
                searched_weights(config.from_search, space, chosen) if config.from_search else {}
            ),
            task=task,
        )

    @property
    def num_steps(self) -> int:
        """Steps of the whole training."""
        return self.config.epochs * self.steps_per_epoch

    def state(self, device: torch.device | None = None, rank: int = 0) -> TrainState:
        """The state of a training that has not begun; draws from the global generator.

        Args:
            device: where it is; by default the setup's.
            rank: which of the parts of each batch it trains on, where several devices share them.
        """
        config = self.config
        seed_torch(config.seed, "weights")
        network = self.space.build(self.architecture)
        if self.initial_weights:
            network.load_state_dict(dict(self.initial_weights), strict=False)
        network = as_trained(network, device or self.device)
        part_size = config.data.batch_size // config.devices
        stream = self.data.train.batches(
            config.data.batch_size,
            augment=config.data.augment,
            seed=stable_seed(config.seed, "train"),
            policy=config.policy,
            part=slice(rank * part_size, (rank + 1) * part_size),
        )
        average = MovingAverage(network, config.ema_decay) if config.ema_decay else None
        optimizer = config.optimizer.build(network.parameters())
        skipped = SkippedSteps(config.max_skipped_steps)
        return TrainState(network, optimizer, stream, skipped, average)


def _check_augmentation(config: TrainConfig, data: Data, task: Task) -> None:
    """Refuses changes that the examples or the task do not allow."""
    mixes = config.mixup_alpha or config.cutmix_alpha
    if mixes and not task.is_classification:
        raise ConfigError(
            "MixUp and CutMix mix classes, but the task is no classification; set mixup_alpha and "
            "cutmix_alpha to 0"
        )
    is_images = are_images(data.input_shape, data.normalisation)
    if (mixes or config.rand_augment_ops) and not is_images:
        raise ConfigError(
            f"RandAugment, MixUp and CutMix change images, but {data.name} has other examples, of "
            f"the shape {data.input_shape}; set rand_augment_ops, mixup_alpha and cutmix_alpha to 0"
        )


def space_of(config: TrainConfig, num_classes: int, input_shape: InputShape) -> SearchSpace:
    """The space that a configuration names, for data of these classes and this shape."""
    suggested = accepted_options(
        config.space, {"num_classes": num_classes} | channels_option(input_shape)
    )
    options: dict[str, Any] = suggested | config.space_options
    return load_space(config.space, **options)


def as_trained(network: nn.Module, device: torch.device) -> nn.Module:
    """The network where, and with the memory layout in which, it is trained and evaluated."""
    nn.utils.convert_conv2d_weight_memory_format(network, torch.channels_last)
    return network.to(device)
