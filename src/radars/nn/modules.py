"""What PyTorch does with all modules of a network, quicker: a step of a small one is short."""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager

from torch import nn


def all_modules(module: nn.Module) -> list[nn.Module]:
    """A module and all within it, as `nn.Module.modules` has them: each once, in order.

    Its nested generators take a good part of what the host does in a step.
    """
    known: dict[nn.Module, None] = {}
    left = [module]
    while left:
        each = left.pop()
        if each not in known:
            known[each] = None
            left.extend(reversed([*each.children()]))
    return list(known)


def set_training(module: nn.Module, mode: bool) -> bool:
    """As `nn.Module.train`, which takes long even where nothing is to be changed.

    Returns:
        False, with nothing changed, where a layer within decides by itself whether it trains.
    """
    modules = all_modules(module)
    if any(type(each).train is not nn.Module.train for each in modules[1:]):
        return False
    for each in modules:
        if each.training is not mode:
            each.training = mode
    return True


@contextmanager
def frozen(parameters: Iterable[nn.Parameter]) -> Iterator[None]:
    """Within, they take no gradient; afterwards those do that did."""
    trained = [parameter for parameter in parameters if parameter.requires_grad]
    try:
        for parameter in trained:
            parameter.requires_grad_(False)
        yield
    finally:
        for parameter in trained:
            parameter.requires_grad_(True)
