"""A batch, and how it gets to a device. Shapes: B batch, C channels, H height, W width."""

from typing import NamedTuple

import torch
from torch import Tensor


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
    if device.type == "cuda":
        batch = Batch(*(tensor.pin_memory() for tensor in batch))
    return Batch(*(tensor.to(device, non_blocking=True) for tensor in batch))
