"""`Task`: what a network is trained for and judged by. Classification where nothing else is said.

Shapes: B batch, K numbers that the network returns for an example.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from radars.errors import ConfigError, first_line
from radars.example import InputDtype, InputShape
from radars.space import blank_output

Loss = Callable[[Any, Tensor], Tensor]
"""Scores outputs (B, K) against labels (B, ...): a scalar to minimise, the mean over examples.

In training it is given what the network returns, which may be a tuple or a dict of several tensors.
"""

IGNORED = 255
"""The class of pixels that neither loss nor score counts."""

Score = Callable[[Tensor, Tensor], Tensor]
"""How right outputs (B, K) are by labels (B, ...): one number an example, higher is better."""


def is_right(output_BK: Tensor, label_B: Tensor) -> Tensor:
    """Whether the largest output is that of the label: bool (B,)."""
    return output_BK.argmax(-1) == label_B


@dataclass(frozen=True)
class Task:
    """What is minimised, and what architectures are compared by.

    Attributes:
        loss: the loss of outputs (B, K) and labels, minimised in every training; a mean over
            examples.
        score: the score of outputs and labels, from 0 to 1 for each example (B,), where higher is
            better. Its mean over the validation part is what a search maximises and calls accuracy.
        label_shape: the shape of one label.
        label_dtype: the dtype of labels.
    """

    loss: Loss = functional.cross_entropy
    score: Score = is_right
    label_shape: tuple[int, ...] = ()
    label_dtype: torch.dtype = torch.int64

    @property
    def is_classification(self) -> bool:
        """Whether the largest output is the answer, and labels are classes."""
        return self.score is is_right

    @property
    def is_dense(self) -> bool:
        """Whether a label is a class for each pixel: integers (H, W), or with more dimensions."""
        return len(self.label_shape) > 1 and self.label_dtype == torch.int64

    def output_shape(self, num_outputs: int) -> tuple[int, ...]:
        """What a network returns for an example: (K,), or (K, H, W) for labels (H, W)."""
        return (num_outputs, *self.label_shape) if self.is_dense else (num_outputs,)

    def smoothed_loss(self, label_smoothing: float) -> Loss:
        """The loss with label smoothing where it is torch's cross-entropy, or as it is."""
        if self.loss is functional.cross_entropy:
            return partial(functional.cross_entropy, label_smoothing=label_smoothing)
        return self.loss

    def check(self, label_N: Tensor, num_outputs: int) -> None:
        """Checks that labels, loss and score go together, on the first two labels.

        Raises:
            ConfigError: they do not.
        """
        shape = tuple(label_N.shape[1:])
        if (shape, label_N.dtype) != (self.label_shape, self.label_dtype):
            raise ConfigError(
                f"a task is given labels of shape {self.label_shape} and {self.label_dtype}, but "
                f"those of the data are {shape} and {label_N.dtype}; set label_shape and "
                f"label_dtype of the Task"
            )
        label_B = label_N[:2]
        output_BK = torch.zeros(len(label_B), *self.output_shape(num_outputs))
        for name, function, wanted in (
            ("loss", self.loss, ()),
            ("score", self.score, (len(label_B),)),
        ):
            try:
                value = function(output_BK, label_B)
                got = tuple(value.shape)
            except Exception as error:
                raise ConfigError(
                    f"the {name} of a task takes outputs {tuple(output_BK.shape)} and labels "
                    f"{tuple(label_B.shape)}, but raised {type(error).__name__}: "
                    f"{first_line(error)}; make the two fit"
                ) from error
            if got != wanted:
                raise ConfigError(
                    f"a loss returns one number and a score one for each example, {wanted}, but "
                    f"the {name} returns {got}; use mean() in a loss, and not in a score"
                )
        outside = [number for number in value.tolist() if not 0.0 <= number <= 1.0]
        if outside:
            raise ConfigError(
                f"a score is from 0 to 1, but that of a task is {outside[0]:g} for outputs of 0; "
                f"map it into that range, as exp(-error) does"
            )


CLASSIFICATION = Task()


def mean_iou(output_BK: Tensor, label_B: Tensor) -> Tensor:
    """Intersection over union of an example's classes, the mean over those that are there: (B,).

    Pixels of the class 255 are left out. A class is there where the label or the answer has it;
    where neither has any, the score is 1.

    Args:
        output_BK: (B, K, H, W).
        label_B: the class of each pixel, (B, H, W).
    """
    num_classes = output_BK.shape[1]
    is_counted = label_B != IGNORED
    class_K = torch.arange(num_classes, device=label_B.device).view(-1, *[1] * (label_B.dim() - 1))
    is_class_BK = (label_B[:, None] == class_K) & is_counted[:, None]
    is_answer_BK = (output_BK.argmax(1)[:, None] == class_K) & is_counted[:, None]
    both_BK = (is_class_BK & is_answer_BK).flatten(2).sum(-1).float()
    either_BK = (is_class_BK | is_answer_BK).flatten(2).sum(-1).float()
    is_there_BK = either_BK > 0
    iou_BK = torch.where(is_there_BK, both_BK / either_BK.clamp(min=1), 0.0)
    num_there_B = is_there_BK.sum(-1)
    return torch.where(num_there_B > 0, iou_BK.sum(-1) / num_there_B.clamp(min=1), 1.0)


def segmentation(height: int, width: int) -> Task:
    """The task of masks (height, width): cross-entropy of each pixel, and `mean_iou`.

    Networks return (B, K, height, width). Pixels of the class 255 do not count.
    """
    return Task(_pixel_loss, mean_iou, label_shape=(height, width))


def _pixel_loss(output_BK: Tensor, label_B: Tensor) -> Tensor:
    return functional.cross_entropy(output_BK, label_B, ignore_index=IGNORED)


def main_output(output: Any) -> Tensor:
    """The tensor that is trained by: what a network returns, or the first of a tuple or dict."""
    while not isinstance(output, Tensor):
        output = next(iter(output.values() if isinstance(output, Mapping) else output))
    return output


def check_training_output(
    network: nn.Module,
    space_name: str,
    input_shape: InputShape,
    input_dtype: InputDtype,
    task: Task,
) -> None:
    """Checks that the loss takes what a network on the meta device returns in training.

    Where that cannot be run, as with BatchNorm of nothing, the first step will say so.

    Raises:
        ConfigError: it returns several tensors, and the loss is torch's cross-entropy of one.
    """
    if task.loss is not CLASSIFICATION.loss:
        return
    try:
        output = blank_output(network.train(), 2, input_shape, input_dtype)
    except (Exception, SystemExit):
        return
    finally:
        network.eval()
    if not isinstance(output, Tensor):
        raise ConfigError(
            f"a loss takes what the network returns in training, but that of {space_name!r} is a "
            f"{type(output).__name__}, and cross-entropy takes one tensor; give task="
            f"Task(loss=...) that takes all of it"
        )
