"""`reaches`: whether the factory of a candidate may make choices of its own."""

from contextlib import suppress
from functools import partial
from types import FunctionType, MethodType

from torch import nn


def reaches(factory: object, choose: object, depth: int = 4) -> bool:
    """Whether a factory can call `choose`, as far as what it was made of says.

    Args:
        factory: a function, what its arguments are bound to, or a part of one of these.
        choose: what it may call.
        depth: how many parts within parts are looked at.
    """
    if factory is choose:
        return True
    parts: list[object] = []
    if isinstance(factory, FunctionType):
        for cell in factory.__closure__ or ():
            with suppress(ValueError):  # nothing is in it yet
                parts.append(cell.cell_contents)
        parts += factory.__defaults__ or ()
        parts += (factory.__kwdefaults__ or {}).values()
    elif isinstance(factory, partial):
        parts += [factory.func, *factory.args, *factory.keywords.values()]
    elif isinstance(factory, MethodType):
        parts += [factory.__self__, factory.__func__]
    elif isinstance(factory, list | tuple):
        parts += factory
    elif isinstance(factory, dict):
        parts += factory.values()
    elif isinstance(factory, nn.Module):
        return any(value is choose for value in vars(factory).values())
    return depth > 0 and any(reaches(part, choose, depth - 1) for part in parts)
