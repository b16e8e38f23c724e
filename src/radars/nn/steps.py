"""The steps of a search: what one batch does to a supernet.

These very functions are traced to predict their memory, so a prediction cannot drift from what
is run. A step whose loss or gradient is not finite is skipped: it leaves everything as it was. The
device decides that, as no step waits for it: a trace on fake tensors would fail where one did.
Shapes: B batch, P a part of it, K classes.
"""

import math
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager
from enum import StrEnum
from functools import partial
from typing import Literal

import torch
from torch import Tensor, nn

from radars.nn.optimizer import stepping_where
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


def weights_step(
    supernet: Supernet,
    example_B: Tensor,
    label_B: Tensor,
    *,
    loss: Loss = nn.functional.cross_entropy,
    precision: Precision = "32-true",
    max_gradient_norm: float = 5.0,
    micro_batches: int = 1,
    average: Average = lambda tensors: None,
) -> Tensor:
    """Trains the live network weights on one batch; logits take no gradient. Returns the loss.

    NaN says that the step was skipped.

    With several `micro_batches`, the batch is run in that many parts, whose gradients add up to the
    batch's: `loss` is a mean over examples. BatchNorm sees the parts. Where several processes have
    a part of the batch each, `average` makes their gradients, and the loss, those of the whole.
    """
    supernet.train()
    statistics = StatisticsCopy(supernet)
    supernet.logits.requires_grad_(False)
    try:
        value = _backward(supernet, example_B, label_B, loss, precision, micro_batches, average)
    finally:
        supernet.logits.requires_grad_(True)
    norm = nn.utils.clip_grad_norm_(supernet.weight_parameters(), max_gradient_norm, foreach=True)
    is_sound = value.isfinite() & norm.isfinite()
    optimizers = supernet.weight_optimizers()
    with stepping_where(is_sound, *optimizers):
        for optimizer in optimizers:
            optimizer.step()
            optimizer.zero_grad()
    statistics.restore_unless(is_sound)
    return value.where(is_sound, math.nan)


def architecture_step(
    supernet: Supernet,
    example_B: Tensor,
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
        value = _backward(supernet, example_B, label_B, loss, precision, micro_batches, average)
        if regulariser is not None:
            _add_gradient(regulariser(supernet))
    return _move_logits(supernet, value)


def second_order_step(
    supernet: Supernet,
    example_B: Tensor,
    label_B: Tensor,
    train_example_B: Tensor,
    train_label_B: Tensor,
    *,
    virtual_learning_rate: float,
    loss: Loss = nn.functional.cross_entropy,
    precision: Precision = "32-true",
    regulariser: Regulariser | None = None,
    micro_batches: int = 1,
    average: Average = lambda tensors: None,
) -> Tensor:
    """Trains the logits on one batch as if the weights followed them by one step of descent.

    DARTS, Liu et al. 2019, section 2.3: the gradient of L_val(w - xi grad L_train(w, a), a) to the
    logits a (equation 7), its second derivatives by central differences (equation 8). The weights
    are as before in the end. Returns the loss after the virtual step; skipped as `weights_step` is.

    Args:
        supernet: what is trained.
        example_B: of the validation part.
        label_B: its labels.
        train_example_B: of the training part.
        train_label_B: its labels.
        virtual_learning_rate: xi, of the virtual step.
        loss: of outputs and labels.
        precision: of the passes.
        regulariser: as in `architecture_step`.
        micro_batches: as in `weights_step`.
        average: likewise.
    """
    supernet.train()
    weights, logits = supernet.weight_parameters(), list(supernet.logits)
    before = [weight.detach().clone() for weight in weights]
    backward = partial(
        _backward,
        supernet,
        loss=loss,
        precision=precision,
        micro_batches=micro_batches,
        average=average,
    )

    def shift_weights(directions: Sequence[Tensor], length: float | Tensor) -> None:
        with torch.no_grad():
            for weight, start, direction in zip(weights, before, directions, strict=True):
                torch.sub(start, length * direction, out=weight)

    with frozen_statistics(supernet):
        try:
            supernet.logits.requires_grad_(False)
            train_losses = [backward(train_example_B, train_label_B)]
            supernet.logits.requires_grad_(True)
            shift_weights(_taken_gradients(weights), virtual_learning_rate)
            value = backward(example_B, label_B)
            totals, directions = _taken_gradients(logits), _taken_gradients(weights)
            length = 0.01 / nn.utils.get_total_norm(directions).clamp(min=1e-12)
            for sign in (-1.0, 1.0):
                shift_weights(directions, sign * length)  # w+ first
                with supernet.frozen_weights():
                    train_losses.append(backward(train_example_B, train_label_B))
                factor = sign * virtual_learning_rate / (2.0 * length)
                for total, gradient in zip(totals, _taken_gradients(logits), strict=True):
                    total += factor * gradient
            for logit_C, total in zip(logits, totals, strict=True):
                logit_C.grad = total
            if regulariser is not None:
                _add_gradient(regulariser(supernet))
        finally:
            supernet.logits.requires_grad_(True)
            with torch.no_grad():
                for weight, start in zip(weights, before, strict=True):
                    weight.copy_(start)
    return _move_logits(supernet, value, *train_losses)


def _move_logits(supernet: Supernet, loss: Tensor, *others: Tensor) -> Tensor:
    """Lets the logits follow their gradients, unless one of these, or of the losses, is not finite.

    Returns the first loss; NaN where they did not.
    """
    gradients = [logit_C.grad.sum() for logit_C in supernet.logits if logit_C.grad is not None]
    is_sound = torch.stack([loss, *others, *gradients]).isfinite().all()
    with stepping_where(is_sound, supernet.architecture_optimizer):
        supernet.architecture_optimizer.step()
    supernet.architecture_optimizer.zero_grad()
    return loss.where(is_sound, math.nan)


def _add_gradient(value: Tensor) -> None:
    if value.requires_grad:  # not where nothing is left to choose
        value.backward()  # type: ignore[no-untyped-call]


def _taken_gradients(parameters: Iterable[nn.Parameter]) -> list[Tensor]:
    """Their gradients, zero where a loss does not depend on one, which they have no more then."""
    gradients = []
    for parameter in parameters:
        gradients.append(torch.zeros_like(parameter) if parameter.grad is None else parameter.grad)
        parameter.grad = None
    return gradients


@torch.no_grad()
def evaluation_step(
    supernet: Supernet,
    example_B: Tensor,
    *,
    precision: Precision = "32-true",
    micro_batches: int = 1,
) -> Tensor:
    """The network's outputs (B, K), normalised with the batch's own statistics.

    The running statistics of shared weights mix those of all paths and fit none of them.

    Args:
        supernet: what is evaluated.
        example_B: a batch.
        precision: of the forward pass.
        micro_batches: into how many parts the batch is split, as in training.
    """
    supernet.eval()  # no dropout
    for layer in batch_norms(supernet):
        layer.train()
    with frozen_statistics(supernet), autocast(example_B.device, precision):
        parts = [supernet(example_P).float() for example_P in example_B.tensor_split(micro_batches)]
    return parts[0] if len(parts) == 1 else torch.cat(parts)


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
    example_B: Tensor,
    label_B: Tensor,
    loss: Loss,
    precision: Precision,
    micro_batches: int,
    average: Average,
) -> Tensor:
    """Adds the gradients of the loss, part by part; returns the loss, both averaged."""
    total = torch.zeros((), device=example_B.device)
    for share, example_P, label_P in _parts(example_B, label_B, micro_batches):
        with autocast(example_B.device, precision):
            value = loss(supernet(example_P), label_P)
        if share < 1.0:
            value = value * share
        _add_gradient(value)  # unless nothing that runs is to be trained
        total += value.detach()
    average([total])  # what is not finite in one process is in all
    average(parameter.grad for parameter in supernet.parameters() if parameter.grad is not None)
    return total


def autocast(device: torch.device, precision: Precision) -> AbstractContextManager[None]:
    """The context in which a forward pass runs at the given precision."""
    return torch.autocast(device.type, torch.bfloat16, enabled=precision == "bf16-mixed")
