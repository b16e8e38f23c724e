"""`UsableNetwork`: a trained network and what is needed to use it.

Shapes: B batch, C channels, H height, W width, K classes.
"""

import os
from dataclasses import dataclass
from typing import Any

import torch
from PIL import Image
from torch import Tensor, nn

from radars.data import are_images, image_to_pixels
from radars.errors import DataError
from radars.space import Architecture
from radars.training.train_config import TrainConfig


@dataclass(frozen=True)
class UsableNetwork:
    """A network and what is needed to use it.

    Attributes:
        network: the network with its trained weights, in evaluation mode.
        config: how it was trained.
        architecture: the architecture of the network.
        class_names: what it tells apart, in the order of its outputs.
        input_shape: the shape of an example: channels, height, width of an image; of several inputs
            a tuple or a dict of shapes.
        normalisation: the normalisation of every example that it takes; likewise.
    """

    network: nn.Module
    config: TrainConfig
    architecture: Architecture
    class_names: tuple[str, ...]
    input_shape: Any
    normalisation: Any

    @property
    def num_classes(self) -> int:
        """How many classes it tells apart."""
        return len(self.class_names)

    @property
    def takes_pixels(self) -> bool:
        """Whether it was trained on images that radars read: it takes values from 0 to 255."""
        return are_images(self.input_shape, self.normalisation)

    @property
    def image_shape(self) -> tuple[int, int, int]:
        """The shape of an image that it takes: channels, height, width.

        Raises:
            DataError: it takes no images.
        """
        if not self.takes_pixels:
            raise DataError(
                f"only images can be read from files, but this network takes examples of the shape "
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
        normalised_BCHW: Tensor = self.normalisation(torch.stack(pixels).permute(0, 3, 1, 2))
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
