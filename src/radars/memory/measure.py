"""`measure`: the peak of a real step on a real device."""

import os
from collections.abc import Callable, Iterable
from typing import TypeVar

import torch
from torch import Tensor

from radars.memory.predict import track
from radars.nn.supernet import Supernet

Result = TypeVar("Result")


def measure(
    step: Callable[[], Result], supernet: Supernet, batch: Iterable[Tensor]
) -> tuple[Result, int]:
    """Runs a step and returns its result and the peak of the device's memory meanwhile, in bytes.

    On CUDA this is the allocator's own statistic, which costs nothing. On the CPU every tensor is
    counted as it comes and goes, which slows a step down by a few per cent.

    Args:
        step: the step to run.
        supernet: what it trains.
        batch: the batch's tensors, on the device.
    """
    batch = list(batch)
    device = batch[0].device
    if device.type == "cuda":
        torch.cuda.reset_peak_memory_stats(device)
        result = step()
        return result, torch.cuda.max_memory_allocated(device)
    with track(supernet, batch) as tracker:
        result = step()
    return result, tracker.peak_bytes


def total_memory_bytes() -> int:
    """The machine's memory, in bytes."""
    return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")


def peak_rss_bytes() -> int:
    """The most resident memory that this process ever held, in bytes; 0 where unknown."""
    try:
        import resource
    except ImportError:  # not on Windows
        return 0
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
