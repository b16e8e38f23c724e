"""`PartCounter`: what each module of a network costs by itself, on the meta device."""

from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils.flop_counter import flop_registry

from radars._torch_internals import TorchDispatchMode
from radars.space import building


@dataclass
class Part:
    """What one module adds to a network, without the modules inside it.

    Attributes:
        macs: multiply-accumulates of one forward pass of one example.
        parameters: number of parameters.
        elements: numbers that it returns for one example, where nothing is inside it.
    """

    macs: int = 0
    parameters: int = 0
    elements: int = 0


class PartCounter:
    """Counts networks of one space; a layer that was met before with the same input is not run.

    Args:
        input_shape: of one example, without the batch.
    """

    def __init__(self, input_shape: tuple[int, ...]) -> None:
        self._input_shape = input_shape
        self._known: dict[object, tuple[torch.Size, int]] = {}  # output's shape, operations

    def parts(self, network: nn.Module) -> dict[str, Part]:
        """Module name to what the module costs by itself; their sums are those of the network.

        Args:
            network: on the meta device; it cannot be run afterwards.
        """
        parts: defaultdict[str, Part] = defaultdict(Part)
        counted: set[nn.Parameter] = set()
        counter = _Operations()
        for name, module in network.named_modules():
            own = [p for p in module.parameters(recurse=False) if p not in counted]
            counted.update(own)
            parts[name].parameters = sum(parameter.numel() for parameter in own)
            module.forward = partial(self._run, module.forward, module, parts[name], counter)
        with building(torch.device("meta")), torch.no_grad(), counter:
            network.eval()(torch.empty(1, *self._input_shape))
        return dict(parts)

    def _run(
        self,
        forward: Callable[..., Any],
        module: nn.Module,
        part: Part,
        counter: "_Operations",
        *inputs: Any,
        **options: Any,
    ) -> Any:
        """Runs a module, or remembers what it returned, and notes what it takes."""
        key = None if options else _key(module, inputs)
        if key is not None and key in self._known:
            shape, operations = self._known[key]
            counter.total += operations
            counter.of_inner += operations
            part.macs += operations // 2
            part.elements += shape.numel()
            return torch.empty(shape)
        before, outside = counter.total, counter.of_inner
        counter.of_inner = 0
        output = forward(*inputs, **options)
        operations = counter.total - before
        part.macs += (operations - counter.of_inner) // 2
        counter.of_inner = outside + operations
        if not any(module.children()):
            part.elements += sum(tensor.numel() for tensor in _tensors(output))
        if key is not None and isinstance(output, Tensor):
            self._known[key] = output.shape, operations
        return output


class _Operations(TorchDispatchMode):  # type: ignore[no-untyped-call]
    """Adds up the floating-point operations that `torch.utils.flop_counter` knows."""

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.total = 0
        self.of_inner = 0  # of the modules inside the one that is running

    def __torch_dispatch__(
        self,
        func: Callable[..., Any],
        types: Sequence[type],
        args: tuple[Any, ...] = (),
        kwargs: dict[str, Any] | None = None,
    ) -> Any:
        kwargs = kwargs or {}
        output = func(*args, **kwargs)
        operation = getattr(func, "_overloadpacket", None)
        if operation in flop_registry:
            self.total += flop_registry[operation](*args, **kwargs, out_val=output)
        return output


def _key(module: nn.Module, inputs: tuple[Any, ...]) -> object:
    """What decides the output's shape of a layer of PyTorch; None for any other module."""
    is_layer = type(module).__module__.startswith("torch.nn.") and not any(module.children())
    if not is_layer or not all(isinstance(each, Tensor) for each in inputs):
        return None
    return type(module), repr(module), tuple(each.shape for each in inputs)


def _tensors(value: Any) -> list[Tensor]:
    values = value if isinstance(value, tuple | list) else (value,)
    return [each for each in values if isinstance(each, Tensor)]
