"""`narrowed`: a module with fewer channels inside, the most important ones, with their weights."""

import copy
from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn

from radars._torch_internals import BatchNorm, Convolution, own_tensors
from radars.errors import SpaceError


def narrowed(
    module: nn.Module, first: str, last: str, keep: float, between: Sequence[str] = ()
) -> nn.Module:
    """A copy of a module in which the channels from one layer to another are fewer.

    It is a candidate for `radars.searchable` that starts from the weights of the module it stands
    in for, such as a pretrained block:

    `{"keep": lambda mlp: mlp, "half": lambda mlp: radars.narrowed(mlp, "fc1", "fc2", 0.5)}`

    The channels with the largest norms stay, in their order. The norm of a channel is that of its
    weights in the first layer, times that in the last one, times those in the layers between (Li
    et al. 2017, "Pruning Filters for Efficient ConvNets", takes the first alone). Where a tensor
    has no values, as in a trace, any channels do.

    Args:
        module: holds the layers; it is not changed.
        first: the name of the layer that makes the channels: linear, or a convolution of one group.
        last: the name of the layer that takes them, likewise.
        keep: the fraction of the channels that stays, above 0 and up to 1; at least one does.
        between: names of layers that work on each channel alone: BatchNorm and depthwise
            convolutions.

    Returns:
        The copy.

    Raises:
        SpaceError: there is no such layer, or its channels are not those of the others.
    """
    if not 0 < keep <= 1:
        raise SpaceError(
            f"the fraction of channels that stays is above 0 and up to 1, not {keep}; change it"
        )
    narrow = copy.deepcopy(module)
    producer, consumer = _layer(narrow, first), _layer(narrow, last)
    inner = [_layer(narrow, name) for name in between]
    channels = producer.weight.shape[0] if _is_dense(producer) else 0
    _check(producer, first, channels, _is_dense(producer))
    _check(consumer, last, channels, _is_dense(consumer, channels))
    for layer, name in zip(inner, between, strict=True):
        _check(layer, name, channels, _is_channelwise(layer, channels))
    importance_C = _norms(producer.weight, 0) * _norms(consumer.weight, 1)
    for layer in inner:
        if layer.weight is not None:  # that of a BatchNorm without one
            importance_C = importance_C * _norms(layer.weight, 0)
    number = max(1, round(keep * channels))
    index = importance_C.topk(number).indices.sort().values
    for layer in (producer, *inner):
        _take(layer, index, 0)
        _set_outputs(layer, number)
    _take(consumer, index, 1)
    _set_inputs(consumer, number)
    return narrow


def _layer(module: nn.Module, name: str) -> Any:
    try:
        return module.get_submodule(name)
    except AttributeError:
        names = [known for known, _ in module.named_modules() if known]
        raise SpaceError(
            f"a module that is narrowed has the layers that are named, but {type(module).__name__} "
            f"has no {name!r}; name one of {names}"
        ) from None


def _check(layer: nn.Module, name: str, channels: int, is_right: bool) -> None:
    if not is_right:
        raise SpaceError(
            f"channels are narrowed from a linear layer or a convolution of one group to another, "
            f"through BatchNorm and depthwise convolutions, but {name!r} is {layer}, and there are "
            f"{channels or 'no such'} channels; name other layers"
        )


def _is_dense(layer: Any, num_inputs: int | None = None) -> bool:
    """Whether each of its outputs is made of all inputs, of which there are so many."""
    is_convolution = isinstance(layer, Convolution) and not layer.transposed and layer.groups == 1
    is_dense = (isinstance(layer, nn.Linear) or is_convolution) and _has_own_weight(layer)
    return is_dense and num_inputs in (None, layer.weight.shape[1])


def _is_channelwise(layer: Any, channels: int) -> bool:
    if isinstance(layer, BatchNorm):
        return layer.num_features == channels
    if not isinstance(layer, Convolution):
        return False
    is_depthwise = layer.groups == layer.in_channels == layer.out_channels
    return is_depthwise and layer.groups == channels and _has_own_weight(layer)


def _has_own_weight(layer: nn.Module) -> bool:
    """Whether its weight is a parameter of its own, and not computed from others."""
    return "weight" in own_tensors(layer)[0]


def _norms(weight: Tensor, dim: int) -> Tensor:
    """The norm of each channel's weights, along a dimension."""
    weight_CN = weight.detach().transpose(0, dim).reshape(weight.shape[dim], -1)
    norm_C: Tensor = torch.linalg.vector_norm(weight_CN, dim=1)
    return norm_C


@torch.no_grad()
def _take(layer: nn.Module, index: Tensor, dim: int) -> None:
    """Keeps some of the channels of a layer's tensors; of a bias, only where they are outputs."""
    for name, weight in list(layer.named_parameters(recurse=False)):
        if dim < weight.dim():
            chosen = weight.index_select(dim, index)
            setattr(layer, name, nn.Parameter(chosen, requires_grad=weight.requires_grad))
    for name, buffer in list(layer.named_buffers(recurse=False)):
        if dim < buffer.dim():
            setattr(layer, name, buffer.index_select(dim, index))


def _set_outputs(layer: Any, number: int) -> None:
    """Lets the settings of a layer say how many channels it has."""
    if isinstance(layer, nn.Linear):
        layer.out_features = number
    elif isinstance(layer, BatchNorm):
        layer.num_features = number
    elif isinstance(layer, Convolution):
        if layer.groups > 1:
            layer.groups = layer.in_channels = number
        layer.out_channels = number


def _set_inputs(layer: Any, number: int) -> None:
    if isinstance(layer, nn.Linear):
        layer.in_features = number
    elif isinstance(layer, Convolution):
        layer.in_channels = number
