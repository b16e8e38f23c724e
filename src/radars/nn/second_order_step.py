"""`second_order_step`: DARTS' architecture step that looks one step of the weights ahead.

Shapes: B batch.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial

import torch
from torch import Tensor, nn

from radars.example import Example
from radars.nn.statistics import frozen_statistics
from radars.nn.steps import (
    Average,
    Precision,
    Regulariser,
    add_gradient,
    backward_pass,
    move_logits,
)
from radars.nn.supernet import Supernet
from radars.nn.task import Loss

_SHIFT = 0.01  # how far the weights are moved for a central difference (DARTS, section 2.3)


def second_order_step(
    supernet: Supernet,
    example_B: Example,
    label_B: Tensor,
    train_example_B: Example,
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
        example_B: a batch of the validation part.
        label_B: its labels.
        train_example_B: a batch of the training part.
        train_label_B: its labels.
        virtual_learning_rate: xi, of the virtual step.
        loss: the loss of outputs and labels.
        precision: the precision of the passes.
        regulariser: as in `architecture_step`.
        micro_batches: as in `weights_step`.
        average: likewise.
    """
    supernet.train()
    weights = _Weights(supernet.weight_parameters())
    logits = list(supernet.logits)
    backward = partial(
        backward_pass,
        supernet,
        loss=loss,
        precision=precision,
        micro_batches=micro_batches,
        average=average,
    )
    train_backward = partial(backward, train_example_B, train_label_B)
    with frozen_statistics(supernet), weights.restored():
        with supernet.logits.frozen():
            train_loss = train_backward()
        weights.shift(_taken_gradients(weights.parameters), virtual_learning_rate)
        value = backward(example_B, label_B)
        totals, directions = _taken_gradients(logits), _taken_gradients(weights.parameters)
        others = _add_second_order(
            supernet, weights, directions, totals, train_backward, virtual_learning_rate
        )
        for logit_C, total in zip(logits, totals, strict=True):
            logit_C.grad = total
        if regulariser is not None:
            add_gradient(regulariser(supernet))
    return move_logits(supernet, value, train_loss, *others)


def _add_second_order(
    supernet: Supernet,
    weights: "_Weights",
    directions: Sequence[Tensor],
    totals: Sequence[Tensor],
    train_backward: Callable[[], Tensor],
    virtual_learning_rate: float,
) -> list[Tensor]:
    """Adds to the logits' gradients what the virtual step changes; returns the training losses."""
    length = _SHIFT / nn.utils.get_total_norm(directions).clamp(min=1e-12)
    losses = []
    for sign in (-1.0, 1.0):
        weights.shift(directions, sign * length)  # w+ first
        with supernet.frozen_weights():
            losses.append(train_backward())
        factor = sign * virtual_learning_rate / (2.0 * length)
        for total, gradient in zip(totals, _taken_gradients(supernet.logits), strict=True):
            total += factor * gradient
    return losses


class _Weights:
    """Parameters that are moved away from where they are, and back."""

    def __init__(self, parameters: Sequence[nn.Parameter]) -> None:
        self.parameters = parameters
        self._before = [parameter.detach().clone() for parameter in parameters]

    @torch.no_grad()
    def shift(self, directions: Sequence[Tensor], length: float | Tensor) -> None:
        """Moves them, from where they were, against these directions."""
        for weight, start, direction in zip(self.parameters, self._before, directions, strict=True):
            torch.sub(start, length * direction, out=weight)

    @contextmanager
    def restored(self) -> Iterator[None]:
        """Puts them back at the end."""
        try:
            yield
        finally:
            with torch.no_grad():
                for weight, start in zip(self.parameters, self._before, strict=True):
                    weight.copy_(start)


def _taken_gradients(parameters: Iterable[nn.Parameter]) -> list[Tensor]:
    """Their gradients, zero where a loss does not depend on one, which they have no more then."""
    gradients = []
    for parameter in parameters:
        gradients.append(torch.zeros_like(parameter) if parameter.grad is None else parameter.grad)
        parameter.grad = None
    return gradients
