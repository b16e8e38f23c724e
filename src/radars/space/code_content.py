"""`content_of_value`: what tells settings, functions and classes apart, as plain nested tuples.

Equal contents do the same: also of two classes of one name that a function made with different
values bound, and also in another process, as long as the files are the same.
"""

import builtins
import sys
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import is_dataclass
from enum import Enum
from functools import partial
from pathlib import PurePath
from types import (
    BuiltinFunctionType,
    CellType,
    CodeType,
    FunctionType,
    MethodDescriptorType,
    MethodType,
    ModuleType,
    WrapperDescriptorType,
)
from typing import Any

import torch
from torch import Tensor

Content = tuple[object, ...]

_PLAIN = (type(None), bool, int, float, complex, str, bytes, type(...))
_TORCH = (torch.dtype, torch.device, torch.layout, torch.memory_format)
_NATIVE = (BuiltinFunctionType, MethodDescriptorType, WrapperDescriptorType)
_OF_A_MODULE = ("function", "code", "class", "made")
_NO_CONTENT = (
    "__dict__",
    "__weakref__",
    "__doc__",
    "__module__",
    "__qualname__",
    "__firstlineno__",
)


class UnknownContent(Exception):  # noqa: N818 - an answer, not an error
    """What a value does cannot be told."""


def content_of_value(value: Any, within: tuple[int, ...] = ()) -> Content:
    """What tells a value apart.

    Args:
        value: a number, a text, a container of such, a tensor (of which the values do not count), a
            function, a class, or an object of a dataclass.
        within: the ids of what it is a part of.

    Raises:
        UnknownContent: it is something else: it may have a state that nothing shows.
    """
    kind = type(value)
    if kind in _PLAIN or kind in _TORCH:
        return kind.__name__, repr(value)
    if id(value) in within:  # a class within its own methods
        return "around", len(within) - within.index(id(value))
    within = (*within, id(value))
    if isinstance(value, Tensor):
        return "tensor", tuple(value.shape), str(value.dtype), value.requires_grad
    if isinstance(value, Enum):
        return "enum", content_of_value(kind, within), value.name
    if kind in (list, tuple, torch.Size):
        return kind.__name__, *(content_of_value(item, within) for item in value)
    if kind in (set, frozenset):
        return kind.__name__, *sorted((content_of_value(item, within) for item in value), key=repr)
    if isinstance(value, Mapping) and kind.__module__ in ("builtins", "collections"):
        pairs = value.items()
        return kind.__name__, *(tuple(content_of_value(x, within) for x in pair) for pair in pairs)
    if isinstance(value, PurePath):
        return "path", str(value)
    if isinstance(value, type):
        return _of_class(value, within)
    if isinstance(value, ModuleType):
        return "module", value.__name__
    if is_dataclass(value):
        return "object", content_of_value(kind, within), content_of_value(vars(value), within)
    return _of_callable(value, within)


def is_library(module_name: str | None) -> bool:
    """Whether a module is PyTorch's or ours, and not a user's, whose code may go by anything.

    Args:
        module_name: None for what was executed outside of any module.
    """
    return (module_name or "").partition(".")[0] in ("builtins", "torch", "torchvision", "radars")


def is_library_function(function: Callable[..., Any]) -> bool:
    """Whether a function, whatever arguments are bound, is of a library's module."""
    while isinstance(function, partial):
        function = function.func
    return is_library(function.__module__)


def modules_of(content: object) -> set[str]:
    """The names of the modules whose code a content names."""
    if not isinstance(content, tuple):
        return set()
    own = {str(content[1])} if content and content[0] in _OF_A_MODULE else set()
    return own.union(*map(modules_of, content))


def _of_callable(value: Any, within: tuple[int, ...]) -> Content:
    if isinstance(value, FunctionType):
        return _of_function(value, within)
    if isinstance(value, partial):
        parts = [value.func, value.args, value.keywords]
        return "partial", *(content_of_value(part, within) for part in parts)
    if isinstance(value, MethodType):
        return "method", *(content_of_value(x, within) for x in (value.__func__, value.__self__))
    if isinstance(value, staticmethod | classmethod):
        return type(value).__name__, content_of_value(value.__func__, within)
    if isinstance(value, property):
        parts = [value.fget, value.fset, value.fdel]
        return "property", *(content_of_value(part, within) for part in parts)
    if isinstance(value, _NATIVE):
        return "native", str(value.__module__), value.__qualname__
    raise UnknownContent(type(value).__name__)


def code_content(code: CodeType) -> Content:
    """What tells code apart.

    Raises:
        UnknownContent: it has a constant that cannot be told.
    """
    return _of_code(code, ())


def _of_function(function: FunctionType, within: tuple[int, ...]) -> Content:
    if _is_found_by_name(function):
        return "function", function.__module__, function.__qualname__
    if not _is_of_its_module(function):
        raise UnknownContent(function.__qualname__)
    bound: list[object] = [function.__defaults__, function.__kwdefaults__]
    bound += [_in_cell(cell) for cell in function.__closure__ or ()]
    code = _of_code(function.__code__, within)
    return "code", function.__module__, code, *(content_of_value(each, within) for each in bound)


def _of_code(code: CodeType, within: tuple[int, ...]) -> Content:
    constants = tuple(
        _of_code(each, within) if isinstance(each, CodeType) else content_of_value(each, within)
        for each in code.co_consts
    )
    return code.co_code, code.co_names, code.co_freevars, code.co_exceptiontable, constants


def _of_class(kind: type, within: tuple[int, ...]) -> Content:
    if _is_found_by_name(kind):
        return "class", kind.__module__, kind.__qualname__
    own = {name: part for name, part in vars(kind).items() if name not in _NO_CONTENT}
    bases = tuple(_of_class(base, within) for base in kind.__bases__)
    return "made", kind.__module__, kind.__qualname__, bases, content_of_value(own, within)


def _in_cell(cell: CellType) -> object:
    with suppress(ValueError):  # nothing is in it yet
        return cell.cell_contents
    raise UnknownContent("a cell")


def _is_found_by_name(value: Callable[..., Any] | type) -> bool:
    """Whether a module has it under its own name, so that the name says which it is."""
    found: Any = sys.modules.get(value.__module__, builtins)
    for name in value.__qualname__.split("."):
        found = getattr(found, name, None)
    return found is value


def _is_of_its_module(function: FunctionType) -> bool:
    """Whether the global names that it uses are those of the module that it says it is of."""
    module = sys.modules.get(function.__module__)
    return module is not None and vars(module) is function.__globals__
