"""`Task`: what a network is trained for and judged by. Classification where nothing else is said.

Shapes: B batch, K numbers that the network returns for an example.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import torch
from torch import Tensor
from torch.nn import functional

from radars.errors import ConfigError, first_line

Loss = Callable[[Tensor, Tensor], Tensor]
"""Scores outputs (B, K) against labels (B, ...): a scalar to minimise, the mean over examples."""

Score = Callable[[Tensor, Tensor], Tensor]
"""How right outputs (B, K) are by labels (B, ...): one number an example, higher is better."""


def is_right(output_BK: Tensor, label_B: Tensor) -> Tensor:
    """Whether the largest output is that of the label: bool (B,)."""
    return output_BK.argmax(-1) == label_B


@dataclass(frozen=True)
class Task:
    """What is minimised, and what architectures are compared by.

    Attributes:
        loss: of outputs (B, K) and labels, minimised in every training; a mean over examples.
        score: of outputs and labels, from 0 to 1 for each example (B,), where higher is better. Its
            mean over the validation part is what a search maximises and calls accuracy.
        label_shape: of one label.
        label_dtype: of labels.
    """

    loss: Loss = functional.cross_entropy
    score: Score = is_right
    label_shape: tuple[int, ...] = ()
    label_dtype: torch.dtype = torch.int64

    @property
    def is_classification(self) -> bool:
        """Whether the largest output is the answer, and labels are classes."""
        return self.score is is_right

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
        output_BK = torch.zeros(len(label_B), num_outputs)
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
