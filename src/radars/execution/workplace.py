"""`workplace`: what is set while a search or a training computes, and put back afterwards."""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

import torch

from radars.execution.allocator import freed_memory_kept
from radars.execution.device import capped, reproducible, threads
from radars.execution.interrupt import Interrupt


@contextmanager
def workplace(
    device: torch.device, *, num_threads: int | None = None, cap_bytes: int | None = None
) -> Iterator[Interrupt]:
    """Within, steps are reproducible, and Ctrl-C is heard.

    Args:
        device: where steps run.
        num_threads: the number of threads of the processor; None for as many as PyTorch takes.
        cap_bytes: what CUDA's allocator may hold; None for no cap.

    Yields:
        What says when to stop.
    """
    with ExitStack() as stack:
        stack.enter_context(threads(num_threads))
        stack.enter_context(freed_memory_kept())
        interrupt = stack.enter_context(Interrupt())
        stack.enter_context(reproducible(device))
        stack.enter_context(capped(device, cap_bytes))
        yield interrupt
