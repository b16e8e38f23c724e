"""Multiply-accumulates and parameters of one module."""

from collections.abc import Sequence

import torch
from torch import nn
from torch.utils.flop_counter import FlopCounterMode


def count_parameters(module: nn.Module) -> int:
    """The number of parameters, each shared one counted once."""
    return sum(parameter.numel() for parameter in module.parameters())


def count_macs(module: nn.Module, *input_shapes: Sequence[int]) -> int:
    """Multiply-accumulates of one forward pass on inputs of these shapes (with the batch).

    Half of what `torch.utils.flop_counter` counts: convolutions, matrix products, attention. The
    module is on the meta device, where nothing is computed.
    """
    inputs = [torch.empty(*shape, device="meta") for shape in input_shapes]
    training = module.training
    with torch.no_grad(), FlopCounterMode(display=False) as counter:
        module.eval()(*inputs)
    module.train(training)
    return int(counter.get_total_flops()) // 2
