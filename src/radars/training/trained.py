"""`load_trained`: the network of a finished training, from its run directory.

Shapes: B batch, C channels, H height, W width, K classes.
"""

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
import yaml
from omegaconf.errors import OmegaConfBaseException
from PIL import Image
from pydantic import ValidationError
from torch import Tensor, nn

from radars.data import Normalisation, image_to_pixels
from radars.errors import ConfigError, DataError, SpaceError, first_line
from radars.runs.directory import read_result
from radars.settings import parse_yaml
from radars.space import Architecture, SearchSpace
from radars.training.train_config import TrainConfig
from radars.training.training_setup import as_trained, space_of
from radars.training.weights_file import WEIGHTS_NAME, load_weights


@dataclass(frozen=True)
class TrainedNetwork:
    """A network and what is needed to use it.

    Attributes:
        network: with its trained weights, in evaluation mode.
        config: how it was trained.
        architecture: of the network.
        class_names: what it tells apart, in the order of its outputs.
        input_shape: of an example: channels, height, width of an image.
        normalisation: of every example that it takes.
    """

    network: nn.Module
    config: TrainConfig
    architecture: Architecture
    class_names: tuple[str, ...]
    input_shape: tuple[int, ...]
    normalisation: Normalisation

    @property
    def num_classes(self) -> int:
        """How many classes it tells apart."""
        return len(self.class_names)

    @property
    def image_shape(self) -> tuple[int, int, int]:
        """Of an image that it takes: channels, height, width.

        Raises:
            DataError: it takes no images.
        """
        if len(self.input_shape) != 3 or self.normalisation.largest == 1.0:
            raise DataError(
                f"images are needed, but this network takes other examples, of the shape "
                f"{self.input_shape}; call it with tensors"
            )
        channels, height, width = self.input_shape
        return channels, height, width

    def preprocess(self, *images: Image.Image | str | os.PathLike[str]) -> Tensor:
        """Images as the network takes them: (B, C, H, W), on the network's device.

        Each is converted to grey or RGB as the training data were; its short side is resized, and
        the centre is kept.

        Args:
            images: opened, or paths of files; one or more.

        Raises:
            DataError: one is not an image, or has more than 8 bits a channel; or the network
                takes no images.
        """
        pixels = [torch.tensor(image_to_pixels(image, self.image_shape)) for image in images]
        normalised_BCHW = self.normalisation(torch.stack(pixels).permute(0, 3, 1, 2))
        return normalised_BCHW.to(next(self.network.parameters()).device)

    @torch.inference_mode()
    def classify(self, image: Image.Image | str | os.PathLike[str]) -> dict[str, float]:
        """The probability of each class, the likeliest first.

        Raises:
            DataError: it is not an image, or has more than 8 bits a channel.
        """
        probability_K = self.network(self.preprocess(image))[0].float().softmax(-1)
        order_K = probability_K.argsort(descending=True).tolist()
        return {self.class_names[k]: float(probability_K[k]) for k in order_K}


def load_trained(
    path: str | Path,
    *,
    space: SearchSpace | None = None,
    device: torch.device | str = "cpu",
) -> TrainedNetwork:
    """Loads the network of a run directory that `train_architecture` completed.

    Args:
        path: the run directory.
        space: used instead of the one that the run's configuration names.
        device: where the network is to be.

    Raises:
        ConfigError: it is not the directory of a completed training, or its files do not belong
            together.
    """
    path = Path(path)
    result = read_result(path)
    if result is None or result.get("kind") != "train" or result.get("status") != "completed":
        raise ConfigError(
            f"a completed training is needed, but {path} is not the directory of one; "
            f"make one by `radars train`"
        )
    try:
        config = _read_config(path / "config.yaml")
        architecture = Architecture.from_json((path / "architecture.json").read_text("utf-8"))
        class_names, input_shape, normalisation = _read_interface(result)
    except (
        OSError, LookupError, TypeError, ValueError, RecursionError, yaml.YAMLError,
        OmegaConfBaseException,
    ) as error:  # fmt: skip
        problem = f"{type(error).__name__}: {_one_line(error)}"
        raise ConfigError(
            f"the training in {path} cannot be read: {problem}; train it again into another --out"
        ) from error
    space = space or space_of(config, len(class_names), input_shape)
    if space.name != result.get("space"):
        raise ConfigError(
            f"the training in {path} is of the space {result.get('space')!r}, but got "
            f"{space.name!r}; give the space that it was trained with"
        )
    try:
        with torch.random.fork_rng(devices=[]):  # the initial weights are not wanted
            network = space.build(architecture)
    except SpaceError as error:
        raise ConfigError(
            f"the architecture.json in {path} does not fit its space: {first_line(error)}; "
            "restore the file, or give the space that it was trained with"
        ) from error
    load_weights(network, path / WEIGHTS_NAME)
    network = as_trained(network, torch.device(device)).eval()
    return TrainedNetwork(network, config, architecture, class_names, input_shape, normalisation)


def _read_config(file: Path) -> TrainConfig:
    return TrainConfig.model_validate(parse_yaml(file.read_text("utf-8")))


def _read_interface(
    result: dict[str, Any],
) -> tuple[tuple[str, ...], tuple[int, ...], Normalisation]:
    described = result["input"]
    input_shape = tuple(map(int, described["shape"]))
    normalisation = Normalisation(
        torch.tensor(described["mean"]),
        torch.tensor(described["std"]),
        float(described.get("largest", 255.0)),
    )
    if any(tensor.shape != input_shape[:1] for tensor in normalisation[:2]):
        raise ValueError(f"mean and std in result.json are not of {input_shape[0]} channels")
    # trainings of before 2026-11-25 do not name their classes
    class_names = result.get("class_names") or range(int(result["num_classes"]))
    return tuple(map(str, class_names)), input_shape, normalisation


def _one_line(error: Exception) -> str:
    if isinstance(error, ValidationError):
        first = error.errors()[0]
        return f"{'.'.join(map(str, first['loc']))}: {first['msg']}"
    return first_line(error)
