"""Errors that say that a device had no memory left: known, and said in one line."""

from collections.abc import Iterator
from contextlib import contextmanager

import torch

from radars.errors import RadarsError, RunError

_CPU_MESSAGE = "DefaultCPUAllocator: can't allocate memory"


def is_out_of_memory(error: BaseException) -> bool:
    """Whether an error is CUDA's, the CPU allocator's or Python's word for no memory left."""
    if isinstance(error, RadarsError):  # a budget that is too small is no surprise
        return False
    return isinstance(error, (torch.OutOfMemoryError, MemoryError)) or _CPU_MESSAGE in str(error)


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
        raise RunError(
            f"the device must have room for each step, but had none for {what}; {remedy}, or end "
            f"what else uses the device"
        ) from error
