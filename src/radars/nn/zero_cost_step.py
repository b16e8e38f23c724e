"""`zero_cost_step`: judges watch how a batch passes through a network that is not trained yet."""

from collections.abc import Iterable
from typing import Protocol

import torch
from torch import Tensor, nn

from radars.nn.steps import Precision, evaluation_step
from radars.nn.supernet import Supernet


class Judge(Protocol):
    """Says something of a network from what some of its modules return."""

    @property
    def modules(self) -> tuple[type[nn.Module], ...]:
        """The types of those that it watches."""

    def watch(self, module: nn.Module, inputs: object, output: Tensor) -> None:
        """Called after each pass of a watched module."""

    def score(self) -> float:
        """Larger is better; 0 where there was nothing to watch."""


@torch.no_grad()
def zero_cost_step(
    supernet: Supernet,
    example_B: Tensor,
    judges: Iterable[Judge],
    *,
    precision: Precision = "32-true",
) -> None:
    """Passes one batch through the live path, watched by all judges."""
    hooks = [
        module.register_forward_hook(judge.watch)
        for judge in judges
        for module in supernet.modules()
        if isinstance(module, judge.modules)
    ]
    try:
        evaluation_step(supernet, example_B, precision=precision)
    finally:
        for hook in hooks:
            hook.remove()
