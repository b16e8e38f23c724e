"""`Mixture`: one place of a choice in a supernet, a weighted sum of its live candidates.

Shapes: C live candidates; inputs and outputs as the candidates take and return them.
"""

from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn

from radars._torch_internals import tree_map
from radars.failures import named
from radars.nn.memory_saving.activation_checkpointing import checkpointed
from radars.nn.memory_saving.channel_splitting import in_parts
from radars.nn.memory_saving.savings import PLAIN
from radars.nn.memory_saving.selective_checkpointing import all_kept


class Mixture(nn.Module):
    """The live candidates at one place; a single one without a weight is that candidate itself.

    Args:
        choice: its name, for errors.

    Attributes:
        live: candidate name to module, for what is on the device now.
        weight_C: the weights of the sum, in the order of `live`; set for each forward pass. A
            single candidate needs none.
        savings: how it trades time for memory. Candidates that are recomputed keep only their
            input, and are run again in the backward pass (`activation_checkpointing` in
            `radars.nn.memory_saving`): their activations cost the largest one's instead of the
            sum; in parts of their channels (`channel_splitting`), a part of that. Those that are
            selective keep no map that is cheap to compute again, where their supernet has
            `selective_checkpointing` on.
    """

    def __init__(self, choice: str = "") -> None:
        super().__init__()
        self._choice = choice
        self._modules_of_live = nn.ModuleList()
        self._names: tuple[str, ...] = ()
        self.weight_C: Tensor | None = None
        self.savings = PLAIN

    @property
    def live(self) -> dict[str, nn.Module]:
        """Candidate name to module, in order."""
        return dict(zip(self._names, self._modules_of_live, strict=True))

    @live.setter
    def live(self, candidates: dict[str, nn.Module]) -> None:
        self._names = tuple(candidates)
        if len(candidates) != len(self._modules_of_live):
            self._modules_of_live = nn.ModuleList(candidates.values())
            return
        for index, candidate in enumerate(candidates.values()):  # quicker than another list
            self._modules_of_live[index] = candidate

    def forward(self, /, *inputs: Tensor, **by_name: Tensor) -> Any:
        """Returns the weighted sum of what the live candidates return."""
        is_plain = not (self.savings.recompute or self.savings.selective)
        if is_plain and self.weight_C is None and len(self._names) == 1:
            return self._only_one(*inputs, **by_name)
        run = partial(_add_weighted, **by_name)
        weights: tuple[Tensor | None, ...] = (None,)
        if self.weight_C is not None:
            weights = self.weight_C.unbind()
        elif len(self._modules_of_live) > 1:
            raise RuntimeError(
                "a mixture runs inside its Supernet, which sets the weights; "
                "call the supernet, not the mixture"
            )
        total: Any = None
        for index, (candidate, weight) in enumerate(
            zip(self._modules_of_live, weights, strict=True)
        ):
            with self._named(index):
                savings = self.savings.of_candidate(index, len(weights))
                is_split = savings.recompute and savings.split_channels
                function = in_parts(candidate) if is_split else candidate
                if savings.recompute and torch.is_grad_enabled():
                    term = checkpointed(candidate, run, function, weight, None, *inputs)
                    total = term if total is None else tree_map(torch.add, total, term)
                else:
                    with nullcontext() if savings.selective else all_kept():
                        total = run(function, weight, total, *inputs)
        return total

    def _only_one(self, /, *inputs: Tensor, **by_name: Tensor) -> Any:
        """What a single candidate returns: beside a small one the rest takes long."""
        [candidate] = self._modules_of_live
        with self._named(0), all_kept():
            return candidate(*inputs, **by_name)

    def _named(self, index: int) -> AbstractContextManager[None]:
        return named(f"candidate {self._names[index]!r} of choice {self._choice!r}")


def _add_weighted(
    candidate: Callable[..., Any],
    weight: Tensor | None,
    total: Any,
    /,
    *inputs: Tensor,
    **by_name: Tensor,
) -> Any:
    """What a candidate returns, weighted and added; a network may return several tensors."""
    output = candidate(*inputs, **by_name)
    if weight is None:
        return output
    if isinstance(output, Tensor):
        weight = weight.to(output.dtype)
        return weight * output if total is None else torch.addcmul(total, weight, output)
    if total is None:
        return tree_map(lambda each: weight.to(each.dtype) * each, output)
    return tree_map(lambda so_far, each: so_far + weight.to(each.dtype) * each, total, output)
