"""The steps of a search: what one batch does to a supernet.

These very functions are traced to predict their memory, so a prediction cannot drift from what
is run. Shapes: B batch, P a part of it, K classes.
"""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from enum import StrEnum
from typing import Literal

import torch
from torch import Tensor, nn

from radars.nn.statistics import batch_norms, frozen_statistics
from radars.nn.supernet import Supernet

Loss = Callable[[Tensor, Tensor], Tensor]
"""Scores outputs (B, K) against labels (B,): a scalar to minimise."""

Precision = Literal["32-true", "bf16-mixed"]
"""Lightning Fabric's names: all in float32, or matrix products and convolutions in bfloat16."""


class StepKind(StrEnum):
    """What a step does, and so what it holds in memory."""

    WEIGHTS = "weights"
    ARCHITECTURE = "architecture"
    EVALUATION = "evaluation"


def weights_step(
    supernet: Supernet,
    example_B: Tensor,
    label_B: Tensor,
    *,
    loss: Loss = nn.functional.cross_entropy,
    precision: Precision = "32-true",
    max_gradient_norm: float = 5.0,
    micro_batches: int = 1,
) -> Tensor:
    """Trains the live network weights on one batch; logits take no gradient. Returns the loss.

    With several `micro_batches`, the batch is run in that many parts, whose gradients add up to the
    batch's: `loss` is a mean over examples. BatchNorm sees the parts.
    """
    supernet.train()
    supernet.logits.requires_grad_(False)
    value = torch.zeros((), device=example_B.device)
    try:
        for share, example_P, label_P in _parts(example_B, label_B, micro_batches):
            value += _backward(supernet, example_P, label_P, loss, precision, share)
    finally:
        supernet.logits.requires_grad_(True)
    nn.utils.clip_grad_norm_(supernet.weight_parameters(), max_gradient_norm)
    for optimizer in supernet.weight_optimizers():
        optimizer.step()
        optimizer.zero_grad()
    return value


def architecture_step(
    supernet: Supernet,
    example_B: Tensor,
    label_B: Tensor,
    *,
    loss: Loss = nn.functional.cross_entropy,
    precision: Precision = "32-true",
    regulariser: Callable[[Supernet], Tensor] | None = None,
    micro_batches: int = 1,
) -> Tensor:
    """Trains the architecture logits on one batch with frozen weights. Returns the loss.

    First-order bilevel step (DARTS, Liu et al. 2019, section 2.3, xi = 0). A `regulariser` of the
    logits, a scalar, is added to the loss. `micro_batches` as in `weights_step`.
    """
    supernet.train()
    value = torch.zeros((), device=example_B.device)
    with supernet.frozen_weights(), frozen_statistics(supernet):
        for share, example_P, label_P in _parts(example_B, label_B, micro_batches):
            value += _backward(supernet, example_P, label_P, loss, precision, share)
        if regulariser is not None and supernet.live_logits():
            regulariser(supernet).backward()  # type: ignore[no-untyped-call]
    supernet.architecture_optimizer.step()
    supernet.architecture_optimizer.zero_grad()
    return value


@torch.no_grad()
def evaluation_step(
    supernet: Supernet, example_B: Tensor, *, precision: Precision = "32-true"
) -> Tensor:
    """The network's outputs (B, K), normalised with the batch's own statistics.

    The running statistics of shared weights mix those of all paths and fit none of them.
    """
    supernet.eval()  # no dropout
    for layer in batch_norms(supernet):
        layer.train()
    with frozen_statistics(supernet), autocast(example_B.device, precision):
        output_BK = supernet(example_B)
    assert isinstance(output_BK, Tensor)
    return output_BK.float()


def _parts(
    example_B: Tensor, label_B: Tensor, micro_batches: int
) -> Iterator[tuple[float, Tensor, Tensor]]:
    """Yields a batch in parts of about the same size, each with its share of the batch."""
    parts = zip(
        example_B.tensor_split(micro_batches), label_B.tensor_split(micro_batches), strict=True
    )
    for example_P, label_P in parts:
        yield len(label_P) / len(label_B), example_P, label_P


def _backward(
    supernet: Supernet,
    example_P: Tensor,
    label_P: Tensor,
    loss: Loss,
    precision: Precision,
    share: float,
) -> Tensor:
    """Adds a part's share of the gradients; returns its share of the loss."""
    with autocast(example_P.device, precision):
        value = loss(supernet(example_P), label_P)
    if share < 1.0:
        value = value * share
    if value.requires_grad:  # not where nothing that runs is to be trained
        value.backward()  # type: ignore[no-untyped-call]
    return value.detach()


def autocast(device: torch.device, precision: Precision) -> AbstractContextManager[None]:
    """The context in which a forward pass runs at the given precision."""
    return torch.autocast(device.type, torch.bfloat16, enabled=precision == "bf16-mixed")
