"""The peak of a real step on a real device: `measure` of training, `measure_network` of use."""

import sys
from collections.abc import Callable, Iterable
from typing import TypeVar

import torch
from torch import nn

from radars.example import Example, device_of, parts_of
from radars.memory.predict import track
from radars.memory.tracker import MemoryTracker, track_network
from radars.nn.supernet import Supernet

Result = TypeVar("Result")


def measure(
    step: Callable[[], Result], supernet: Supernet, batch: Iterable[Example]
) -> tuple[Result, int]:
    """Runs a step and returns its result and the peak of the device's memory meanwhile, in bytes.

    On CUDA this is the allocator's own statistic, which costs nothing. On the CPU every tensor is
    counted as it comes and goes, which slows a step down by a few per cent.

    Args:
        step: the step to run.
        supernet: what it trains.
        batch: examples and labels, on the device.
    """
    batch = list(batch)
    return _measured(step, device_of(batch[0]), lambda: track(supernet, batch))


def measure_network(
    step: Callable[[], Result], network: nn.Module, example_B: Example
) -> tuple[Result, int]:
    """Runs a step of a plain network, and returns what `measure` returns.

    Args:
        step: the step to run.
        network: what it uses.
        example_B: what it is used on, on the device.
    """
    inputs = parts_of(example_B)
    return _measured(step, inputs[0].device, lambda: track_network(network, inputs))


def _measured(
    step: Callable[[], Result], device: torch.device, new_tracker: Callable[[], MemoryTracker]
) -> tuple[Result, int]:
    if device.type == "cuda":
        torch.cuda.reset_peak_memory_stats(device)
        result = step()
        # of all statistics, flattened, the public `max_memory_allocated` takes one
        statistics = torch.cuda.memory_stats_as_nested_dict(device)
        return result, int(statistics["allocated_bytes"]["all"]["peak"])
    with new_tracker() as tracker:
        result = step()
    return result, tracker.peak_bytes


def peak_rss_bytes() -> int:
    """The most resident memory that this process ever held, in bytes; 0 where unknown."""
    try:
        import resource
    except ImportError:  # not on Windows
        return 0
    unit_bytes = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit_bytes
