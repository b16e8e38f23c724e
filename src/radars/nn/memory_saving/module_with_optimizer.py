"""`ModuleWithOptimizer`: a module and what trains it, which go where they go together."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

import torch
from torch import Tensor, nn

from radars.nn.optimizer import (
    OptimizerConfig,
    load_named_state,
    move_state,
    named_state,
    state_tensors,
)
from radars.units import CUDA_BLOCK_BYTES, rounded_up


@dataclass(frozen=True)
class ModuleWithOptimizer:
    """A module, and the optimizer of its weights."""

    module: nn.Module
    optimizer: torch.optim.Optimizer

    @classmethod
    def of(cls, module: nn.Module, config: OptimizerConfig) -> "ModuleWithOptimizer":
        """A new module, its convolutions in the layout of their kernels, and a new optimizer."""
        _to_channels_last(module)
        return cls(module, config.build(_parameters(module)))

    @property
    def num_bytes(self) -> int:
        """The bytes of weights, buffers and optimizer state."""
        return sum(tensor.nbytes for tensor in self._tensors)

    @cached_property
    def device_bytes(self) -> int:
        """The same bytes, as a GPU holds them: each tensor rounded up."""
        return sum(rounded_up(tensor.nbytes, CUDA_BLOCK_BYTES) for tensor in self._tensors)

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


def _to_channels_last(module: nn.Module) -> None:
    """Puts the weights of convolutions into the layout of their kernels."""
    for layer in module.modules():
        # those of 1x1 and of depthwise convolutions are as they should be, and a copy takes time
        if isinstance(layer, nn.Conv2d | nn.ConvTranspose2d) and not layer.weight.is_contiguous(
            memory_format=torch.channels_last
        ):
            nn.utils.convert_conv2d_weight_memory_format(layer, torch.channels_last)


def _parameters(module: nn.Module) -> list[nn.Parameter]:
    # an identity has no parameter, and optimizers refuse an empty list
    return list(module.parameters()) or [nn.Parameter(torch.empty(0), requires_grad=False)]
