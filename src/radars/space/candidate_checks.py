"""What candidates must not do, as a supernet runs several on one input and builds each alone."""

import warnings
from collections import defaultdict
from collections.abc import Iterable, Sequence
from contextlib import suppress

import torch
from torch import Tensor, nn
from torch.nn.parameter import is_lazy

from radars._torch_internals import version_of
from radars.errors import RadarsWarning, SpaceError
from radars.space.code_content import Content, is_library


def check_keeps_inputs(
    choice: str, name: str, candidate: nn.Module, inputs: Sequence[Tensor], versions: Sequence[int]
) -> None:
    """Checks that a candidate did not change its input in place, and does not in training either.

    Args:
        choice: for the error.
        name: likewise.
        candidate: a candidate on the meta device; is put into training mode.
        inputs: that it was run on, of a batch of one.
        versions: the versions of the inputs before it ran.

    Raises:
        SpaceError: it does: the other candidates, and whatever else reads the input, would get what
            it has made of it.
    """
    is_changed = versions_of(inputs) != versions
    if not is_changed and any(map(_may_differ_in_training, candidate.modules())):
        pairs = [torch.cat([tensor, tensor]) for tensor in inputs]  # BatchNorm refuses one
        before = versions_of(pairs)
        with suppress(Exception, SystemExit):  # a step will say so
            candidate.train()(*pairs)
        is_changed = versions_of(pairs) != before
    if is_changed:
        raise SpaceError(
            f"a candidate leaves its input as it is, which others read too, but {name!r} of choice "
            f"{choice!r} changes it in place; write inplace=False, or let it change a copy"
        )


def _may_differ_in_training(module: nn.Module) -> bool:
    """Whether it may change its input in training alone: users' modules, and dropout in place."""
    is_users = not is_library(type(module).__module__)
    return is_users or (isinstance(module, _DROPOUT) and module.inplace)


_DROPOUT = (
    *(nn.Dropout, nn.Dropout1d, nn.Dropout2d, nn.Dropout3d),
    *(nn.AlphaDropout, nn.FeatureAlphaDropout),
)


def versions_of(tensors: Sequence[Tensor]) -> list[int]:
    """How often each was changed in place."""
    return list(map(version_of, tensors))


def check_state(what: str, module: nn.Module) -> None:
    """Checks that every weight has a shape, or nothing could be planned; and all state is tensors.

    Args:
        what: it is, for the error.
        module: just built.

    Raises:
        SpaceError: a layer is one of PyTorch's lazy ones, or keeps other state.
    """
    for where, part in module.named_modules():
        if any(map(is_lazy, (*part.parameters(recurse=False), *part.buffers(recurse=False)))):
            kind = type(part).__name__
            raise SpaceError(
                f"a layer has its sizes when it is built, but {where or 'all'!r} of {what} is a "
                f"{kind}; write {kind.removeprefix('Lazy')} with its sizes"
            )
        has_extra = type(part).get_extra_state is not nn.Module.get_extra_state
        if has_extra and not isinstance(part.get_extra_state(), Tensor):
            raise SpaceError(
                f"a layer keeps its state in tensors, but {where or 'all'!r} of {what} is a "
                f"{type(part).__name__} whose get_extra_state returns none; register a buffer"
            )


class BuiltBefore:
    """What was built so far, to tell what is built anew each time from what was there before."""

    def __init__(self) -> None:
        self._known: dict[int, Tensor] = {}  # held, so that no other gets the id of one

    def add(self, module: nn.Module) -> str | None:
        """Adds a module; the name of a weight or buffer in it that was there before, or None."""
        named = dict((*module.named_parameters(), *module.named_buffers()))
        again = next((name for name, tensor in named.items() if id(tensor) in self._known), None)
        self._known |= {id(tensor): tensor for tensor in named.values()}
        return again

    def check_candidate(self, choice: str, name: str, module: nn.Module) -> None:
        """Adds a candidate.

        Raises:
            SpaceError: some tensor was there before: candidates, or networks that are built one
                after another, would train each other's weights without knowing.
        """
        again = self.add(module)
        if again is not None:
            raise SpaceError(
                f"a factory makes its whole module anew each time, but {again!r} of candidate "
                f"{name!r} of choice {choice!r} was there before; make it in the factory"
            )

    def check_network(self, space_name: str, network: nn.Module) -> None:
        """Adds a network.

        Raises:
            SpaceError: some tensor was there before.
        """
        again = self.add(network)
        if again is not None:
            raise SpaceError(
                f"a network function makes its whole network anew each time, but {again!r} of "
                f"{space_name!r} was there before; make it in the function"
            )


def warn_of_equal(choice: str, contents: Iterable[dict[str, Content | None]]) -> None:
    """Warns of candidates of a choice that are the same at each of its places.

    Args:
        choice: its name.
        contents: for each place, candidate to what tells it apart (`content_of`).
    """
    places = list(contents)
    equal: dict[tuple[Content | None, ...], list[str]] = defaultdict(list)
    for name in places[0]:
        equal[tuple(place[name] for place in places)].append(name)
    for own, names in equal.items():
        if None not in own and len(names) > 1:
            warnings.warn(
                f"candidates {', '.join(map(repr, names))} of choice {choice!r} are the same "
                f"module with the same settings; if they should differ, bind what a loop changes, "
                f"as in `lambda k=k: ...`",
                EqualCandidates,
                stacklevel=2,
            )


class EqualCandidates(RadarsWarning):
    """Candidates with different names are the same module."""
