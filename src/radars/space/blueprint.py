"""Networks without values, on the meta device or of fake tensors: to look at, not to use."""

import re
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode

_INITIALISERS = {
    *(nn.init.uniform_, nn.init.normal_, nn.init.constant_),
    *(nn.init.kaiming_uniform_, nn.init.kaiming_normal_),
    *(nn.init.xavier_uniform_, nn.init.xavier_normal_, nn.init.trunc_normal_),
    *(Tensor.uniform_, Tensor.normal_, Tensor.fill_, Tensor.zero_),
}


@contextmanager
def building(device: torch.device) -> Iterator[None]:
    """Within, modules are made on a device, of values that are never set.

    For fake and meta tensors, whose values nobody reads: setting them would be most of the work.
    """
    with device, _Uninitialised():
        yield


Content = tuple[object, ...]


def content_of(module: nn.Module) -> Content | None:
    """What tells two candidates apart: their classes, settings, and weights' shapes.

    Returns:
        None where a setting is a function or an object that shows its address only: what it does
        is unknown, and another may have the same address later.
    """
    tensors = (*module.named_parameters(), *module.named_buffers())
    settings = tuple((type(part).__qualname__, _settings(part)) for part in module.modules())
    if _ADDRESS.search(repr(settings)):
        return None
    return str(module), settings, tuple((name, tuple(tensor.shape)) for name, tensor in tensors)


_ADDRESS = re.compile(r" at 0x[0-9a-fA-F]+")
_OF_EVERY_MODULE = frozenset(vars(nn.Module()))


def _settings(module: nn.Module) -> tuple[tuple[str, str], ...]:
    own = (item for item in vars(module).items() if item[0] not in _OF_EVERY_MODULE)
    return tuple((key, repr(value)) for key, value in own)


class _Uninitialised(TorchFunctionMode):
    """Leaves out what gives tensors their first values."""

    def __torch_function__(
        self,
        func: Callable[..., Any],
        types: Sequence[type],
        args: tuple[Any, ...] = (),
        kwargs: dict[str, Any] | None = None,
    ) -> Any:
        kwargs = kwargs or {}
        if func in _INITIALISERS:
            return args[0] if args else kwargs["tensor"]
        if func is torch.tensor and args and type(args[0]) is int:
            # how many batches BatchNorm counted: a tensor of known value is slow to trace
            return torch.empty((), **{"dtype": torch.long} | kwargs)
        return func(*args, **kwargs)
