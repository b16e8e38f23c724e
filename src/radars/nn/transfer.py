"""Small tensors and batches on their way to a device, which nothing waits for."""

from collections.abc import Sequence

import torch
from torch import Tensor

from radars._torch_internals import FakeTensor


def send(tensor: Tensor, device: torch.device) -> Tensor:
    """Copies a tensor from the host to `device`; to a GPU through pinned memory."""
    if device.type == "cuda" and not isinstance(tensor, FakeTensor):
        tensor = tensor.pin_memory()
    return tensor.to(device, non_blocking=True)


def constant(
    values: Sequence[float], device: torch.device, dtype: torch.dtype | None = None
) -> Tensor:
    """A tensor of plain values on `device`: float32 where some are fractions, else int64."""
    return send(torch.tensor(values, dtype=dtype, device="cpu"), device)
