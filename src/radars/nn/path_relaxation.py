"""`PathRelaxation`: how choices are relaxed where an architecture is a network of its own.

A choice whose candidates only change sizes is relaxed by masks: the network is run once, at its
largest size, and each weight counts as much as the candidates that have it (channels as in FBNetV2,
Wan et al. 2020, section 3.1; kernels likewise). Others decide which modules there are, and are
relaxed over two sampled paths (ProxylessNAS, Cai et al. 2019, section 3.2).

Shapes: V live candidates of a choice.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeVar

import torch
from torch import Tensor, nn
from torch.func import functional_call

from radars.nn.transfer import send
from radars.space import Architecture, Candidate, SearchSpace, Subspace, building

_MAX_KNOWN = 256  # paths whose masks are kept, and subspaces whose largest paths are

Key = TypeVar("Key")
Value = TypeVar("Value")

Shapes = Mapping[str, tuple[int, ...]]
"""Name of a parameter in a network to its shape."""


@dataclass(frozen=True)
class PathRelaxation:
    """What is known of the choices of a space.

    Attributes:
        by_size: choice to its candidates, the largest first.
        held: about how much a training step on a path holds, in any unit.
        masked: choices that are relaxed by masks.
    """

    by_size: Mapping[str, tuple[Candidate, ...]]
    held: Callable[[Architecture], float] = field(repr=False, compare=False)
    masked: frozenset[str] = frozenset()
    _largest: dict[Subspace, tuple[Architecture, ...]] = field(
        default_factory=dict, repr=False, compare=False
    )
    _windows: dict[object, Mapping[str, Sequence["Windows"]]] = field(
        default_factory=dict, repr=False, compare=False
    )

    def largest(self, live: Subspace, choice: str, place: int = 0) -> Candidate:
        """The largest live candidate of a choice, or one of the next ones."""
        live_by_size = [name for name in self.by_size[choice] if name in live[choice]]
        return live_by_size[min(place, len(live_by_size) - 1)]

    def path(
        self, space: SearchSpace, live: Subspace, taken: Mapping[str, Candidate]
    ) -> Architecture:
        """A path through live candidates.

        Args:
            space: the search space.
            live: what is live.
            taken: what is taken; of other choices it is the largest.
        """
        return space.made(
            {choice: taken.get(choice, self.largest(live, choice)) for choice in live}
        )

    def largest_paths(self, space: SearchSpace, live: Subspace) -> Sequence[Architecture]:
        """The two paths that hold the most; one where they do not differ.

        The second differs from the first in one choice: two that differ in more should hold less.
        Which they are is as good as the estimate `held`. Found by a climb, once for each subspace.
        """
        return _kept(self._largest, live, lambda: self._climbed(space, live))

    def _climbed(self, space: SearchSpace, live: Subspace) -> tuple[Architecture, ...]:
        best = self.path(space, live, {})
        while True:
            near = {
                self.path(space, live, {**best, choice: name}): None
                for choice in live
                if choice not in self.masked
                for name in live[choice]
            }
            near.pop(best, None)
            if not near:
                return (best,)
            following = max(near, key=self.held)
            if self.held(following) <= self.held(best):
                return best, following
            best = following


@dataclass(frozen=True)
class Windows:
    """Which numbers of a parameter each live candidate of a choice has.

    Attributes:
        choice: the choice.
        sizes: the sizes of the parameter, 1 in dimensions that the choice does not decide.
        windows: for each candidate, where it begins and ends in each dimension.
    """

    choice: str
    sizes: tuple[int, ...]
    windows: tuple[tuple[tuple[int, int], ...], ...]


class Mask:
    """`Windows` as a tensor.

    Attributes:
        choice: the choice.
        has_V: 1 for what candidates have, (V, ...), such that it multiplies the parameter.

    Args:
        windows: which numbers.
        device: where the mask is.
    """

    def __init__(self, windows: Windows, device: torch.device) -> None:
        self.choice = windows.choice
        has_V = torch.zeros(len(windows.windows), *windows.sizes, device="cpu")
        for row, window in zip(has_V, windows.windows, strict=True):
            row[tuple(slice(*part) for part in window)] = 1.0
        self.has_V = send(has_V, device)

    def weight(self, weight_V: Tensor) -> Tensor:
        """How much each number counts, by the weights of the candidates."""
        shape = (-1, *(1,) * (self.has_V.dim() - 1))
        return (weight_V.view(shape) * self.has_V.to(weight_V.dtype)).sum(0)


class MaskedNetwork(nn.Module):
    """The network of a path, whose weights count in part where masks say so.

    Attributes:
        network: the network at the largest size.
        masks: parameter name to its masks.
        weights: choice to the weights (V,) of its live candidates, for masks; set for each pass.
    """

    def __init__(self, network: nn.Module, masks: Mapping[str, Sequence[Mask]]) -> None:
        super().__init__()
        self.network = network
        self.masks = masks
        self.weights: Mapping[str, Tensor] = {}
        held = [mask.has_V for of_parameter in masks.values() for mask in of_parameter]
        for index, has_V in enumerate(held):
            self.register_buffer(f"mask{index}", has_V, persistent=False)

    def forward(self, /, *inputs: Tensor, **named: Tensor) -> Any:
        """Returns what the network returns."""
        masked: dict[str, Tensor] = {}
        if self.weights:
            parameters = dict(self.network.named_parameters())
            for name, masks in self.masks.items():
                value: Tensor = parameters[name]
                for mask in masks:
                    if mask.choice in self.weights:
                        value = value * mask.weight(self.weights[mask.choice]).to(value.dtype)
                masked[name] = value
        if not masked:
            return self.network(*inputs, **named)
        return functional_call(self.network, masked, inputs, named)


@dataclass(frozen=True)
class MaskMaker:
    """Finds which numbers of which parameters the candidates of masked choices have, by replay.

    Attributes:
        space: the search space.
        relaxation: says which choices are masked.
    """

    space: SearchSpace
    relaxation: PathRelaxation

    def masks(
        self, path: Architecture, live: Subspace, device: torch.device
    ) -> dict[str, list[Mask]]:
        """Parameter name to the masks of the choices that reach it.

        Args:
            path: the path at the largest size.
            live: the candidates that are live.
            device: where the masks are.
        """
        return {
            name: [Mask(windows, device) for windows in of_parameter]
            for name, of_parameter in self.windows(path, live).items()
        }

    def windows(self, path: Architecture, live: Subspace) -> Mapping[str, Sequence[Windows]]:
        """What `masks` are made from, without tensors; found once for each path."""
        choices = [c for c in path if c in self.relaxation.masked and len(live[c]) > 1]
        if not choices:
            return {}
        key = path, tuple(live[choice] for choice in choices)
        return _kept(self.relaxation._windows, key, lambda: self._found(path, live, choices))

    def _found(
        self, path: Architecture, live: Subspace, choices: list[str]
    ) -> dict[str, list[Windows]]:
        whole = self._shapes(path)
        owners = self._owners(path, live, choices, whole)
        most = max(len(live[choice]) for choice in choices)
        at_index = [
            self._shapes({**path, **{c: live[c][min(index, len(live[c]) - 1)] for c in choices}})
            for index in range(most)
        ]
        found: dict[str, list[Windows]] = {}
        for name, shape in whole.items():
            for choice in dict.fromkeys(owners[name, dim] for dim in masked_dims(shape)):
                if choice is None:
                    continue
                own = [d for d in masked_dims(shape) if owners[name, d] == choice]
                sizes = tuple(size if d in own else 1 for d, size in enumerate(shape))
                parts = [at_index[index][name] for index in range(len(live[choice]))]
                windows = tuple(_window(sizes, part) for part in parts)
                found.setdefault(name, []).append(Windows(choice, sizes, windows))
        return found

    def _owners(
        self, path: Architecture, live: Subspace, choices: list[str], whole: Shapes
    ) -> dict[tuple[str, int], str | None]:
        """Which choice each dimension of each parameter follows.

        Each choice has a number, and for each of its bits a network is looked at in which those
        are smallest whose numbers have it.
        """
        codes = dict.fromkeys(
            ((name, dim) for name, shape in whole.items() for dim in range(len(shape))), 0
        )
        for bit in range(len(choices).bit_length()):
            smaller = {
                choice: self.relaxation.largest(live, choice, len(live[choice]))
                for number, choice in enumerate(choices, 1)
                if number >> bit & 1
            }
            shapes = self._shapes({**path, **smaller})
            for name, dim in codes:
                codes[name, dim] |= (shapes[name][dim] != whole[name][dim]) << bit
        return {
            place: choices[code - 1] if 0 < code <= len(choices) else None
            for place, code in codes.items()
        }

    def _shapes(self, architecture: Mapping[str, Candidate]) -> dict[str, tuple[int, ...]]:
        return parameter_shapes(self.space, architecture)


def _kept(known: dict[Key, Value], key: Key, find: Callable[[], Value]) -> Value:
    """What is known by a key; found where it is not, and the oldest is forgotten for it."""
    if key not in known:
        found = find()
        if len(known) >= _MAX_KNOWN:
            known.pop(next(iter(known)))
        known[key] = found
    return known[key]


def parameter_shapes(
    space: SearchSpace, architecture: Mapping[str, Candidate]
) -> dict[str, tuple[int, ...]]:
    """Name to shape of each parameter of a network."""
    with building(torch.device("meta")):
        network = space.build(architecture)
    return {name: tuple(each.shape) for name, each in network.named_parameters()}


def masked_dims(shape: Sequence[int]) -> list[int]:
    """Those that a mask is over: channels out, and kernels; channels in are masked before."""
    return [dim for dim in range(len(shape)) if dim != 1]


def _window(sizes: Sequence[int], part: Sequence[int]) -> tuple[tuple[int, int], ...]:
    """Where a smaller parameter is in a larger one."""
    window = []
    for dim, size in enumerate(sizes):
        length = min(size, part[dim])
        start = (size - length) // 2 if dim > 1 else 0
        window.append((start, start + length))
    return tuple(window)
