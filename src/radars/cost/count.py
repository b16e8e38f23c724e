"""Multiply-accumulates and parameters of one module."""

from collections.abc import Sequence

import torch
from torch import nn

from radars.cost.operation_macs import OperationCounter
from radars.example import Example, InputDtype, InputShape, blank, call
from radars.space import run_without_values


def count_parameters(module: nn.Module) -> int:
    """The number of parameters, each shared one counted once."""
    return sum(parameter.numel() for parameter in module.parameters())


def count_macs(module: nn.Module, *input_shapes: Sequence[int]) -> int:
    """Multiply-accumulates of one forward pass on inputs of these shapes (with the batch).

    Of convolutions, products of matrices and vectors, attention, distances and bilinear forms. The
    module is on the meta device, where nothing is computed.
    """
    inputs = (torch.empty(*shape, device="meta") for shape in input_shapes)
    return _macs(module, tuple(inputs))


def network_macs(
    network: nn.Module, input_shape: InputShape, input_dtype: InputDtype = torch.float32
) -> int:
    """The same of a network, for one example.

    Args:
        network: a network on the meta device.
        input_shape: the shape of one example, without the batch.
        input_dtype: the dtype of an example.
    """
    with torch.device("meta"):
        return run_without_values(lambda: _macs(network, blank(1, input_shape, input_dtype)))


def _macs(module: nn.Module, example_B: Example) -> int:
    training = module.training
    with torch.no_grad(), OperationCounter() as counter:
        call(module.eval(), example_B)
    module.train(training)
    total: int = counter.total
    return total
