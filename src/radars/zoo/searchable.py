"""`searchable`: a search space from an existing network, some of whose modules become choices."""

from collections.abc import Callable, Mapping
from fnmatch import fnmatchcase
from functools import partial

from torch import nn

from radars.errors import SpaceError
from radars.space import Choose, Network

Replacement = Callable[[nn.Module], nn.Module]
"""Builds a candidate from the module that it stands in for.

One candidate of a choice may be that module itself, with the weights that it has; the others read
no more than its settings.
"""


def searchable(
    network: Callable[[], nn.Module], replacements: Mapping[str, Mapping[str, Replacement]]
) -> Network:
    """A network function of `choose` in which some modules of an existing network are choices.

    `radars.SearchSpace(searchable(resnet18, {"layer*.conv2": {"full": lambda conv: conv, ...}}))`

    Args:
        network: builds the network anew at each call, such as `torchvision.models.resnet18`.
        replacements: a pattern of module names, as `named_modules` gives them (`*` stands for
            anything, dots too), to the candidates there: name to a function of the module that is
            replaced. Each module is a choice of its own, of the module's name.

    Returns:
        What `SearchSpace` takes.

    Raises:
        SpaceError: when it is run, where a pattern matches no module, or a module is matched twice
            or is inside another that is matched.
    """

    def network_of(choose: Choose) -> nn.Module:
        model = network()
        modules = dict(model.named_modules())
        matched: dict[str, str] = {}
        for pattern in replacements:
            found = [name for name in modules if name and fnmatchcase(name, pattern)]
            if not found:
                raise SpaceError(
                    f"a pattern matches a module of the network, but {pattern!r} matches none; "
                    f"named_modules() gives names such as {list(modules)[-1]!r}"
                )
            for name in found:
                if name in matched:
                    raise SpaceError(
                        f"a module is replaced once, but {name!r} matches {matched[name]!r} and "
                        f"{pattern!r}; make one narrower"
                    )
                matched[name] = pattern
        for name in matched:
            outer = [other for other in matched if name.startswith(f"{other}.")]
            if outer:
                raise SpaceError(
                    f"choices are made side by side, but {name!r} is inside {outer[0]!r}; make the "
                    f"pattern {matched[name]!r} or {matched[outer[0]]!r} narrower"
                )
        for name in modules:  # in the order of the network
            if name in matched:
                candidates = {
                    candidate: partial(_build, build, network, name, modules[name])
                    for candidate, build in replacements[matched[name]].items()
                }
                model.set_submodule(name, choose(name, candidates))
        return model

    network_of.__name__ = getattr(network, "__name__", "searchable")  # the name of the space
    return network_of


def _build(
    build: Replacement, network: Callable[[], nn.Module], name: str, replaced: nn.Module
) -> nn.Module:
    """A candidate; of a new network where the one that was traced has no values."""
    tensors = (*replaced.parameters(), *replaced.buffers())
    if any(tensor.device.type == "meta" for tensor in tensors):
        replaced = network().get_submodule(name)
    return build(replaced)
