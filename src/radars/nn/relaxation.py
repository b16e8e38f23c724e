"""Relaxations: how the weights of a mixture come from architecture logits.

Shapes: C live candidates of one choice.
"""

from dataclasses import dataclass
from typing import Protocol

import torch
from torch import Tensor

from radars.nn.transfer import send


class Relaxation(Protocol):
    """Turns logits into the weights of a mixture."""

    def __call__(self, logit_C: Tensor) -> Tensor:
        """Returns weights (C,) that sum to one, with a gradient to `logit_C` (C,)."""
        ...

    def probabilities(self, logit_C: Tensor) -> Tensor:
        """Returns what the weights stand for (C,), without noise, with a gradient to `logit_C`."""
        ...


@dataclass(frozen=True)
class Softmax:
    """Softmax of the logits (DARTS, Liu et al. 2019, equation 2)."""

    temperature: float = 1.0

    def __call__(self, logit_C: Tensor) -> Tensor:
        """Returns weights (C,)."""
        return self.probabilities(logit_C)

    def probabilities(self, logit_C: Tensor) -> Tensor:
        """Returns the weights themselves (C,)."""
        return (logit_C / self.temperature).softmax(-1)


@dataclass(frozen=True)
class GumbelSoftmax:
    """Softmax of logits plus Gumbel noise (FBNet, Wu et al. 2019, equation 6)."""

    temperature: float = 1.0

    def __call__(self, logit_C: Tensor) -> Tensor:
        """Returns weights (C,); the noise is drawn on the host, the same for any device."""
        noise_C = -torch.empty(logit_C.shape, device="cpu").exponential_().log()
        noisy_C = (logit_C + send(noise_C.to(logit_C.dtype), logit_C.device)) / self.temperature
        return noisy_C.softmax(-1)

    def probabilities(self, logit_C: Tensor) -> Tensor:
        """Returns how often each weight is the largest (C,), whatever the temperature."""
        return logit_C.softmax(-1)
