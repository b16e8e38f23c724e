"""BatchNorm statistics: keeping them as they are while a network runs on a batch's own."""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager

import torch
from torch import Tensor, nn

from radars._torch_internals import BatchNorm, copy_each, own_tensors
from radars.nn.modules import all_modules

_STATISTICS = ("running_mean", "running_var", "num_batches_tracked")


def batch_norms(modules: Iterable[nn.Module]) -> list[BatchNorm]:
    """The BatchNorm layers among modules."""
    return [layer for layer in modules if isinstance(layer, BatchNorm)]


@contextmanager
def frozen_statistics(module: nn.Module) -> Iterator[None]:
    """Within, BatchNorm layers normalise as set, but never touch their running statistics."""
    layers = batch_norms(all_modules(module))
    saved = [layer.track_running_stats for layer in layers]
    try:
        for layer in layers:
            layer.track_running_stats = False
        yield
    finally:
        for layer, track_running_stats in zip(layers, saved, strict=True):
            layer.track_running_stats = track_running_stats


@contextmanager
def uncounted_batch(module: nn.Module) -> Iterator[None]:
    """Within, BatchNorm layers run as they did before, but a batch that they saw does not count.

    Unlike with `frozen_statistics`, they save for the backward pass what they saved in the first
    run, as recomputation demands. A batch that is not finite leaves its trace all the same.
    """
    layers = batch_norms(all_modules(module))
    saved = [(layer.momentum, layer.num_batches_tracked) for layer in layers]
    try:
        for layer in layers:
            layer.momentum = 0.0  # new statistic = old statistic
            layer.num_batches_tracked = None
        yield
    finally:
        for layer, (momentum, num_batches_tracked) in zip(layers, saved, strict=True):
            layer.momentum, layer.num_batches_tracked = momentum, num_batches_tracked


class StatisticsCopy:
    """The running statistics of layers as they are now, to be put back.

    Args:
        layers: whose statistics are copied: a tensor for each dtype.
    """

    def __init__(self, layers: Iterable[BatchNorm]) -> None:
        self._buffers: dict[torch.dtype, list[Tensor]] = {}
        for layer in layers:
            _, own = own_tensors(layer)  # an attribute of a module is slow to get
            for name in _STATISTICS:
                buffer = own.get(name)
                if buffer is None:  # of a layer that keeps none
                    continue
                # most are flat, and on the fake tensors of a prediction a view is slow
                flat = buffer if buffer.dim() == 1 else buffer.view(-1)
                self._buffers.setdefault(buffer.dtype, []).append(flat)
        self._copies = {dtype: torch.cat(buffers) for dtype, buffers in self._buffers.items()}

    def restore_unless(self, is_sound: Tensor) -> None:
        """Puts them back where the scalar `is_sound` is false; does not wait for the device."""
        for dtype, copy in self._copies.items():
            buffers = self._buffers[dtype]
            kept = torch.where(is_sound, torch.cat(buffers), copy)
            parts = torch.split(kept, [buffer.numel() for buffer in buffers])
            copy_each(buffers, parts)
