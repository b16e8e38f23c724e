"""Networks without values, on the meta device or of fake tensors: to look at, not to use."""

import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, TypeVar

import torch
from torch import Tensor, nn
from torch.autograd.graph import increment_version
from torch.overrides import TorchFunctionMode

from radars._torch_internals import (
    DataDependentOutputException,
    FakeTensor,
    FakeTensorMode,
    has_gradient_hooks,
    own_tensors,
    unset_fake_temporarily,
)
from radars.example import InputDtype, InputShape, blank, call
from radars.space.code_content import Content, UnknownContent, content_of_value

T = TypeVar("T")

# what load_state_dict says of each tensor on the meta device
_IS_NOT_COPIED = ".*copying from a non-meta parameter in the checkpoint to a meta parameter"

_INITIALISERS = {
    *(nn.init.uniform_, nn.init.normal_, nn.init.constant_),
    *(nn.init.kaiming_uniform_, nn.init.kaiming_normal_),
    *(nn.init.xavier_uniform_, nn.init.xavier_normal_, nn.init.trunc_normal_),
    *(Tensor.uniform_, Tensor.normal_, Tensor.fill_, Tensor.zero_, Tensor.copy_),
}
_CHANGES = {  # in place, of values alone where no other tensor is given
    *(Tensor.add_, Tensor.sub_, Tensor.mul_, Tensor.div_, Tensor.clamp_, Tensor.erfinv_),
}


@contextmanager
def building(device: torch.device) -> Iterator[None]:
    """Within, modules are made on a device, of values that are never set.

    For fake and meta tensors, whose values nobody reads: setting them would be most of the work.
    """
    with device, _WithoutValues(), warnings.catch_warnings():
        warnings.filterwarnings("ignore", _IS_NOT_COPIED)
        yield


def built(factory: Callable[[], nn.Module]) -> nn.Module:
    """Builds a module without values, also where its constructor reads some.

    Where fake tensors are made, one that fails is made of meta tensors, which allow more, such as
    weights that are loaded; where values are read there too, of real ones, which are forgotten.

    Args:
        factory: builds it, or raises; nothing is left of a call that raised.
    """
    try:
        return factory()
    except Exception as error:
        is_fake = type(torch.empty(0, device="cpu")) is FakeTensor
        if not is_fake and not reads_values(error):
            raise
    if is_fake:
        with unset_fake_temporarily(), building(torch.device("meta")):
            module = built(factory)
        return _remade(module)
    with torch.device("cpu"), torch.random.fork_rng(devices=[]):
        return factory().to("meta")


def run_without_values(run: Callable[[], T]) -> T:
    """Runs a network on the meta device; on fake tensors where it reads values, and spares these.

    Libraries that can be compiled look at values, such as whether a mask hides anything, except
    where a tensor is fake: they know that a fake one has none, and take a meta one for real.

    Args:
        run: makes the inputs on the meta device, and runs the network. Called again, on other
            tensors, if it raises because a tensor has no values.
    """
    try:
        return run()
    except Exception as error:
        if not reads_values(error):
            raise
    with FakeTensorMode(allow_non_fake_inputs=True):
        return run()


def blank_output(
    network: nn.Module, batch_size: int, input_shape: InputShape, dtype: InputDtype
) -> Any:
    """What a network on the meta device returns for examples without values.

    Args:
        network: it stays in the mode that it is in.
        batch_size: examples in the batch.
        input_shape: the shape of one example, without the batch.
        dtype: the dtype of an example.
    """
    with torch.no_grad(), torch.device("meta"):
        return run_without_values(lambda: call(network, blank(batch_size, input_shape, dtype)))


def reads_values(error: BaseException | None) -> bool:
    """Whether it was raised, in the end, because a tensor has no values."""
    while error is not None:
        if isinstance(error, DataDependentOutputException):
            return True
        if isinstance(error, NotImplementedError | RuntimeError) and "meta" in str(error).lower():
            return True
        error = error.__cause__
    return False


def _remade(module: nn.Module) -> nn.Module:
    """The module with new tensors, of the kind and on the device that are made now."""
    new: dict[int, Tensor] = {}

    def like(tensor: Tensor) -> Tensor:
        if id(tensor) not in new:
            made = torch.empty(tensor.shape, dtype=tensor.dtype)
            is_parameter = isinstance(tensor, nn.Parameter)
            new[id(tensor)] = (
                nn.Parameter(made, requires_grad=tensor.requires_grad) if is_parameter else made
            )
        return new[id(tensor)]

    for part in module.modules():
        for held in (*own_tensors(part), vars(part)):
            for name, value in list(held.items()):
                if isinstance(value, Tensor):
                    held[name] = like(value)
    return module


def content_of(module: nn.Module) -> Content | None:
    """What tells two candidates apart: code, settings, values bound in closures, weights' shapes.

    Returns:
        None where that cannot be told, as with hooks, or a setting that is an object of a class
        that no rule of `content_of_value` knows: what it does may differ.
    """
    parts = tuple(module.named_modules())
    tensors = (*module.named_parameters(), *module.named_buffers())
    if any(_is_hooked(part) for _, part in parts) or any(
        has_gradient_hooks(each) for _, each in tensors
    ):
        return None
    try:
        settings = tuple((name, *_settings(part)) for name, part in parts)
        return settings, tuple((name, content_of_value(tensor)) for name, tensor in tensors)
    except (UnknownContent, RuntimeError):  # nested too deep, or a lazy weight without a shape
        return None


_OF_EVERY_MODULE = frozenset(vars(nn.Module()))
_HOOKS = tuple(name for name in _OF_EVERY_MODULE if name.endswith("_hooks"))


def _is_hooked(module: nn.Module) -> bool:
    return any(vars(module).get(name) for name in _HOOKS)


def settings_of(module: nn.Module) -> Content | None:
    """What tells a module apart beside what is in it; None where that cannot be told."""
    try:
        return None if _is_hooked(module) else _settings(module)
    except (UnknownContent, RuntimeError):
        return None


def _settings(module: nn.Module) -> tuple[Content, ...]:
    own = {key: value for key, value in vars(module).items() if key not in _OF_EVERY_MODULE}
    return content_of_value(type(module)), content_of_value(own)


class _WithoutValues(TorchFunctionMode):
    """Leaves out what only values need, and takes long without them."""

    def __torch_function__(
        self,
        func: Callable[..., Any],
        types: Sequence[type],
        args: tuple[Any, ...] = (),
        kwargs: dict[str, Any] | None = None,
    ) -> Any:
        kwargs = kwargs or {}
        if func in _INITIALISERS or (func in _CHANGES and not _is_any_tensor(args[1:], kwargs)):
            tensor: Tensor = args[0] if args else kwargs["tensor"]
            increment_version(tensor)  # it counts as changed
            return tensor
        if func is torch.tensor and args and type(args[0]) is int:
            # how many batches BatchNorm counted: a tensor of known value is slow to trace
            return torch.empty((), **{"dtype": torch.long} | kwargs)
        if func is nn.functional.batch_norm and _keeps_shape(*args, **kwargs):
            return torch.empty_like(args[0])
        return func(*args, **kwargs)


def _is_any_tensor(args: Sequence[Any], kwargs: Mapping[str, Any]) -> bool:
    return any(isinstance(each, Tensor) for each in (*args, *kwargs.values()))


def _keeps_shape(
    input: Tensor,
    running_mean: Tensor | None,
    running_var: Tensor | None,
    weight: Tensor | None = None,
    bias: Tensor | None = None,
    training: bool = False,
    *further: object,
    **more: object,
) -> bool:
    """Whether it is BatchNorm of a meta tensor that fits: it would run in many small operations."""
    if input.device.type != "meta" or training or input.dim() < 2:
        return False
    of_channels = (running_mean, running_var, weight, bias)
    num_channels = input.shape[1]
    return all(each is None or each.numel() == num_channels for each in of_channels)
