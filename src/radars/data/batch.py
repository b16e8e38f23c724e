"""A batch, and how it gets to a device. Shapes: B batch, C channels, H height, W width."""

from typing import Any, NamedTuple

import torch
from torch import Tensor

from radars.example import mapped
from radars.nn.transfer import send


class Batch(NamedTuple):
    """Examples and their labels.

    Attributes:
        example_B: normalised examples, float32 (B, C, ...), or int64 of tokens; images channels
            last in memory. Of several inputs a tuple or a dict of such tensors.
        label_B: classes, int64 (B,), or what else the task takes.
    """

    example_B: Any  # noqa: N815
    label_B: Tensor  # noqa: N815


def move(batch: Batch, device: torch.device) -> Batch:
    """Copies a batch to `device`; to a GPU through pinned memory, without waiting for the copy."""
    example_B = mapped(lambda part_B: send(part_B, device), batch.example_B)
    return Batch(example_B, send(batch.label_B, device))
