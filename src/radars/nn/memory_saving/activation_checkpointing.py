"""Activation checkpointing: a candidate keeps its input only, and is run again for its gradients.

Chen et al. 2016, arXiv 1604.06174. Its activations then cost nothing while other candidates run.
Some of it, at less time, is `selective_checkpointing`; in parts of channels, `channel_splitting`.
"""

from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext

from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint

from radars.nn.statistics import uncounted_batch


def checkpointed(
    candidate: nn.Module, function: Callable[..., Tensor], *arguments: object
) -> Tensor:
    """What a function of a candidate returns; it saves its arguments only.

    Args:
        candidate: the module that the function runs; BatchNorm in it counts the batch once.
        function: run now, and again in the backward pass.
        arguments: the arguments of the function.
    """

    def contexts() -> tuple[AbstractContextManager[None], AbstractContextManager[None]]:
        return nullcontext(), uncounted_batch(candidate)

    output = checkpoint(function, *arguments, use_reentrant=False, context_fn=contexts)
    assert isinstance(output, Tensor)
    return output
