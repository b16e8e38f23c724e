"""What PyTorch does with all modules of a network, quicker: a step of a small one is short."""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager

from torch import nn

from radars._torch_internals import children_of, own_parameters


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
            if children := children_of(each):
                left.extend(reversed(children.values()))
    return list(known)


def all_parameters(module: nn.Module) -> list[nn.Parameter]:
    """The parameters of all modules, as `nn.Module.parameters` has them."""
    found = [weight for each in all_modules(module) for weight in own_parameters(each)]
    return list({id(weight): weight for weight in found}.values())  # a tensor's own hash is slow


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
