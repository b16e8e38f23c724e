"""`fingerprint`: tells architectures apart by what they compute, not by what they are called.

Two architectures can build the same network: an identity before a block, or after it. Training both
would be a waste.
"""

import hashlib
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor, nn

from radars._torch_internals import TorchDispatchMode, tree_map
from radars.example import Example, InputDtype, InputShape, blank, call, parts_of
from radars.space.blueprint import run_without_values, settings_of
from radars.space.code_content import is_library

_BATCH_SIZE = 2  # as BatchNorm has no statistics of one
_aten = torch.ops.aten
# what PyTorch works out of many small operations on the meta device, a millisecond each
_NORMALISATIONS = {_aten.native_batch_norm.default}
_ACTIVATIONS = {
    *(_aten.gelu.default, _aten.hardsigmoid.default, _aten.hardswish.default),
    *(_aten.relu.default, _aten.sigmoid.default, _aten.silu.default),
}
_ACTIVATIONS_IN_PLACE = {
    *(_aten.hardsigmoid_.default, _aten.hardswish_.default, _aten.silu_.default),
}


def fingerprint(
    network: nn.Module,
    input_shape: InputShape,
    input_dtype: InputDtype = torch.float32,
    origins: Mapping[int, str] | None = None,
) -> str:
    """A digest of the operations of a forward pass in training, and of what each takes from where.

    Networks with equal fingerprints compute the same function of their input and their weights,
    where these are taken in the order of their use, and are trained in the same way: dropout and
    the like are operations too.

    Args:
        network: a network on the meta device.
        input_shape: the shape of one example, without the batch.
        input_dtype: the dtype of an example.
        origins: a tensor's id to what else tells it apart (`origins_of`).
    """
    with torch.device("meta"):
        return run_without_values(
            lambda: _operations(network, blank(_BATCH_SIZE, input_shape, input_dtype), origins)
        )


def origins_of(network: nn.Module) -> dict[int, str] | None:
    """By the id of each tensor in users' modules, their settings: values may begin by them.

    No trace shows values. None where the settings of such a module cannot be told.
    """
    origins: dict[int, str] = {}
    for name, module in network.named_modules():
        if not name or is_library(type(module).__module__):  # the whole is no part of it
            continue
        settings = settings_of(module)
        if settings is None:
            return None
        for tensor in (*module.parameters(), *module.buffers(), *vars(module).values()):
            if isinstance(tensor, Tensor):
                origins[id(tensor)] = f"{origins.get(id(tensor), '')} {settings!r}"
    return origins


def operations_of(module: nn.Module, *input_shapes: tuple[int, ...]) -> str:
    """The same of a module with one input or several, whose shapes are of a batch of one."""
    inputs = (torch.empty(_BATCH_SIZE * n, *rest, device="meta") for n, *rest in input_shapes)
    return _operations(module, tuple(inputs))


def _operations(
    module: nn.Module, example_B: Example, origins: Mapping[int, str] | None = None
) -> str:
    with torch.no_grad(), _Recorder(parts_of(example_B), origins or {}) as recorder:
        call(module.train(), example_B)
        digest: str = recorder.digest()
    return digest


def _run(func: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """What an operation returns: of frequent ones tensors of the same shapes, which is quicker."""
    if func in _ACTIVATIONS_IN_PLACE:
        return args[0]
    if func in _ACTIVATIONS:
        return torch.empty_like(args[0])
    if func in _NORMALISATIONS:
        input_BC = args[0]  # whose shape was compared with those of weights before
        mean_C, deviation_C = (input_BC.new_empty(input_BC.shape[1]) for _ in range(2))
        return torch.empty_like(input_BC), mean_C, deviation_C
    return func(*args, **kwargs)


class _Recorder(TorchDispatchMode):  # type: ignore[no-untyped-call]
    """Writes down operations; a tensor is known by the order in which it was first seen."""

    def __init__(self, inputs: Sequence[Tensor], origins: Mapping[int, str]) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self._origins = origins
        self._seen = list(inputs)  # held, so that no two share an id
        self._number = {id(tensor): number for number, tensor in enumerate(inputs)}
        self._hash = hashlib.sha256()

    def digest(self) -> str:
        return self._hash.hexdigest()

    def __torch_dispatch__(
        self,
        func: Callable[..., Any],
        types: Sequence[type],
        args: tuple[Any, ...] = (),
        kwargs: dict[str, Any] | None = None,
    ) -> Any:
        kwargs = kwargs or {}
        self._hash.update(repr((str(func), *tree_map(self._name, (args, kwargs)))).encode())
        result = _run(func, args, kwargs)
        self._hash.update(repr(tree_map(self._name, result)).encode())
        return result

    def _name(self, value: Any) -> Any:
        if not isinstance(value, Tensor):
            return value
        if id(value) not in self._number:
            self._number[id(value)] = len(self._seen)
            self._seen.append(value)
            self._hash.update(self._origins.get(id(value), "").encode())
        return ("tensor", self._number[id(value)], tuple(value.shape))


def user_classes(module: nn.Module) -> set[type]:
    """The classes in a module, and those that they come from, which are no library's."""
    classes = {base for part in module.modules() for base in type(part).__mro__}
    return {kind for kind in classes if not is_library(kind.__module__)}
