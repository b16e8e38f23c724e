"""`Controller`: the RL policy over candidates, updated by REINFORCE.

Shapes: C candidates of one choice.
"""

import math
from collections.abc import Mapping, Sequence

import torch
from torch import Tensor, nn

from radars.cost import Feasible
from radars.engine.method_config import ControllerConfig
from radars.engine.policies.policy import Sample
from radars.nn.optimizer import load_named_state, named_state
from radars.runs.state import State
from radars.space import Subspace


class Controller:
    """One categorical distribution a choice, over its candidates.

    Attributes:
        full: every candidate.

    Args:
        full: every candidate.
        config: learning rate, entropy, baseline.
        seed: of the draws.
    """

    def __init__(self, full: Subspace, config: ControllerConfig, seed: int) -> None:
        self.full = full
        self._config = config
        self._generator = torch.Generator().manual_seed(seed)
        self._logits = {name: nn.Parameter(torch.zeros(len(full[name]))) for name in full}
        self._optimizer = torch.optim.Adam(self._logits.values(), config.learning_rate)
        self._baseline = math.nan  # no reward yet

    def probabilities(self) -> dict[str, dict[str, float]]:
        """Choice to candidate to its probability."""
        with torch.no_grad():
            return {
                choice: dict(zip(names, self._log_prob(choice, names).exp().tolist(), strict=True))
                for choice, names in self.full.items()
            }

    def scores(self) -> dict[str, dict[str, float]]:
        """Choice to candidate to the logarithm of its probability."""
        with torch.no_grad():
            return {
                choice: dict(zip(names, self._log_prob(choice, names).tolist(), strict=True))
                for choice, names in self.full.items()
            }

    def sample(self, feasible: Feasible, *, uniform: bool = False) -> Sample:
        """Draws an allowed architecture, from the policy or uniformly."""

        def pick(choice: str, names: tuple[str, ...]) -> str:
            with torch.no_grad():
                log_prob_C = self._log_prob(choice, names)
            weight_C = torch.ones(len(names)) if uniform else log_prob_C.exp()
            return names[int(torch.multinomial(weight_C, 1, generator=self._generator))]

        return Sample(*feasible.sample(self.full, pick, self._generator))

    def reinforce(self, samples: Sequence[Sample], rewards: Sequence[float]) -> None:
        """Updates the policy (REINFORCE, Williams 1992) with a moving baseline and entropy.

        The samples of one call are rewarded on the same examples, whose difficulty they share: it
        is taken out with their mean, and the moving baseline's part of it is the trend.
        """
        mean_reward = sum(rewards) / len(rewards)
        if math.isnan(self._baseline):
            self._baseline = mean_reward
        decay = self._config.baseline_decay
        self._baseline = decay * self._baseline + (1 - decay) * mean_reward
        baseline = self._config.group_weight * mean_reward + (
            (1 - self._config.group_weight) * self._baseline
        )
        loss = torch.zeros(())
        for sample, reward in zip(samples, rewards, strict=True):
            advantage = (reward - baseline) / len(samples)
            for choice, names in sample.allowed.items():
                taken = names.index(sample.architecture[choice])
                loss = loss - advantage * self._log_prob(choice, names)[taken]
        loss = loss - self._config.entropy_weight * self._entropy()
        self._optimizer.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        self._optimizer.step()

    def learn(self, trained: Mapping[str, Mapping[str, float]], weight: float) -> None:
        """Moves the policy towards the architecture logits that differentiation ended with.

        Args:
            trained: choice to live candidate to architecture logit; it began as `scores`.
            weight: 0 leaves the policy as it is, 1 makes it the logits' over the live candidates.
        """
        with torch.no_grad():
            for choice, logits in trained.items():
                index = [self.full[choice].index(name) for name in logits]
                now_C = self._logits[choice][index].log_softmax(-1)
                change_C = torch.tensor(list(logits.values())).log_softmax(-1) - now_C
                # centred: pruned candidates neither gain nor lose on the average
                self._logits[choice][index] += weight * (change_C - change_C.mean())

    def entropy(self) -> float:
        """Mean entropy of the choices, as a fraction of the largest possible."""
        with torch.no_grad():
            most = sum(math.log(len(names)) for names in self.full.values())
            return float(self._entropy()) / most if most else 0.0

    def state_dict(self) -> State:
        """Logits, optimizer state, generator and baseline."""
        names = {logit_C: choice for choice, logit_C in self._logits.items()}
        return {
            "logits": {choice: logit_C.detach() for choice, logit_C in self._logits.items()},
            "optimizer": named_state(self._optimizer, names),
            "generator": self._generator.get_state(),
            "baseline": torch.tensor(self._baseline, dtype=torch.float64),
        }

    def load_state_dict(self, state: State, /) -> None:
        """Puts back what `state_dict` returned."""
        with torch.no_grad():
            for choice, logit_C in self._logits.items():
                logit_C.copy_(state["logits"][choice])
        load_named_state(self._optimizer, self._logits, state["optimizer"])
        self._generator.set_state(state["generator"])
        self._baseline = float(state["baseline"])

    def _log_prob(self, choice: str, names: tuple[str, ...]) -> Tensor:
        index = [self.full[choice].index(name) for name in names]
        return self._logits[choice][index].log_softmax(-1)

    def _entropy(self) -> Tensor:
        total = torch.zeros(())
        for choice, names in self.full.items():
            log_prob_C = self._log_prob(choice, names)
            total = total - (log_prob_C.exp() * log_prob_C).sum()
        return total
