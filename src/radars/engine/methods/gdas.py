"""`gdas`: one sampled path, with a gradient to all logits (Dong and Yang 2019, "GDAS").

Each step draws a path by Gumbel-max; only that path runs, in weights steps and in architecture
steps. Its candidates' weights are 1 in the forward pass and those of the Gumbel-softmax in the
backward pass (equations 3 to 5), at a temperature that falls from 10 to 0.1 (section 4.1).

Not the paper's: only the drawn path is on the device, and warm-up steps leave the logits alone.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Tensor

from radars.data import Batch
from radars.engine.methods.path_dnas import PathDNAS
from radars.nn.transfer import constant
from radars.space import Subspace

_FIRST_TEMPERATURE = 10.0
_LAST_TEMPERATURE = 0.1


@dataclass(frozen=True)
class TakenPath:
    """Weights of a path: 1 forward, and those of the Gumbel-softmax backward.

    Attributes:
        full: every candidate.
        noise: choice to Gumbel noise for every candidate.
        temperature: the temperature of the softmax.
    """

    full: Subspace
    noise: Mapping[str, list[float]]
    temperature: float

    def __call__(self, logits: Mapping[str, Tensor], live: Subspace) -> dict[str, Tensor]:
        """See `Weigh`."""
        weights = {}
        for choice, logit_C in logits.items():
            [name] = live[choice]
            noise_C = constant(self.noise[choice], logit_C.device)
            soft_C = ((logit_C + noise_C) / self.temperature).softmax(-1)
            soft = soft_C[self.full[choice].index(name)]
            weights[choice] = (1.0 - soft.detach() + soft)[None]
        return weights


class GDAS(PathDNAS):
    """See the module."""

    def smallest_step(self) -> tuple[Subspace, TakenPath]:
        """See `PathDNAS`."""
        full = self.problem.proxy.full
        noise = {choice: [0.0] * len(names) for choice, names in full.items()}
        return self.problem.planner.smallest_path().as_subspace(), TakenPath(full, noise, 1.0)

    def train_logits(self, batch: Batch, fraction: float, generator: torch.Generator) -> None:
        """See `PathDNAS`."""
        noise = self.noise(generator)
        path = self.draw(noise, generator)
        temperature = _FIRST_TEMPERATURE + (_LAST_TEMPERATURE - _FIRST_TEMPERATURE) * fraction
        weigh = TakenPath(
            self.problem.proxy.full,
            {choice: noise_C.tolist() for choice, noise_C in noise.items()},
            temperature,
        )
        full = self.problem.proxy.full
        self.context.trainer.train_logits(
            self.supernet, path.as_subspace(), weigh, batch, among=full
        )
