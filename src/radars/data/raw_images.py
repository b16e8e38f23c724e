"""`RawImages`: a batch of images as they are stored, and what is left to do on a GPU.

Pixels are a byte each on the way there. Shapes: B batch, C channels, H height, W width.
"""

from dataclasses import dataclass, replace

import torch
from torch import Tensor

from radars.data.augment import Augmentation, Changes, augmentation_for, changed
from radars.data.normalisation import Normalisation
from radars.nn.transfer import send

_BYTES_PER_FLOAT = 4


@dataclass(frozen=True)
class RawImages:
    """Images on the host.

    Attributes:
        image_BCHW: values from 0 to 255, uint8 as a rule.
        augmentation: how images are changed.
        changes: what was drawn for each of them; None where nothing is to be changed.
        factors_2C11: what values are multiplied by, and what is then subtracted.
    """

    image_BCHW: Tensor  # noqa: N815
    augmentation: Augmentation | None = None
    changes: Changes | None = None
    factors_2C11: Tensor | None = None  # noqa: N815

    def __len__(self) -> int:
        return len(self.image_BCHW)

    def __getitem__(self, part: slice) -> "RawImages":
        changes = None if self.changes is None else Changes(*(each[part] for each in self.changes))
        return replace(self, image_BCHW=self.image_BCHW[part], changes=changes)

    def tensor_split(self, number: int) -> list["RawImages"]:
        """So many parts of about the same size, as `torch.tensor_split` has it."""
        sizes = [len(part) for part in torch.arange(len(self)).tensor_split(number)]
        starts = [sum(sizes[:index]) for index in range(number)]
        return [self[start : start + size] for start, size in zip(starts, sizes, strict=True)]

    def normalised_by(self, normalisation: Normalisation) -> "RawImages":
        """They are normalised so in the end."""
        return replace(self, factors_2C11=torch.stack(normalisation.factors()))

    def finished(self, device: torch.device) -> Tensor:
        """Copies them to a device and does there what is left to do.

        Returns:
            float32 (B, C, H, W), channels last in memory; on the CPU the same, bit for bit, as
            where images are changed and normalised first.
        """
        image_BCHW = send(self.image_BCHW, device)
        if self.changes is not None and self.augmentation is not None:
            changes = Changes(*(send(each, device) for each in self.changes))
            image_BCHW = changed(image_BCHW, self.augmentation, changes)
        assert self.factors_2C11 is not None
        scale_C11, shift_C11 = send(self.factors_2C11, device)
        image_BCHW = image_BCHW.to(torch.float32, memory_format=torch.channels_last, copy=True)
        return image_BCHW.mul_(scale_C11).sub_(shift_C11)  # in place: it holds no more


def arrival_bytes(channels: int, height: int, width: int) -> int:
    """What `RawImages.finished` holds for an image, beside the image as it is in the end."""
    num_pixels = height * width
    stored_bytes, float_bytes = channels * num_pixels, channels * num_pixels * _BYTES_PER_FLOAT
    if not augmentation_for(channels, height, width).resized_crop:
        return stored_bytes
    # where each pixel comes from: two coordinates, made from three
    place_bytes, from_bytes = 2 * _BYTES_PER_FLOAT * num_pixels, 3 * _BYTES_PER_FLOAT * num_pixels
    before_bytes = stored_bytes + place_bytes + from_bytes - float_bytes
    return max(before_bytes, stored_bytes + place_bytes + float_bytes)
