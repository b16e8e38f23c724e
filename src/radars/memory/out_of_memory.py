"""Errors that say that a device had no memory left: known, and said in one line."""

from collections.abc import Iterator
from contextlib import contextmanager

import torch

from radars.errors import RadarsError, RunError

_MESSAGES = (
    "DefaultCPUAllocator: can't allocate memory",
    # of libraries that ask the driver for memory, or PyTorch for a workspace
    *("CUBLAS_STATUS_ALLOC_FAILED", "CUDNN_STATUS_ALLOC_FAILED", "CUSOLVER_STATUS_ALLOC_FAILED"),
    *("CUDNN_STATUS_INTERNAL_ERROR_HOST_ALLOCATION_FAILED",),
    *("CUDNN_STATUS_INTERNAL_ERROR_DEVICE_ALLOCATION_FAILED",),
)


def is_out_of_memory(error: BaseException) -> bool:
    """Whether an error is the word of CUDA, its libraries, the CPU's allocator or Python for it."""
    if isinstance(error, RadarsError):  # a budget that is too small is no surprise
        return False
    return isinstance(error, (torch.OutOfMemoryError, MemoryError)) or any(
        message in str(error) for message in _MESSAGES
    )


@contextmanager
def out_of_memory_said(
    what: str, remedy: str = "lower the budget or the batch size"
) -> Iterator[None]:
    """Within, such an error becomes one line.

    Args:
        what: needed the memory.
        remedy: what the user can do.

    Raises:
        RunError: the device had no memory left.
    """
    try:
        yield
    except (RuntimeError, MemoryError) as error:
        if not is_out_of_memory(error):
            raise
        raise no_room(what, remedy) from error


def no_room(what: str, remedy: str = "lower the budget or the batch size") -> RunError:
    """The error of a device that had no memory left for something; see `out_of_memory_said`."""
    return RunError(
        f"the device must have room for each step, but had none for {what}; {remedy}, or end "
        f"what else uses the device"
    )
