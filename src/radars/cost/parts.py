"""`PartCounter`: what each module of a network costs by itself, on the meta device."""

from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn

from radars.cost.operation_macs import OperationCounter
from radars.example import InputDtype, InputShape, blank, call
from radars.space import building, run_without_values


@dataclass
class ModuleCost:
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
        input_shape: the shape of one example, without the batch.
        input_dtype: the dtype of an example.
    """

    def __init__(self, input_shape: InputShape, input_dtype: InputDtype = torch.float32) -> None:
        self._input_shape = input_shape
        self._input_dtype = input_dtype
        self._known: dict[object, tuple[torch.Size, int]] = {}  # output's shape, MACs

    def parts(self, network: nn.Module) -> dict[str, ModuleCost]:
        """Module name to what the module costs by itself; their sums are those of the network.

        Args:
            network: a network on the meta device; it cannot be run afterwards.
        """
        parts: defaultdict[str, ModuleCost] = defaultdict(ModuleCost)
        counted: set[nn.Parameter] = set()
        counter = _Operations()
        for name, module in network.named_modules():
            own = [p for p in module.parameters(recurse=False) if p not in counted]
            counted.update(own)
            parts[name].parameters = sum(parameter.numel() for parameter in own)
            run = partial(self._run, module.forward, module, parts[name], counter)
            vars(module)["forward"] = run  # setting an attribute of a module takes long

        def attempt() -> None:
            counter.total = counter.of_inner = 0
            for part in parts.values():
                part.macs = part.elements = 0
            with counter:
                call(network.eval(), blank(1, self._input_shape, self._input_dtype))

        with building(torch.device("meta")), torch.no_grad():
            run_without_values(attempt)
        for module in network.modules():  # or only a search for cycles would free it
            vars(module).pop("forward", None)
        return dict(parts)

    def _run(
        self,
        forward: Callable[..., Any],
        module: nn.Module,
        part: ModuleCost,
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
            part.macs += operations
            part.elements += shape.numel()
            return torch.empty(shape)
        before, outside = counter.total, counter.of_inner
        counter.of_inner = 0
        output = forward(*inputs, **options)
        operations = counter.total - before
        part.macs += operations - counter.of_inner
        counter.of_inner = outside + operations
        if not any(module.children()):
            part.elements += sum(tensor.numel() for tensor in _tensors(output))
        if key is not None and isinstance(output, Tensor):
            self._known[key] = output.shape, operations
        return output


class _Operations(OperationCounter):  # type: ignore[no-untyped-call]
    """Counts operations; knows those of the modules inside the one that is running."""

    def __init__(self) -> None:
        super().__init__()
        self.of_inner = 0


def _key(module: nn.Module, inputs: tuple[Any, ...]) -> object:
    """What decides the output's shape of a layer of PyTorch; None for any other module."""
    is_layer = type(module).__module__.startswith("torch.nn.") and not any(module.children())
    if not is_layer or not all(isinstance(each, Tensor) for each in inputs):
        return None
    return type(module), repr(module), tuple(each.shape for each in inputs)


def _tensors(value: Any) -> list[Tensor]:
    values = value if isinstance(value, tuple | list) else (value,)
    return [each for each in values if isinstance(each, Tensor)]
