"""`ModuleWithOptimizer`: a module and what trains it, which go where they go together."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

import torch
from torch import Tensor, nn

from radars.nn.optimizer import load_named_state, move_state, named_state, state_tensors

_BLOCK_BYTES = 512  # what CUDA's allocator rounds every tensor up to


@dataclass(frozen=True)
class ModuleWithOptimizer:
    """A module, and the optimizer of its weights."""

    module: nn.Module
    optimizer: torch.optim.Optimizer

    @property
    def num_bytes(self) -> int:
        """Of weights, buffers and optimizer state."""
        return sum(tensor.nbytes for tensor in self._tensors)

    @cached_property
    def device_bytes(self) -> int:
        """Likewise, as a GPU holds them."""
        return sum(-(-tensor.nbytes // _BLOCK_BYTES) * _BLOCK_BYTES for tensor in self._tensors)

    @property
    def _tensors(self) -> list[Tensor]:
        return [*self.module.state_dict().values(), *state_tensors(self.optimizer)]

    def move(self, device: torch.device) -> None:
        """Moves both to a device, if they are not there.

        From a GPU into pinned memory, and back, in the order of the steps; who reads it waits.
        """
        tensors = [*self.module.parameters(), *self.module.buffers()]
        if all(tensor.device == device for tensor in tensors):
            return
        self.module.to(device, non_blocking=True)
        move_state(self.optimizer, device)

    def state_dict(self) -> dict[str, Tensor]:
        """The tensors of both: `module|name`, `optimizer|parameter name|state name`."""
        names = {parameter: name for name, parameter in self.module.named_parameters()}
        optimizer_state = named_state(self.optimizer, names)
        return {f"module|{name}": tensor for name, tensor in self.module.state_dict().items()} | {
            f"optimizer|{name}": tensor for name, tensor in optimizer_state.items()
        }

    def load_state_dict(self, state: Mapping[str, Tensor]) -> None:
        """Puts back copies of what `state_dict` returned."""
        by_kind: dict[str, dict[str, Tensor]] = {"module": {}, "optimizer": {}}
        for name, tensor in state.items():
            kind, rest = name.split("|", 1)
            by_kind[kind][rest] = tensor
        self.module.load_state_dict(by_kind["module"])
        load_named_state(self.optimizer, dict(self.module.named_parameters()), by_kind["optimizer"])
