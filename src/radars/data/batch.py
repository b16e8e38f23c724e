"""A batch, and how it gets to a device. Shapes: B batch, C channels, H height, W width."""

from typing import Any, NamedTuple

import torch
from torch import Tensor

from radars.data.raw_images import RawImages
from radars.example import mapped
from radars.nn.transfer import send


class Batch(NamedTuple):
    """Examples and their labels.

    Attributes:
        example_B: normalised examples, float32 (B, C, ...), or int64 of tokens; images channels
            last in memory. Of several inputs a tuple or a dict of such tensors. `RawImages` where
            the split is for a GPU: `move` makes them what is said here.
        label_B: classes, int64 (B,), or what else the task takes.
    """

    example_B: Any  # noqa: N815
    label_B: Tensor  # noqa: N815


def move(batch: Batch, device: torch.device) -> Batch:
    """Copies a batch to `device`; to a GPU through pinned memory, without waiting for the copy."""

    def moved(part_B: Tensor | RawImages) -> Tensor:
        if isinstance(part_B, RawImages):
            return part_B.finished(device)
        return send(part_B, device)

    return Batch(mapped(moved, batch.example_B), send(batch.label_B, device))
