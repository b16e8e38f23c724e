"""`gdas`: one sampled path, with a gradient to all logits (Dong and Yang 2019, "GDAS").

Each step draws a path by Gumbel-max; only that path runs, in weights steps and in architecture
steps. Its candidates' weights are 1 in the forward pass and those of the Gumbel-softmax in the
backward pass (equations 3 to 5), at a temperature that falls from 10 to 0.1 (section 4.1).

Not the paper's: only the drawn path is on the device, and warm-up steps leave the logits alone.
"""

from collections.abc import Mapping

import torch
from torch import Tensor

from radars.data import Batch
from radars.search.path_dnas import PathDNAS

_FIRST_TEMPERATURE = 10.0
_LAST_TEMPERATURE = 0.1


class GDAS(PathDNAS):
    """See the module."""

    def train_logits(self, batch: Batch, fraction: float, generator: torch.Generator) -> None:
        """See `PathDNAS`."""
        noise = self.noise(generator)
        path = self.draw(noise, generator)
        temperature = _FIRST_TEMPERATURE + (_LAST_TEMPERATURE - _FIRST_TEMPERATURE) * fraction

        def weigh(logits: Mapping[str, Tensor]) -> dict[str, Tensor]:
            weights = {}
            for choice, logit_C in logits.items():
                noisy_C = (logit_C + noise[choice].to(logit_C.device)) / temperature
                taken = self.setup.proxy.full[choice].index(path[choice])
                soft = noisy_C.softmax(-1)[taken]
                weights[choice] = (1.0 - soft.detach() + soft)[None]
            return weights

        self.supernet.weigh = weigh
        try:
            self.bench.train_logits(self.supernet, path.as_subspace(), batch)
        finally:
            self.supernet.weigh = None
