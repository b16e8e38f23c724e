"""BatchNorm statistics: keeping them as they are while a network runs on a batch's own."""

from collections.abc import Iterator
from contextlib import contextmanager

from torch import nn
from torch.nn.modules.batchnorm import _BatchNorm


def batch_norms(module: nn.Module) -> list[_BatchNorm]:
    """The BatchNorm layers of a module."""
    return [layer for layer in module.modules() if isinstance(layer, _BatchNorm)]


@contextmanager
def frozen_statistics(module: nn.Module) -> Iterator[None]:
    """Within, BatchNorm layers normalise as set, but leave their running statistics unchanged."""
    layers = batch_norms(module)
    saved = [(layer.momentum, layer.num_batches_tracked) for layer in layers]
    try:
        for layer in layers:
            layer.momentum = 0.0  # new statistic = old statistic
            layer.num_batches_tracked = None
        yield
    finally:
        for layer, (momentum, num_batches_tracked) in zip(layers, saved, strict=True):
            layer.momentum, layer.num_batches_tracked = momentum, num_batches_tracked
