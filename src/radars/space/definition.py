"""`definition_of`: what a user's function or class is, with all it uses, to tell runs apart."""

import ast
import dis
import hashlib
import inspect
import sys
import sysconfig
import textwrap
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from functools import partial
from types import CodeType, FunctionType, MethodType, ModuleType
from typing import Any

import torch
from torch import Tensor, nn

from radars.space.code_content import UnknownContent, code_content, content_of_value, is_library

_PACKAGES = tuple(sysconfig.get_path(name) for name in ("stdlib", "purelib", "platlib"))


def definition_of(value: Callable[..., Any] | type) -> str:
    """The code of a function or a class, whatever it is called; comments and layout do not count.

    With the values that it has bound, and the global names that it uses, as far as they can be
    told: constants, other functions and classes of users, networks and their weights.
    """
    return " ".join(_said(value, {}))


def _said(value: object, known: dict[int, object]) -> Iterator[str]:
    """What tells a value apart; nothing of what is known already.

    Args:
        value: anything.
        known: what was told, by its id; added to.
    """
    parts = _parts(value)
    if parts is not None or isinstance(value, FunctionType | type | nn.Module):
        if id(value) in known:
            return
        known[id(value)] = value
    if parts is not None:
        for part in parts:
            yield from _said(part, known)
    elif isinstance(value, type) and _is_installed(value.__module__):
        yield f"{value.__module__}.{value.__qualname__}"  # to which others may add
    elif isinstance(value, FunctionType | type):
        yield f"{_content(value)} {_source(value)}"
        if _is_users(value.__module__):
            for part in _used(value):
                yield from _said(part, known)
    elif isinstance(value, nn.Module):
        yield repr(value)
        yield from _said(type(value), known)
        for tensor in (*value.parameters(), *value.buffers()):
            yield from _said(tensor, known)
    elif isinstance(value, Tensor) and not value.is_meta:
        bytes_N = value.detach().cpu().contiguous().flatten().view(torch.uint8)
        yield hashlib.sha256(bytes_N.numpy().tobytes()).hexdigest()
    else:
        yield _content(value)


def _parts(value: object) -> list[object] | None:
    """What a value is made of; None where it is no such thing."""
    if isinstance(value, partial):
        return [value.func, value.args, value.keywords]
    if isinstance(value, MethodType):
        own = value.__self__
        if isinstance(own, type | nn.Module):
            return [value.__func__, own]
        return [value.__func__, type(own), getattr(own, "__dict__", {})]
    if isinstance(value, tuple | list):
        return list(value)
    if isinstance(value, Mapping):
        return [part for pair in value.items() for part in pair]
    return None


def _content(value: object) -> str:
    try:
        return repr(content_of_value(value))
    except (UnknownContent, RecursionError):
        return type(value).__name__


def _source(value: FunctionType | type) -> str:
    try:
        return ast.dump(ast.parse(textwrap.dedent(inspect.getsource(value))))
    except (OSError, TypeError, SyntaxError):
        return _bare_code(value)


def _bare_code(value: Any) -> str:
    """The code of a function, or of all in a class, where its source is not at hand."""
    if isinstance(value, type):
        return str([(name, _bare_code(part)) for name, part in sorted(vars(value).items())])
    code = getattr(value, "__code__", None)
    if code is None:
        return ""
    try:
        return repr(code_content(code))
    except UnknownContent:
        return repr((code.co_code, code.co_names))


def _is_users(module_name: str | None) -> bool:
    """Whether a module is a file that is neither ours nor of an installed package."""
    return _file(module_name) is not None and not _is_installed(module_name)


def _is_installed(module_name: str | None) -> bool:
    """Whether a module is ours, of an installed package, or of Python itself."""
    if is_library(module_name) or module_name in sys.builtin_module_names:
        return True
    file = _file(module_name)
    return file is not None and file.startswith(_PACKAGES)


def _file(module_name: str | None) -> str | None:
    return getattr(sys.modules.get(module_name or ""), "__file__", None)


def _used(value: FunctionType | type) -> Iterator[object]:
    """What a function, or the methods of a class, have bound and load by global names."""
    if isinstance(value, type):
        for part in vars(value).values():
            function = getattr(part, "fget", None) or getattr(part, "__func__", part)
            if isinstance(function, FunctionType):
                yield from _used(function)
        yield from (base for base in value.__bases__ if _is_users(base.__module__))
        return
    yield from value.__defaults__ or ()
    yield from (value.__kwdefaults__ or {}).values()
    for cell in value.__closure__ or ():
        with suppress(ValueError):  # nothing is in it yet
            yield cell.cell_contents
    loaded, stored, attributes = _names(value.__code__)
    for name in sorted(loaded - stored):
        found = value.__globals__.get(name)
        if not isinstance(found, ModuleType):
            yield found
        elif _is_users(found.__name__):
            yield from (vars(found).get(attribute) for attribute in sorted(attributes))


def _names(code: CodeType) -> tuple[set[str], set[str], set[str]]:
    """The global names that code loads and that it stores, and all other names in it."""
    loaded = {each.argval for each in dis.get_instructions(code) if each.opname == "LOAD_GLOBAL"}
    stored = {each.argval for each in dis.get_instructions(code) if each.opname == "STORE_GLOBAL"}
    attributes = set(code.co_names)
    for each in code.co_consts:
        if isinstance(each, CodeType):
            for names, more in zip((loaded, stored, attributes), _names(each), strict=True):
                names |= more
    return loaded, stored, attributes
