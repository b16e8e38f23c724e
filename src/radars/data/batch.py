"""A batch, and how it gets to a device. Shapes: B batch, C channels, H height, W width."""

from typing import NamedTuple

import torch
from torch import Tensor

from radars.nn.transfer import send


class Batch(NamedTuple):
    """Examples and their labels.

    Attributes:
        example_B: normalised examples, float32 (B, C, ...); images channels last in memory.
        label_B: classes, int64 (B,), or what else the task takes.
    """

    example_B: Tensor  # noqa: N815
    label_B: Tensor  # noqa: N815


def move(batch: Batch, device: torch.device) -> Batch:
    """Copies a batch to `device`; to a GPU through pinned memory, without waiting for the copy."""
    return Batch(*(send(tensor, device) for tensor in batch))
