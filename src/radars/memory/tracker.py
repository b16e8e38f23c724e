"""`MemoryTracker`: counts the bytes of every tensor that is alive, and remembers their peak.

It sees each operation (`TorchDispatchMode`), so it works alike on fake tensors, where nothing is
allocated, and on real ones: a prediction and a measurement on the CPU count the same things.
"""

import weakref
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, fields
from enum import StrEnum
from typing import Any

import torch
from torch import Tensor, nn

from radars._torch_internals import (
    DEVICE_OF,
    TorchDispatchMode,
    in_backward_pass,
    storage_key,
    tree_iter,
)
from radars.memory.allocation_order import AllocationOrder
from radars.units import CUDA_BLOCK_BYTES, rounded_up

_BLOCK_BYTES = {"cuda": CUDA_BLOCK_BYTES}  # by the kind of device


class Part(StrEnum):
    """What a tensor is there for."""

    PARAMETERS = "parameters"
    GRADIENTS = "gradients"
    OPTIMIZER_STATE = "optimizer_state"
    ACTIVATIONS = "activations"
    TEMPORARIES = "temporaries"


@dataclass(frozen=True)
class Breakdown:
    """Bytes by what they are there for, at the moment of the peak.

    Attributes:
        parameters: weights, buffers and architecture logits.
        gradients: gradients of parameters.
        optimizer_state: momentum and the like.
        activations: the batch, and what the forward pass made.
        temporaries: what the backward pass and the optimizer made, recomputed activations too.
        workspaces: what no trace sees: the floor of a GPU (`radars.memory.floor`), and what steps
            were measured to hold beyond it.
    """

    parameters: int = 0
    gradients: int = 0
    optimizer_state: int = 0
    activations: int = 0
    temporaries: int = 0
    workspaces: int = 0

    @property
    def total(self) -> int:
        """All bytes."""
        return sum(getattr(self, field.name) for field in fields(self))


class MemoryTracker(TorchDispatchMode):  # type: ignore[no-untyped-call]
    """Within it, tracks the tensors of one device.

    Attributes:
        now_bytes: the bytes that are alive now.
        peak_bytes: the most bytes that were alive at once.
        peak_without_gradients_bytes: the same, gradients of parameters left out.
        breakdown: what the bytes of the peak were there for.

    Args:
        resident: tensors that are there before the first operation, by what they are for.
        device: the device whose tensors count.
        allocator: the kind of device whose allocator's rounding counts, by default that device's.
        order: where the order of what comes and goes is written down; None for nowhere.
    """

    def __init__(
        self,
        resident: Mapping[Part, Iterable[Tensor]],
        device: torch.device,
        allocator: str | None = None,
        order: AllocationOrder | None = None,
    ) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self._order = order
        self._device = device
        self._block_bytes = _BLOCK_BYTES.get(allocator or device.type, 1)
        self._now = dict.fromkeys(Part, 0)
        self.now_bytes = 0
        self.peak_bytes = self.peak_without_gradients_bytes = -1
        self.breakdown = Breakdown()
        self._storages: dict[int, _Storage] = {}
        self._hooks: list[Callable[[], None]] = []
        for part, tensors in resident.items():
            for tensor in tensors:
                self._add(tensor, part, is_resident=True)
                if part is Part.PARAMETERS and tensor.is_leaf and tensor.requires_grad:
                    handle = tensor.register_post_accumulate_grad_hook(  # type: ignore[no-untyped-call]
                        self._gradient_is_ready
                    )
                    self._hooks.append(handle.remove)
        self._note_peak()

    def __exit__(self, *exception: Any) -> None:
        for remove in self._hooks:
            remove()
        self._hooks.clear()
        self._order = None  # what goes later is not of this step
        super().__exit__(*exception)  # type: ignore[no-untyped-call]

    def __torch_dispatch__(
        self,
        func: Callable[..., Any],
        types: Sequence[type],
        args: tuple[Any, ...] = (),
        kwargs: dict[str, Any] | None = None,
    ) -> Any:
        """Runs the operation, then counts what it returned."""
        if func is DEVICE_OF:
            return args[0].device
        result = func(*args, **(kwargs or {}))
        for value in tree_iter(result):
            if isinstance(value, Tensor):
                self._add(value, self._part_of_new())
        if self.now_bytes > self.peak_bytes:
            self._note_peak()
        self.peak_without_gradients_bytes = max(
            self.peak_without_gradients_bytes, self.now_bytes - self._now[Part.GRADIENTS]
        )
        return result

    def _part_of_new(self) -> Part:
        if in_backward_pass() or not torch.is_grad_enabled():
            return Part.TEMPORARIES
        return Part.ACTIVATIONS

    def _gradient_is_ready(self, parameter: Tensor) -> None:
        if parameter.grad is not None:
            self._add(parameter.grad, Part.GRADIENTS)

    def _add(self, tensor: Tensor, part: Part, *, is_resident: bool = False) -> None:
        """Counts a tensor's storage, or moves it to another part if it is known."""
        if tensor.device != self._device or tensor.layout is not torch.strided:
            return
        storage = tensor.untyped_storage()
        key = storage_key(storage)
        known = self._storages.get(key)
        if known is None:
            num_bytes = rounded_up(storage.nbytes(), self._block_bytes)
            reference = weakref.ref(storage, lambda _: self._remove(key))
            name = self._named(key, storage.nbytes(), is_resident=is_resident)
            self._storages[key] = _Storage(num_bytes, part, reference, name)
            self._now[part] += num_bytes
            self.now_bytes += num_bytes
        elif part is Part.GRADIENTS and known.part is not part:
            self._now[known.part] -= known.num_bytes
            self._now[part] += known.num_bytes
            known.part = part

    def _remove(self, key: int) -> None:
        storage = self._storages.pop(key)
        self._now[storage.part] -= storage.num_bytes
        self.now_bytes -= storage.num_bytes
        if self._order is not None:
            self._order.add_freed(storage.name)

    def _named(self, key: int, num_bytes: int, *, is_resident: bool) -> int:
        """Writes down that a storage is there; returns its name in the order."""
        if self._order is None:
            return 0
        if is_resident:
            return self._order.add_resident(key, num_bytes)
        return self._order.add_made(num_bytes)

    def _note_peak(self) -> None:
        self.peak_bytes = self.now_bytes
        self.breakdown = Breakdown(**{part.value: size for part, size in self._now.items()})


def track_network(network: nn.Module, inputs: Sequence[Tensor]) -> MemoryTracker:
    """A tracker that knows a plain network and its inputs, on the device that they are on."""
    held = [*network.parameters(), *network.buffers()]
    return MemoryTracker({Part.PARAMETERS: held, Part.ACTIVATIONS: inputs}, inputs[0].device)


@dataclass
class _Storage:
    num_bytes: int
    part: Part
    reference: "weakref.ref[torch.UntypedStorage]"
    name: int
