"""How a layer of `torch.nn` was constructed, found from the layer."""

import inspect
from collections.abc import Iterator
from typing import Any

import torch
from torch import nn

from radars._torch_internals import Convolution

_NOT_SETTINGS = ("self", "device", "dtype")


class NotKnown(Exception):  # noqa: N818 - the caller finds another way
    """A layer cannot be constructed again from what it says of itself."""


def is_torch_layer(module: nn.Module) -> bool:
    """Whether it is of a class that `torch.nn` offers by its name."""
    kind = type(module)
    return getattr(nn, kind.__name__, None) is kind


def constructor_arguments(module: nn.Module) -> list[tuple[str, str]]:
    """The arguments, as source, that construct a layer of `torch.nn` like this one.

    Returns:
        Each with its name, which is empty where it is positional. Defaults are left out.

    Raises:
        NotKnown: the layer does not tell, or a layer made from them has other weights.
    """
    settings = list(_settings(module))
    arguments = [
        (name if has_default else "", repr(value)) for name, value, has_default in settings
    ]
    try:
        with torch.device("meta"):
            again = type(module)(**{name: value for name, value, _ in settings})
    except Exception as error:  # constructors raise whatever they like
        raise NotKnown(str(error)) from error
    if _weights(again) != _weights(module) or repr(again) != repr(module):
        raise NotKnown(f"{module!r} is made in another way")
    return arguments


def _settings(module: nn.Module) -> Iterator[tuple[str, Any, bool]]:
    """Name and value of each setting that is not the default, and whether it has one."""
    for name, parameter in inspect.signature(type(module).__init__).parameters.items():
        if name in _NOT_SETTINGS or parameter.kind in (
            parameter.VAR_POSITIONAL, parameter.VAR_KEYWORD,
        ):  # fmt: skip
            continue
        has_default = parameter.default is not parameter.empty
        value = _setting(module, name, parameter.default)
        if value is parameter.empty:
            raise NotKnown(f"{type(module).__name__} does not tell its {name}")
        if not has_default or value != parameter.default:
            yield name, value, has_default


def _setting(module: nn.Module, name: str, default: Any) -> Any:
    if name == "bias":
        tensor_name = "in_proj_bias" if hasattr(module, "in_proj_bias") else "bias"
        return getattr(module, tensor_name, None) is not None
    value = getattr(module, name, default)
    if isinstance(value, torch.Size):
        value = tuple(value)
    if not _is_plain(value) and value is not inspect.Parameter.empty:
        raise NotKnown(f"{name} of {type(module).__name__} is a {type(value).__name__}")
    # a convolution keeps (3, 3) for 3
    if isinstance(module, Convolution) and isinstance(value, tuple):
        return value[0] if len(set(value)) == 1 else value
    return value


def _is_plain(value: Any) -> bool:
    if isinstance(value, tuple | list):
        return all(map(_is_plain, value))
    return value is None or type(value) in (bool, int, float, str)


def _weights(module: nn.Module) -> dict[str, tuple[tuple[int, ...], torch.dtype]]:
    state = module.state_dict()
    return {name: (tuple(tensor.shape), tensor.dtype) for name, tensor in state.items()}
