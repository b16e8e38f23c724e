"""`proxyless`: binary gates over two sampled paths (Cai, Zhu, Han 2019, "ProxylessNAS").

Weights steps train one sampled path. Architecture steps sample two candidates a choice, of which
one is open; the gradient to a gate is that of its candidate's share, as if both were open (section
3.2.1, equation 4). The two logits are then shifted together so that the probabilities of all
others stay (appendix B). Adam without momentum, so that what is not sampled does not move.

Soft targets are on the expected cost of the two (section 3.2.2, with a logarithm).

Not the paper's: warm-up steps leave the logits alone, and there are hard constraints too.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Tensor

from radars.data import Batch
from radars.engine.methods.path_dnas import PathDNAS
from radars.errors import BudgetError
from radars.nn.optimizer import OptimizerConfig
from radars.nn.transfer import constant
from radars.space import Architecture, Subspace


@dataclass(frozen=True)
class BinaryGates:
    """Weights of pairs: 1 for what is open and 0 for the other, and their softmax backward.

    Attributes:
        full: every candidate.
        open_path: what is open.
    """

    full: Subspace
    open_path: Architecture

    def __call__(self, logits: Mapping[str, Tensor], live: Subspace) -> dict[str, Tensor]:
        """See `Weigh`."""
        weights = {}
        for choice, logit_C in logits.items():
            index_P = constant([self.full[choice].index(n) for n in live[choice]], logit_C.device)
            is_open = [float(name == self.open_path[choice]) for name in live[choice]]
            soft_P = logit_C[index_P].softmax(-1)
            open_P = constant(is_open, logit_C.device)
            weights[choice] = open_P - soft_P.detach() + soft_P
        return weights


class Proxyless(PathDNAS):
    """See the module."""

    def architecture_optimizer(self) -> OptimizerConfig:
        """Without momentum, which would move logits whose candidates were not drawn."""
        config = super().architecture_optimizer()
        return config.model_copy(update={"betas": (0.0, 0.999), "momentum": 0.0})

    def smallest_step(self) -> tuple[Subspace, BinaryGates]:
        """See `PathDNAS`."""
        planner, full = self.problem.planner, self.problem.proxy.full
        first = planner.smallest_path()
        rest = {
            choice: [name for name in names if name != first[choice]] or names
            for choice, names in full.items()
        }
        second = planner.cheapest_candidates(Subspace(rest))
        pairs = {
            choice: [name for name in names if name in (first[choice], second[choice])]
            for choice, names in full.items()
        }
        return Subspace(pairs), BinaryGates(full, first)

    def train_logits(self, batch: Batch, fraction: float, generator: torch.Generator) -> None:
        """See `PathDNAS`."""
        full = self.problem.proxy.full
        open_path = self.draw(self.noise(generator), generator)
        pairs = self._with_another(open_path, generator)
        index = {
            choice: [full[choice].index(name) for name in names] for choice, names in pairs.items()
        }
        before = self._mass(index)
        try:
            self.context.trainer.train_logits(
                self.supernet, pairs, BinaryGates(full, open_path), batch
            )
        except BudgetError:  # a pair that does not fit is not trained
            return
        after = self._mass(index)
        shifted = {choice: self.supernet.logits.of(choice) for choice in full}
        for choice, names in pairs.items():
            for name in names:
                shifted[choice][name] += before[choice] - after[choice]
        self.supernet.logits.set(shifted)

    def _with_another(self, path: Architecture, generator: torch.Generator) -> Subspace:
        """The path's candidates, each beside another that is drawn from the rest."""
        pairs = {}
        for choice, names in self.problem.proxy.full.items():
            rest = [name for name in names if name != path[choice]]
            pair = {path[choice]}
            if rest:
                logits = self.supernet.logits.of(choice)
                weight_R = torch.tensor([logits[name] for name in rest]).softmax(-1)
                pair.add(rest[int(torch.multinomial(weight_R, 1, generator=generator))])
            pairs[choice] = [name for name in names if name in pair]
        return Subspace(pairs)

    def _mass(self, index: Mapping[str, list[int]]) -> dict[str, float]:
        """The log-sum-exp of each pair's logits."""
        return {
            choice: float(
                torch.tensor(list(self.supernet.logits.of(choice).values()))[known].logsumexp(-1)
            )
            for choice, known in index.items()
        }
