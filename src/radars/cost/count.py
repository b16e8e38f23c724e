"""Multiply-accumulates and parameters of one module."""

from collections.abc import Sequence

import torch
from torch import nn

from radars.cost.operations import OperationCounter


def count_parameters(module: nn.Module) -> int:
    """The number of parameters, each shared one counted once."""
    return sum(parameter.numel() for parameter in module.parameters())


def count_macs(
    module: nn.Module, *input_shapes: Sequence[int], dtype: torch.dtype = torch.float32
) -> int:
    """Multiply-accumulates of one forward pass on inputs of these shapes (with the batch).

    Of convolutions, products of matrices and vectors, attention, distances and bilinear forms. The
    module is on the meta device, where nothing is computed.
    """
    inputs = [torch.empty(*shape, dtype=dtype, device="meta") for shape in input_shapes]
    training = module.training
    with torch.no_grad(), OperationCounter() as counter:
        module.eval()(*inputs)
    module.train(training)
    total: int = counter.total
    return total
