"""`Normalisation`: the mean and the standard deviation of each channel, of one input.

Shapes: N examples, B batch, C channels.
"""

from typing import Any, NamedTuple

import torch
from torch import Tensor

from radars.data.data_config import DataConfig
from radars.errors import DataError
from radars.example import Example, Form, InputShape, is_several, mapped


class Normalisation(NamedTuple):
    """The mean and the standard deviation of each channel, of values from 0 to 1.

    Attributes:
        mean_C: float32 (C,).
        std_C: float32 (C,).
        largest: what examples are divided by first: 255 for images, 1 for what is not; 0 says that
            they are numbers of things, such as tokens, and stay what they are.
    """

    mean_C: Tensor  # noqa: N815
    std_C: Tensor  # noqa: N815
    largest: float = 255.0

    @classmethod
    def of_ids(cls, num_channels: int) -> "Normalisation":
        """That of numbers of things, which are left alone."""
        return cls(torch.zeros(num_channels), torch.ones(num_channels), 0.0)

    @classmethod
    def given(cls, config: DataConfig, num_channels: int) -> "Normalisation | None":
        """That of a configuration, for values from 0 to 255; None where it names none.

        Raises:
            DataError: it is not for so many channels.
        """
        if config.mean is None or config.std is None:
            return None
        if len(config.mean) != num_channels:
            raise DataError(
                f"mean and std have a number for each channel, but got {len(config.mean)} for "
                f"{num_channels}; give as many"
            )
        return cls(torch.tensor(config.mean), torch.tensor(config.std))

    @classmethod
    def over(cls, example_N: Tensor) -> "Normalisation":
        """That of examples (N, C, ...) as they are, over all of them."""
        if not example_N.is_floating_point():  # nothing is done to them
            return cls.of_ids(example_N.shape[1])
        channel_CM = example_N.transpose(0, 1).flatten(1).double()
        std_C = channel_CM.std(1, correction=0)
        std_C = torch.where(std_C > 0, std_C, 1.0)  # of a channel that is always the same
        return cls(channel_CM.mean(1).float(), std_C.float(), largest=1.0)

    @classmethod
    def none(cls, num_channels: int) -> "Normalisation":
        """That which changes nothing."""
        return cls(torch.zeros(num_channels), torch.ones(num_channels), 1.0)

    @property
    def is_of_ids(self) -> bool:
        """Whether examples are integers that stay what they are."""
        return self.largest == 0.0

    @property
    def is_of_pixels(self) -> bool:
        """Whether examples are images with values from 0 to 255."""
        return self.largest > 1.0

    def __call__(self, example_B: Tensor) -> Tensor:
        """Examples (B, C, ...), normalised: float32, or int64; images channels last in memory."""
        if self.is_of_ids:
            return example_B.to(torch.int64)
        scale_C, shift_C = self.factors(example_B.dim() - 2)
        layout = torch.channels_last if example_B.dim() == 4 else torch.preserve_format
        return example_B.to(torch.float32, memory_format=layout) * scale_C - shift_C

    def factors(self, num_dims: int = 2) -> tuple[Tensor, Tensor]:
        """What examples are multiplied by, and what is then subtracted: (C, 1, ...).

        Args:
            num_dims: how many dimensions an example has behind its channels.
        """
        shape = (-1, *[1] * num_dims)
        scale_C = 1 / (self.largest * self.std_C)
        return scale_C.view(shape), (self.mean_C / self.std_C).view(shape)


def normalised(normalisation: Form[Normalisation], example_B: Example) -> Any:
    """A batch, each of its inputs normalised by its own."""
    return mapped(lambda one, input_B: one(input_B), normalisation, example_B)


def are_images(input_shape: InputShape, normalisation: Form[Normalisation]) -> bool:
    """Whether examples are images with values from 0 to 255."""
    if is_several(normalisation):
        return False
    return len(input_shape) == 3 and bool(getattr(normalisation, "is_of_pixels", False))
