"""What selective checkpointing computes again: calls that take about as long as memory does."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional

from radars.nn.memory_saving.saved_tensors import Recipe, TensorSource

_FEW_CHANNELS = 64  # multiply-accumulates for each number: as long as BatchNorm and ReLU take
RELU = {functional.relu, torch.relu, torch.relu_, Tensor.relu, Tensor.relu_}
ADD = {torch.add, Tensor.add, Tensor.add_}
WITH_SWITCH = {  # that makes them work in place
    functional.relu,
    functional.relu6,
    functional.hardtanh,
    functional.hardswish,
    functional.silu,
}
CHEAP = {
    *RELU,
    *ADD,
    *WITH_SWITCH,
    functional.gelu,
    torch.mul,
    Tensor.mul,
    Tensor.mul_,
}
OUT_OF_PLACE: dict[Callable[..., Tensor], Callable[..., Tensor]] = {
    torch.relu_: torch.relu,
    Tensor.relu_: torch.relu,
    Tensor.add_: torch.add,
    Tensor.mul_: torch.mul,
}


class CheapCall:
    """A call of a cheap function that can be made again, out of place and of other tensors.

    Args:
        func: the function.
        args: what it was called with; nothing is kept of the tensors.
        kwargs: likewise.
        source: the source of its first tensor.
    """

    def __init__(
        self,
        func: Callable[..., Tensor],
        args: Sequence[Any],
        kwargs: Mapping[str, Any],
        source: TensorSource,
    ) -> None:
        self._func = func
        self._is_tensor = [isinstance(value, Tensor) for value in args]
        self._others = [value for value in args if not isinstance(value, Tensor)]
        self._kwargs = dict(kwargs)
        self._source = source
        if func in WITH_SWITCH:
            self._others = [False if value is True else value for value in self._others]
            self._kwargs.pop("inplace", None)

    def __call__(self, *tensors: Tensor) -> Tensor:
        """What it returns."""
        if self._func in RELU and isinstance(self._source, Recipe) and self._source.is_passed_on:
            return tensors[0].relu_()
        of_tensors, others = iter(tensors), iter(self._others)
        args = (next(of_tensors if is_tensor else others) for is_tensor in self._is_tensor)
        return OUT_OF_PLACE.get(self._func, self._func)(*args, **self._kwargs)


def is_cheap_convolution(image: Tensor, weight: Tensor, result: Tensor) -> bool:
    """Whether it is one of single pixels and few channels, and its input takes less than it."""
    return (
        weight.shape[2:].numel() == 1
        and weight.shape[1] == image.shape[1] <= _FEW_CHANNELS
        and image.numel() <= result.numel()
        and image.dtype == result.dtype
    )


def in_precision(dtype: torch.dtype, call: CheapCall, *tensors: Tensor) -> Tensor:
    """A call as autocast makes it, which has ended when the backward pass begins."""
    return call(*(tensor.to(dtype) for tensor in tensors))


def normalised(
    image: Tensor, weight: Tensor | None, bias: Tensor | None, mean: Tensor, scale: Tensor
) -> Tensor:
    """BatchNorm with statistics that are known; `scale` is 1 / sqrt(variance + eps)."""
    variance = scale.pow(-2)
    return torch.native_batch_norm(image, weight, bias, mean, variance, False, 0.0, 0.0)[0]
