"""The floor: what a device holds before any tensor of a search is on it.

On CUDA cuBLAS takes a workspace for each thread that multiplies matrices: the main one, and that of
autograd. They come from PyTorch's allocator, and stay.
"""

import gc
import os
import re

import torch

from radars.units import KIB, MIB

_THREADS = 2
_LARGE_BYTES = 32 * MIB
_SMALL_BYTES = (2 * 4096 + 8 * 16) * KIB
_LARGE_SINCE = 9  # Hopper and Blackwell, by the first number of the compute capability
_SIDE = 64  # of the matrices that are multiplied to see it


def expected_floor_bytes(device_type: str, capability: float | None = None) -> int:
    """The floor of a device that need not be there.

    Args:
        device_type: its kind.
        capability: the compute capability of the GPU, such as `8.6`; None for the one that is here
            or, where there is none, for one of those that take most.
    """
    if device_type != "cuda":
        return 0
    return _THREADS * _workspace_bytes(_major(capability))


def measured_floor_bytes(device: torch.device) -> int:
    """The floor of a device that is there: what it holds when matrices have been multiplied."""
    if device.type != "cuda":
        return 0
    gc.collect()  # networks of an earlier search may be there still
    matrix = torch.zeros(_SIDE, _SIDE, device=device, requires_grad=True)
    for is_narrow in (False, True):
        with torch.autocast("cuda", torch.bfloat16, enabled=is_narrow):
            product = torch.addmm(matrix[0], matrix, matrix) @ matrix
        product.sum().backward()  # type: ignore[no-untyped-call]
    del matrix, product
    return int(torch.cuda.memory_allocated(device))


def _major(capability: float | None) -> int:
    if capability is not None:
        return int(capability)
    return torch.cuda.get_device_capability()[0] if torch.cuda.is_available() else _LARGE_SINCE


def _workspace_bytes(major: int) -> int:
    """As PyTorch has it: what `CUBLAS_WORKSPACE_CONFIG` says, such as `:4096:8`, or by the GPU."""
    parts = re.findall(r":(\d+):(\d+)", os.environ.get("CUBLAS_WORKSPACE_CONFIG", ""))
    if parts:
        return sum(int(size) * KIB * int(count) for size, count in parts)
    return _LARGE_BYTES if major >= _LARGE_SINCE else _SMALL_BYTES
