"""`zero_cost_step`: watchers see how a batch passes through a network that is not trained yet."""

from collections.abc import Iterable
from typing import Protocol

import torch
from torch import Tensor, nn

from radars.example import Example
from radars.nn.steps import Precision, evaluation_step
from radars.nn.supernet import Supernet


class Watcher(Protocol):
    """Is shown what some of the modules of a network return."""

    @property
    def modules(self) -> tuple[type[nn.Module], ...]:
        """The types of those that it watches."""

    def watch(self, module: nn.Module, inputs: object, output: Tensor) -> None:
        """Called after each pass of a watched module."""


@torch.no_grad()
def zero_cost_step(
    supernet: Supernet,
    example_B: Example,
    watchers: Iterable[Watcher],
    *,
    precision: Precision = "32-true",
) -> None:
    """Passes one batch through the live path, watched by all watchers."""
    hooks = [
        module.register_forward_hook(watcher.watch)
        for watcher in watchers
        for module in supernet.modules()
        if isinstance(module, watcher.modules)
    ]
    try:
        evaluation_step(supernet, example_B, precision=precision)
    finally:
        for hook in hooks:
            hook.remove()
