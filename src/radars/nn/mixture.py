"""`Mixture`: one place of a choice in a supernet, a weighted sum of its live candidates.

Shapes: C live candidates; inputs and outputs as the candidates take and return them.
"""

from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext

import torch
from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint

from radars.nn.memory_saving.channel_splitting import in_parts
from radars.nn.memory_saving.savings import PLAIN
from radars.nn.memory_saving.selective_checkpointing import all_kept
from radars.nn.statistics import uncounted_batch


class Mixture(nn.Module):
    """The live candidates at one place; a single one without a weight is that candidate itself.

    Attributes:
        live: candidate name to module, for what is on the device now.
        weight_C: the weights of the sum, in the order of `live`; set for each forward pass. A
            single candidate needs none.
        savings: how it trades time for memory. Candidates that are recomputed keep only their
            input, and are run again in the backward pass: their activations cost the largest one's
            instead of the sum; in parts of their channels
            (`radars.nn.memory_saving.channel_splitting`), a part of that. Those that are selective
            keep no map that is cheap to compute again, where their supernet has
            `radars.nn.memory_saving.selective_checkpointing` on.
    """

    def __init__(self) -> None:
        super().__init__()
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
        self._modules_of_live = nn.ModuleList(candidates.values())

    def forward(self, *inputs: Tensor) -> Tensor:
        """Returns the weighted sum of what the live candidates return."""
        weights: tuple[Tensor | None, ...] = (None,)
        if self.weight_C is not None:
            weights = self.weight_C.unbind()
        elif len(self._modules_of_live) > 1:
            raise RuntimeError(
                "a mixture runs inside its Supernet, which sets the weights; "
                "call the supernet, not the mixture"
            )
        total: Tensor | None = None
        for index, (candidate, weight) in enumerate(
            zip(self._modules_of_live, weights, strict=True)
        ):
            savings = self.savings.of_candidate(index, len(weights))
            is_split = savings.recompute and savings.split_channels
            function = in_parts(candidate) if is_split else candidate
            if savings.recompute and torch.is_grad_enabled():
                term = _recomputed(candidate, function, weight, inputs)
                total = term if total is None else total + term
            else:
                with nullcontext() if savings.selective else all_kept():
                    total = _add_weighted(function, weight, total, *inputs)
        assert total is not None
        return total


def _add_weighted(
    candidate: Callable[..., Tensor], weight: Tensor | None, total: Tensor | None, *inputs: Tensor
) -> Tensor:
    output = candidate(*inputs)
    if weight is None:
        return output
    weight = weight.to(output.dtype)
    return weight * output if total is None else torch.addcmul(total, weight, output)


def _recomputed(
    candidate: nn.Module,
    function: Callable[..., Tensor],
    weight: Tensor | None,
    inputs: tuple[Tensor, ...],
) -> Tensor:
    """One candidate's term, which saves its inputs only and is run again in the backward pass."""

    def contexts() -> tuple[AbstractContextManager[None], AbstractContextManager[None]]:
        # BatchNorm has seen the batch in the first run; the second must not count it again
        return nullcontext(), uncounted_batch(candidate)

    term = checkpoint(
        _add_weighted, function, weight, None, *inputs, use_reentrant=False, context_fn=contexts
    )
    assert isinstance(term, Tensor)
    return term
