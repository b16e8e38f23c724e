"""Optimizers from a configuration."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Annotated, Literal

import torch
from pydantic import BaseModel, ConfigDict, Field
from torch import Tensor, nn

from radars._torch_internals import found_inf

Beta = Annotated[float, Field(ge=0, lt=1)]


class OptimizerConfig(BaseModel):
    """Which optimizer, and its settings.

    Attributes:
        name: `sgd` (Nesterov momentum) or `adamw`.
        learning_rate: the highest learning rate of the schedule.
        momentum: the momentum of `sgd`.
        betas: the betas of `adamw`.
        weight_decay: L2 for `sgd`, decoupled for `adamw`.
        max_gradient_norm: gradients of all weights whose norm is larger are scaled down to it;
            those of architecture logits are not.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: Literal["sgd", "adamw"] = "sgd"
    learning_rate: float = Field(default=0.05, gt=0, allow_inf_nan=False)
    momentum: float = Field(default=0.9, ge=0, lt=1)
    betas: tuple[Beta, Beta] = (0.9, 0.999)
    weight_decay: float = Field(default=5e-4, ge=0, allow_inf_nan=False)
    max_gradient_norm: float = Field(default=5.0, gt=0, allow_inf_nan=False)

    def build(self, parameters: Iterable[nn.Parameter]) -> torch.optim.Optimizer:
        """The optimizer over `parameters`, fused, with its state made.

        PyTorch makes the state in the first step; made here, as the zeros that it begins with, no
        step holds more than the one before it.
        """
        if self.name == "adamw":
            optimizer: torch.optim.Optimizer = torch.optim.AdamW(
                parameters,
                self.learning_rate,
                self.betas,
                weight_decay=self.weight_decay,
                fused=True,
            )
        else:
            optimizer = torch.optim.SGD(
                parameters,
                self.learning_rate,
                momentum=self.momentum,
                weight_decay=self.weight_decay,
                nesterov=self.momentum > 0,
                fused=True,
            )
        self.make_state(optimizer)
        return optimizer

    def make_state(self, optimizer: torch.optim.Optimizer) -> None:
        """Makes the state of parameters that have none: what the first step would begin with."""
        for group in optimizer.param_groups:
            for parameter in group["params"]:
                if not parameter.requires_grad or parameter in optimizer.state:
                    continue
                if self.name == "adamw":
                    optimizer.state[parameter] = {
                        "step": torch.zeros((), device=parameter.device),
                        "exp_avg": torch.zeros_like(parameter),
                        "exp_avg_sq": torch.zeros_like(parameter),
                    }
                elif self.momentum > 0:
                    optimizer.state[parameter] = {"momentum_buffer": torch.zeros_like(parameter)}


def state_tensors(optimizer: torch.optim.Optimizer) -> list[Tensor]:
    """The tensors of an optimizer's state: momentum buffers and the like."""
    return [
        value
        for state in optimizer.state.values()
        for value in state.values()
        if isinstance(value, Tensor)
    ]


def move_state(optimizer: torch.optim.Optimizer, device: torch.device) -> None:
    """Moves an optimizer's state to where its parameters are; nothing waits for the copy."""
    for state in optimizer.state.values():
        for key, value in state.items():
            if isinstance(value, Tensor):
                state[key] = value.to(device, non_blocking=True)


@contextmanager
def stepping_where(is_sound: Tensor, optimizer: torch.optim.Optimizer) -> Iterator[None]:
    """Within, a step of a fused optimizer changes nothing where `is_sound` is false.

    The device decides, and nothing waits for it.

    Args:
        is_sound: a scalar on its device.
        optimizer: the one that steps.
    """
    with found_inf(is_sound.logical_not().float(), optimizer):
        yield


def step_together(optimizers: Sequence[torch.optim.Optimizer], is_sound: Tensor) -> None:
    """One step of fused optimizers with the same settings, as one call; drops the gradients.

    For small networks a call takes longer than what it computes.

    Args:
        optimizers: each with one parameter group, and with its state made.
        is_sound: a scalar on their device; where it is false, nothing changes.
    """
    first = optimizers[0]
    own_groups, own_state = first.param_groups, first.state
    parameters = [weight for each in optimizers for weight in each.param_groups[0]["params"]]
    first.param_groups = [{**own_groups[0], "params": parameters}]
    first.state = defaultdict(dict)
    for each in optimizers:
        first.state |= own_state if each is first else each.state
    try:
        with stepping_where(is_sound, first):
            first.step()
        first.zero_grad()
    finally:
        first.param_groups, first.state = own_groups, own_state


def set_learning_rate(optimizer: torch.optim.Optimizer, learning_rate: float) -> None:
    """Sets the learning rate of every parameter group."""
    for group in optimizer.param_groups:
        group["lr"] = learning_rate


def named_state(
    optimizer: torch.optim.Optimizer, names: Mapping[nn.Parameter, str]
) -> dict[str, Tensor]:
    """An optimizer's state as flat tensors, keyed `parameter name|state name`."""
    return {
        f"{name}|{key}": value
        for parameter, name in names.items()
        if parameter in optimizer.state
        for key, value in optimizer.state[parameter].items()
        if isinstance(value, Tensor)
    }


def load_named_state(
    optimizer: torch.optim.Optimizer,
    parameters: Mapping[str, nn.Parameter],
    tensors: Mapping[str, Tensor],
) -> None:
    """Puts back copies of what `named_state` returned, on the device of each parameter.

    They take the place of the state there is.
    """
    optimizer.state.clear()
    for name, value in tensors.items():
        parameter_name, key = name.rsplit("|", 1)
        parameter = parameters[parameter_name]
        like = parameter if value.shape == parameter.shape else value  # its layout
        copy = torch.empty_like(
            like, dtype=value.dtype, device=parameter.device, requires_grad=False
        )
        optimizer.state[parameter][key] = copy.copy_(value)
