"""`Overlap`: the weights that the candidates of one choice have in common.

Candidates of a choice often are one operation in several sizes. Where their tensors have the same
name, the smaller is a part of the larger: its first channels, the middle of its kernels. What one
of them learns, all of them have then, so that how often each weight is trained does not depend on
the number of candidates (Cai et al. 2020, "Once-for-All", section 3; Yu et al. 2020, "BigNAS").
"""

from collections.abc import Iterable, Mapping

import torch
from torch import Tensor

NamedTensors = Iterable[tuple[str, Tensor]]


class Overlap:
    """The largest extent of each tensor, and which of its values are known.

    Tensors have something in common where they have the same name and number of dimensions, and
    where both are those of depthwise convolutions or neither is. They are aligned at the first
    index of the first two dimensions, which count channels, and at the middle of the others.
    """

    def __init__(self) -> None:
        self._values: dict[str, Tensor] = {}
        self._known: dict[str, Tensor] = {}  # whether a candidate had that value

    def __bool__(self) -> bool:
        """Whether anything was pushed."""
        return bool(self._values)

    def pull(self, tensors: NamedTensors) -> None:
        """Sets the parts of a candidate's tensors that others of them have trained."""
        for name, tensor in tensors:
            key = _key(name, tensor)
            if key in self._values:
                mine, theirs = _common(tensor.shape, self._values[key].shape)
                part = tensor[mine]
                known = self._known[key][theirs].to(part.device)
                value = self._values[key][theirs].to(part.device)
                part.copy_(torch.where(known, value, part))

    def knows(self, name: str, tensor: Tensor) -> bool:
        """Whether `pull` would set all of a tensor."""
        key = _key(name, tensor)
        if key not in self._values:
            return False
        shape = self._values[key].shape
        if any(own > size for own, size in zip(tensor.shape, shape, strict=True)):
            return False
        _, theirs = _common(tensor.shape, shape)
        return bool(self._known[key][theirs].all())

    def push(self, tensors: NamedTensors) -> None:
        """Keeps a candidate's tensors, which are on the host, for the others."""
        for name, tensor in tensors:
            key = _key(name, tensor)
            self._make_room(key, tensor)
            _, theirs = _common(tensor.shape, self._values[key].shape)
            self._values[key][theirs] = tensor
            self._known[key][theirs] = True

    def state_dict(self) -> dict[str, Tensor]:
        """What `load_state_dict` puts back."""
        return {f"value|{key}": tensor for key, tensor in self._values.items()} | {
            f"known|{key}": tensor for key, tensor in self._known.items()
        }

    def load_state_dict(self, state: Mapping[str, Tensor]) -> None:
        """Puts back what `state_dict` returned, bit for bit."""
        by_kind: dict[str, dict[str, Tensor]] = {"value": {}, "known": {}}
        for name, tensor in state.items():
            kind, _, key = name.partition("|")
            by_kind[kind][key] = tensor.clone()
        self._values, self._known = by_kind["value"], by_kind["known"]

    def _make_room(self, key: str, tensor: Tensor) -> None:
        old = self._values.get(key)
        if old is None:
            self._values[key] = torch.zeros_like(tensor, memory_format=torch.contiguous_format)
            self._known[key] = torch.zeros(tensor.shape, dtype=torch.bool)
            return
        shape = tuple(map(max, tensor.shape, old.shape))
        if shape == old.shape:
            return
        _, within = _common(old.shape, shape)
        for kept in (self._values, self._known):
            larger = kept[key].new_zeros(shape)
            larger[within] = kept[key]
            kept[key] = larger


def _key(name: str, tensor: Tensor) -> str:
    is_depthwise = tensor.dim() > 2 and tensor.shape[1] == 1
    return f"{tensor.dim()}{'d' * is_depthwise}|{name}"


def _common(
    shape: Iterable[int], other: Iterable[int]
) -> tuple[tuple[slice, ...], tuple[slice, ...]]:
    """Where two tensors overlap: in the one, and in the other."""
    mine: list[slice] = []
    theirs: list[slice] = []
    for dim, (size, size_other) in enumerate(zip(shape, other, strict=True)):
        length = min(size, size_other)
        for slices, whole in ((mine, size), (theirs, size_other)):
            start = (whole - length) // 2 if dim > 1 else 0
            slices.append(slice(start, start + length))
    return tuple(mine), tuple(theirs)
