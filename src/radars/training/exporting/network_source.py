"""`NetworkSource`: a network as readable source code of plain PyTorch.

Layers of `torch.nn` are constructed as they were. Any other module becomes a class of its own: its
submodules and tensors are arguments, and its `forward` is what `torch.fx` sees the module do.
"""

import keyword
import re
from collections.abc import Iterator
from dataclasses import dataclass
from types import ModuleType
from typing import Any, Literal

import torch
from torch import Tensor, fx, nn

from radars._torch_internals import children_of, is_buffer_saved, rename_node
from radars.errors import SpaceError, first_line
from radars.training.exporting.calls import Call
from radars.training.exporting.constructors import NotKnown, constructor_arguments, is_torch_layer

_MOST_CONSTANTS = 64
_TAKEN = frozenset(
    {
        "torch",
        "nn",
        "math",
        "operator",
        "device",
        "inf",
        "nan",
        "Tensor",
        "OrderedDict",
        "Path",
        "sys",
        "load_file",
        "build",
        "load",
        "normalise",
        "read_image",
        "main",
    }
)
_REMEDY = "export it as onnx or torch-export"


class NetworkSource:
    """Source code that builds a network like this one, with random weights.

    Attributes:
        imports: lines that it needs, beside `import torch` and `from torch import Tensor, nn`.
        classes: definitions of its own classes, by name, those that others need first.
        expression: a call that builds the network.

    Args:
        network: a network in evaluation mode; what it does in training only is left out.

    Raises:
        SpaceError: a module cannot be written down.
    """

    def __init__(self, network: nn.Module) -> None:
        self.imports: set[str] = set()
        self.classes: dict[str, str] = {}
        self.expression = self._construct(network, "the network")

    def _construct(self, module: nn.Module, where: str) -> Call:
        if type(module).__name__ == "OptimizedModule":
            raise SpaceError(
                f"a network is written down from plain layers, but {where} is what torch.compile "
                f"returned; call compile() of the layer instead, or {_REMEDY}"
            )
        if is_torch_layer(module):
            try:
                return Call(f"nn.{type(module).__name__}", constructor_arguments(module))
            except NotKnown:
                pass  # a container, or a layer that must be written down as any other module
        own = _own_tensors(module)
        children = {
            name: self._construct(child, f"{where}.{name}")
            for name, child in children_of(module).items()
        }
        if not own and type(module).forward is nn.Sequential.forward:
            return self._sequential(children)
        if not own and type(module) is nn.ModuleList:
            items = [("", child) for child in children.values()]
            return Call("nn.ModuleList", [("", Call("", items, "[]"))])
        return self._instance(module, own, children, where)

    def _sequential(self, children: dict[str, Call]) -> Call:
        if list(children) == list(map(str, range(len(children)))):
            return Call("nn.Sequential", [("", child) for child in children.values()])
        self.imports.add("from collections import OrderedDict")
        pairs = [("", Call("", [("", repr(key)), ("", child)])) for key, child in children.items()]
        return Call("nn.Sequential", [("", Call("OrderedDict", [("", Call("", pairs, "[]"))]))])

    def _instance(
        self, module: nn.Module, own: dict[str, "_Own"], children: dict[str, Call], where: str
    ) -> Call:
        """A call of a class, which is defined first where it is not yet."""
        forward = ""
        if type(module).forward is not nn.Module.forward:
            root, graph = _traced(module, where)
            for name in _constants(graph, own):
                own[name] = _Own("constant", getattr(root, name))
            forward = "\n" + self._forward(root, graph, where)
        values = {name: self._tensor(tensor, f"{where}.{name}") for name, tensor in own.items()}
        names = {name: _argument_name(name) for name in (*own, *children)}
        signature = [f"{names[name]}: Tensor" for name in own]
        signature += [f"{names[name]}: nn.Module" for name in children]
        constructor = Call("__init__", [("", part) for part in ("self", *signature)])
        lines = [
            f"    def {constructor.render(4, len('def  -> None:'))} -> None:",
            "        super().__init__()",
            *(f"        {tensor.assignment(name, names[name])}" for name, tensor in own.items()),
            *(f"        {_assignment(name, names[name])}" for name in children),
        ]
        name = self._define(module, "\n".join(lines) + "\n" + forward)
        arguments = [(names[key], value) for key, value in (values | children).items()]
        return Call(name, arguments)

    def _forward(self, module: nn.Module, graph: fx.Graph, where: str) -> str:
        """The source of `forward`, as a method."""
        for node in graph.nodes:
            node.type = None
            if node.op == "placeholder" and not node.target.startswith("*"):
                if node.name != node.target:  # fx keeps clear of names such as input
                    rename_node(node, "x")
                node.target = node.name
        code = graph.python_code("self")
        # without the deletion of what is no longer used
        source = re.sub(r";  (?:\w+ = )+None[ \t]*$", "", code.src.strip(), flags=re.M)
        source = re.sub(r"^ +(\w+) = (.+)\n( +return) \1$", r"\3 \2", source, flags=re.M)
        source = _INDEXED.sub(lambda match: _indexed(match, module), source)
        for name, value in code.globals.items():
            if re.search(rf"\b{name}\b", source):
                self._import(name, value, where)
        return "".join(f"    {line}".rstrip() + "\n" for line in source.splitlines())

    def _import(self, name: str, value: Any, where: str) -> None:
        if isinstance(value, float):  # inf and nan
            self.imports.add(f"from math import {name}")
        elif value is torch.device:
            self.imports.add("from torch import device")
        elif isinstance(value, ModuleType) and value.__name__ in ("math", "operator"):
            self.imports.add(f"import {name}")
        elif value is not torch:
            raise SpaceError(
                f"a network is written down with functions of torch alone, but {where} uses "
                f"{name}; {_REMEDY}"
            )

    def _define(self, module: nn.Module, body: str) -> str:
        """Defines a class where there is none with this body, and returns its name."""
        kind = type(module)
        label = re.sub(r"\W", "_", kind.__name__)
        if not label.isidentifier() or keyword.iskeyword(label):
            label = f"Module{label}"
        origin = f"  # {kind.__module__}.{kind.__qualname__}"
        origin = "" if isinstance(module, fx.GraphModule) else origin
        name, number = label, 1
        while True:
            definition = f"class {name}(nn.Module):{origin}\n{body}"
            if name not in _TAKEN and self.classes.setdefault(name, definition) == definition:
                return name
            number += 1
            name = f"{label}{number}"

    def _tensor(self, own: "_Own", where: str) -> str:
        dtype = "" if own.tensor.dtype == torch.float32 else f", dtype={own.tensor.dtype}"
        if own.kind != "constant":
            return f"torch.empty({tuple(own.tensor.shape)}{dtype})"
        if own.tensor.numel() > _MOST_CONSTANTS:
            raise SpaceError(
                f"a network is written down where tensors that are not saved with its weights have "
                f"at most {_MOST_CONSTANTS} numbers, but {where} has {own.tensor.numel()}; "
                f"register it as a persistent buffer, or {_REMEDY}"
            )
        if own.tensor.is_floating_point() and not own.tensor.isfinite().all():
            self.imports.add("from math import inf, nan")
        return f"torch.tensor({own.tensor.tolist()}{dtype})"


@dataclass(frozen=True)
class _Own:
    """A tensor of a module itself; a constant is one that is not saved with the weights."""

    kind: Literal["parameter", "buffer", "constant"]
    tensor: Tensor

    def assignment(self, name: str, argument: str) -> str:
        """The line of the constructor that keeps it."""
        if self.kind == "parameter":
            frozen = "" if self.tensor.requires_grad else ", requires_grad=False"
            value = f"nn.Parameter({argument}{frozen})"
            if name.isidentifier():
                return f"self.{name} = {value}"
            return f"self.register_parameter({name!r}, {value})"
        saved = ", persistent=False" if self.kind == "constant" else ""
        return f"self.register_buffer({name!r}, {argument}{saved})"


class _OneLevel(fx.Tracer):
    """Sees what a module does itself; what its submodules do is left to them."""

    def is_leaf_module(self, m: nn.Module, module_qualified_name: str) -> bool:
        return True


def _traced(module: nn.Module, where: str) -> tuple[nn.Module, fx.Graph]:
    # constants of the graph are added to it; a parametrised module refuses to be copied
    root = object.__new__(type(module))
    root.__dict__.update(module.__dict__)
    try:
        return root, _OneLevel().trace(root)
    except Exception as error:  # the module's own code runs, on values that it does not expect
        raise SpaceError(
            f"a network is written down where no step depends on values, but that of {where} "
            f"({type(module).__name__}) cannot be traced ({first_line(error)[:200]}); {_REMEDY}"
        ) from error


def _own_tensors(module: nn.Module) -> dict[str, _Own]:
    own = {
        name: _Own("parameter", parameter)
        for name, parameter in module.named_parameters(recurse=False, remove_duplicate=False)
    }
    for name, buffer in module.named_buffers(recurse=False, remove_duplicate=False):
        own[name] = _Own("buffer" if is_buffer_saved(module, name) else "constant", buffer)
    return own


def _constants(graph: fx.Graph, own: dict[str, _Own]) -> Iterator[str]:
    """Tensors that `forward` reads and that the module has, but as plain attributes."""
    for node in graph.nodes:
        if node.op == "get_attr" and "." not in node.target and node.target not in own:
            yield node.target


def _assignment(name: str, argument: str) -> str:
    if name.isidentifier():
        return f"self.{name} = {argument}"
    return f"self.add_module({name!r}, {argument})"


def _argument_name(name: str) -> str:
    if name.isidentifier() and not keyword.iskeyword(name) and name != "self":
        return name
    return "part_" + re.sub(r"\W", "_", name)


_INDEXED = re.compile(r'getattr\(self((?:\.\w+)+), "(\d+)"\)')


def _indexed(match: re.Match[str], module: nn.Module) -> str:
    """`self.layers[0]` where `layers` can be indexed."""
    path, index = match.groups()
    layers = module.get_submodule(path[1:])
    if type(layers) is nn.ModuleList or type(layers).forward is nn.Sequential.forward:
        return f"self{path}[{index}]"
    return match[0]
