"""`proxyless`: binary gates over two sampled paths (Cai, Zhu, Han 2019, "ProxylessNAS").

Weights steps train one sampled path. Architecture steps sample two candidates a choice, of which
one is open; the gradient to a gate is that of its candidate's share, as if both were open (section
3.2.1, equation 4). The two logits are then shifted together so that the probabilities of all
others stay (appendix B). Adam without momentum, so that what is not sampled does not move.

Not the paper's: warm-up steps leave the logits alone, and latency is a hard constraint.
"""

from collections.abc import Mapping

import torch
from torch import Tensor

from radars.data import Batch
from radars.errors import BudgetError
from radars.nn.optimizer import OptimizerConfig
from radars.nn.shelf import Shelf
from radars.search.path_dnas import PathDNAS
from radars.search.setup import SearchSetup
from radars.search.workbench import Workbench
from radars.space import Architecture, Subspace


class Proxyless(PathDNAS):
    """See the module."""

    def __init__(self, setup: SearchSetup, bench: Workbench, shelf: Shelf | None = None) -> None:
        super().__init__(setup, bench, shelf)
        config: OptimizerConfig = self.config.differentiate.architecture_optimizer
        without_momentum = config.model_copy(update={"betas": (0.0, 0.999), "momentum": 0.0})
        self.supernet = setup.new_supernet(shelf, without_momentum)

    def train_logits(self, batch: Batch, fraction: float, generator: torch.Generator) -> None:
        """See `PathDNAS`."""
        open_path = self.draw(self.noise(generator), generator)
        pairs = self._with_another(open_path, generator)
        is_open = {
            choice: torch.tensor([float(name == open_path[choice]) for name in names])
            for choice, names in pairs.items()
        }
        index = {
            choice: [self.setup.proxy.full[choice].index(name) for name in names]
            for choice, names in pairs.items()
        }

        def weigh(logits: Mapping[str, Tensor]) -> dict[str, Tensor]:
            weights = {}
            for choice, logit_C in logits.items():
                soft_P = logit_C[index[choice]].softmax(-1)
                weights[choice] = is_open[choice].to(soft_P.device) - soft_P.detach() + soft_P
            return weights

        before = self._mass(index)
        self.supernet.weigh = weigh
        try:
            self.bench.train_logits(self.supernet, pairs, batch)
        except BudgetError:  # a pair that does not fit is not trained
            return
        finally:
            self.supernet.weigh = None
        after = self._mass(index)
        shifted = {choice: self.supernet.logits_of(choice) for choice in self.setup.proxy.full}
        for choice, names in pairs.items():
            for name in names:
                shifted[choice][name] += before[choice] - after[choice]
        self.supernet.set_logits(shifted)

    def _with_another(self, path: Architecture, generator: torch.Generator) -> Subspace:
        """The path's candidates, each beside another that is drawn from the rest."""
        pairs = {}
        for choice, names in self.setup.proxy.full.items():
            rest = [name for name in names if name != path[choice]]
            pair = {path[choice]}
            if rest:
                logits = self.supernet.logits_of(choice)
                weight_R = torch.tensor([logits[name] for name in rest]).softmax(-1)
                pair.add(rest[int(torch.multinomial(weight_R, 1, generator=generator))])
            pairs[choice] = [name for name in names if name in pair]
        return Subspace(pairs)

    def _mass(self, index: Mapping[str, list[int]]) -> dict[str, float]:
        """The log-sum-exp of each pair's logits."""
        return {
            choice: float(
                torch.tensor(list(self.supernet.logits_of(choice).values()))[known].logsumexp(-1)
            )
            for choice, known in index.items()
        }
