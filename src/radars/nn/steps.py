"""The steps of a search: what one batch does to a supernet.

These very functions are traced to predict their memory, so a prediction cannot drift from what
is run. A step whose loss or gradient is not finite is skipped: it leaves everything as it was. The
device decides that, as no step waits for it: a trace on fake tensors would fail where one did.
Shapes: B batch, P a part of it, K classes.
"""

import math
from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager
from enum import StrEnum
from typing import Literal

import torch
from torch import Tensor, nn

from radars.example import Example, device_of, split_batch
from radars.nn.modules import parameters_of
from radars.nn.optimizer import step_together, stepping_where
from radars.nn.statistics import StatisticsCopy, batch_norms, frozen_statistics
from radars.nn.supernet import Supernet
from radars.nn.task import Loss

Regulariser = Callable[[Supernet], Tensor]
"""A scalar of a supernet's logits that is added to the loss of an architecture step."""
Average = Callable[[Iterable[Tensor]], None]
"""Averages gradients, in place, over the processes that have a part of the batch each."""

Precision = Literal["32-true", "bf16-mixed"]
"""Lightning Fabric's names: all in float32, or matrix products and convolutions in bfloat16."""


class StepKind(StrEnum):
    """What a step does, and so what it holds in memory."""

    WEIGHTS = "weights"
    ARCHITECTURE = "architecture"
    SECOND_ORDER = "second_order"
    EVALUATION = "evaluation"


def num_paths(kind: StepKind) -> int:
    """How many paths a step runs, where choices are relaxed over paths (`path_relaxation.py`).

    Weights are trained on one; logits are compared on two.
    """
    return 1 if kind in (StepKind.WEIGHTS, StepKind.EVALUATION) else 2


def weights_step(
    supernet: Supernet,
    example_B: Example,
    label_B: Tensor,
    *,
    loss: Loss = nn.functional.cross_entropy,
    precision: Precision = "32-true",
    micro_batches: int = 1,
    average: Average = lambda tensors: None,
) -> Tensor:
    """Trains the live network weights on one batch; logits take no gradient. Returns the loss.

    NaN says that the step was skipped.

    With several `micro_batches`, the batch is run in that many parts, whose gradients add up to the
    batch's: `loss` is a mean over examples. BatchNorm sees the parts. Where several processes have
    a part of the batch each, `average` makes their gradients, and the loss, those of the whole.
    """
    modules = supernet.set_training(True)
    statistics = StatisticsCopy(batch_norms(modules))
    with supernet.logits.frozen():
        value = backward_pass(supernet, example_B, label_B, loss, precision, micro_batches, average)
    norm = nn.utils.clip_grad_norm_(
        parameters_of(modules), supernet.max_gradient_norm, foreach=True
    )
    is_sound = value.isfinite() & norm.isfinite()
    step_together(supernet.weight_optimizers(), is_sound)
    statistics.restore_unless(is_sound)
    return value.where(is_sound, math.nan)


def architecture_step(
    supernet: Supernet,
    example_B: Example,
    label_B: Tensor,
    *,
    loss: Loss = nn.functional.cross_entropy,
    precision: Precision = "32-true",
    regulariser: Regulariser | None = None,
    micro_batches: int = 1,
    average: Average = lambda tensors: None,
) -> Tensor:
    """Trains the architecture logits on one batch with frozen weights. Returns the loss.

    First-order bilevel step (DARTS, Liu et al. 2019, section 2.3, xi = 0). A `regulariser` of the
    logits, a scalar, is added to the loss. `micro_batches`, `average` and skipped steps as in
    `weights_step`.
    """
    supernet.train()
    with supernet.frozen_weights(), frozen_statistics(supernet):
        value = backward_pass(supernet, example_B, label_B, loss, precision, micro_batches, average)
        if regulariser is not None:
            add_gradient(regulariser(supernet))
    return move_logits(supernet, value)


@torch.no_grad()
def evaluation_step(
    supernet: Supernet,
    example_B: Example,
    *,
    precision: Precision = "32-true",
    micro_batches: int = 1,
) -> Tensor:
    """The network's outputs (B, K), normalised with the batch's own statistics.

    The running statistics of shared weights mix those of all paths and fit none of them.

    Args:
        supernet: what is evaluated.
        example_B: a batch.
        precision: the precision of the forward pass.
        micro_batches: into how many parts the batch is split, as in training.
    """
    for layer in batch_norms(supernet.set_training(False)):  # no dropout
        layer.train()
    examples = split_batch(example_B, micro_batches)
    with frozen_statistics(supernet), autocast(device_of(example_B), precision):
        parts = [supernet(example_P).float() for example_P in examples]
    return parts[0] if len(parts) == 1 else torch.cat(parts)


def move_logits(supernet: Supernet, loss: Tensor, *others: Tensor) -> Tensor:
    """Lets the logits follow their gradients, unless one of these, or of the losses, is not finite.

    Returns the first loss; NaN where they did not.
    """
    gradients = [logit_C.grad.sum() for logit_C in supernet.logits if logit_C.grad is not None]
    is_sound = torch.stack([loss, *others, *gradients]).isfinite().all()
    with stepping_where(is_sound, supernet.logits.optimizer):
        supernet.logits.optimizer.step()
    supernet.logits.optimizer.zero_grad()
    return loss.where(is_sound, math.nan)


def backward_pass(
    supernet: Supernet,
    example_B: Example,
    label_B: Tensor,
    loss: Loss,
    precision: Precision,
    micro_batches: int,
    average: Average,
) -> Tensor:
    """Adds the gradients of the loss, part by part; returns the loss, both averaged."""
    total = torch.zeros((), device=label_B.device)
    for share, example_P, label_P in _parts(example_B, label_B, micro_batches):
        with autocast(label_B.device, precision):
            value = loss(supernet(example_P), label_P)
        if share < 1.0:
            value = value * share
        add_gradient(value)  # unless nothing that runs is to be trained
        total += value.detach()
    average([total])  # what is not finite in one process is in all
    average(parameter.grad for parameter in supernet.parameters() if parameter.grad is not None)
    return total


def add_gradient(value: Tensor) -> None:
    """Adds the gradient of a scalar to those of what it depends on, if it is to be trained."""
    if value.requires_grad:  # not where nothing is left to choose
        value.backward()  # type: ignore[no-untyped-call]


def _parts(
    example_B: Example, label_B: Tensor, micro_batches: int
) -> Iterator[tuple[float, Example, Tensor]]:
    """Yields a batch in parts of about the same size, each with its share of the batch."""
    examples, labels = split_batch(example_B, micro_batches), label_B.tensor_split(micro_batches)
    for example_P, label_P in zip(examples, labels, strict=True):
        yield len(label_P) / len(label_B), example_P, label_P


def autocast(device: torch.device, precision: Precision) -> AbstractContextManager[None]:
    """The context in which a forward pass runs at the given precision."""
    return torch.autocast(device.type, torch.bfloat16, enabled=precision == "bf16-mixed")
