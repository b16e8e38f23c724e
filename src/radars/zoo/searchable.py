"""`searchable`: a search space from an existing network, some of whose modules become choices."""

from collections.abc import Callable, Mapping
from fnmatch import fnmatchcase
from functools import partial

import torch
from torch import nn

from radars.errors import SpaceError
from radars.space import Choose, Network

Replacement = Callable[[nn.Module], nn.Module]
"""Builds a candidate from the module that it stands in for.

One candidate of a choice may be that module itself, with the weights that it has; the others read
its settings, or copy weights, as `narrowed` does.
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
        handed_out: set[str] = set()
        for name in modules:  # in the order of the network
            if name in matched:
                candidates = {
                    candidate: partial(_build, build, network, name, modules[name], handed_out)
                    for candidate, build in replacements[matched[name]].items()
                }
                model.set_submodule(name, choose(name, candidates))
        return model

    network_of.__name__ = getattr(network, "__name__", "searchable")  # the name of the space
    return network_of


def _build(
    build: Replacement,
    network: Callable[[], nn.Module],
    name: str,
    replaced: nn.Module,
    handed_out: set[str],
) -> nn.Module:
    """A candidate; of a new network where the module of the traced one cannot be used.

    It cannot where it is a candidate already, has no values, or was made on another device: a
    network whose constructor reads values is made of real tensors, and its modules that are
    replaced stay so.

    Args:
        build: makes it.
        network: builds the network anew.
        name: the name of the module that it stands in for.
        replaced: that module.
        handed_out: names of modules that are candidates already; added to.
    """
    tensors = [*replaced.parameters(), *replaced.buffers()]
    kinds = {tensor.device.type for tensor in tensors}
    if name in handed_out or kinds - {torch.empty(0).device.type}:
        return build(network().get_submodule(name))
    candidate = build(replaced)
    own = set(map(id, tensors))
    if any(id(tensor) in own for tensor in (*candidate.parameters(), *candidate.buffers())):
        handed_out.add(name)
    return candidate
