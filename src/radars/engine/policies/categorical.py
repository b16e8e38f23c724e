"""`Controller`: the RL policy over candidates, updated by natural policy gradient.

The policy is a categorical distribution for each choice. For such a policy the natural gradient
(Kakade 2001) of the expected reward is what a regression of rewards on the candidates says
(`reward_model.py`: compatible features, Sutton et al. 2000), and with a bonus for entropy of weight
tau the updates converge to the softmax of the effects over tau (Cen et al. 2022, "Fast Global
Convergence of Natural Policy Gradient Methods with Entropy Regularization"). The rewards of one
round are comparable, so all of them are used, and each update goes there at once.

What a candidate adds in the end is what it adds to rewards, and what it is expected to gain on the
way that training has left (`maturity.py`).

Here tau is the standard error of the effects. So the policy is as sure as its rewards are: it stays
flat where these are noise, and sharpens as they come in.

Shapes: C candidates of one choice.
"""

import math
from collections.abc import Sequence
from dataclasses import asdict, replace

import torch
from torch import Tensor

from radars.cost import Feasible
from radars.engine.method_config import ControllerConfig
from radars.engine.policies.policy import Sample
from radars.engine.policies.reward_model import Rewarded, RewardModel, Scores, fit_rewards
from radars.runs.state import State
from radars.space import Architecture, Subspace, name_of

GRADIENT = "differentiate"
"""The table of what differentiation says, of which nothing is expected, as it is of rankers'."""


class Controller:
    """See the module.

    Attributes:
        full: every candidate.
        rewarded: every architecture that was rewarded.
        tables: what rankers say of each candidate; the rewards decide what it counts.
        largest_deviation: the most that rewards can differ by in the end (`maturity.py`).

    Args:
        full: every candidate.
        config: the temperature, and how often the policy is updated.
        seed: the seed of the draws.
    """

    def __init__(self, full: Subspace, config: ControllerConfig, seed: int) -> None:
        self.full = full
        self.rewarded: list[Rewarded] = []
        self.tables: dict[str, Scores] = {}
        self.largest_deviation = math.inf
        self._config = config
        self._generator = torch.Generator().manual_seed(seed)
        self._num_fitted = 0  # of the rewards, in the policy
        self._logits = {name: torch.zeros(len(full[name])) for name in full}

    def probabilities(self) -> dict[str, dict[str, float]]:
        """Choice to candidate to its probability."""
        return {
            choice: dict(zip(names, self._log_prob(choice, names).exp().tolist(), strict=True))
            for choice, names in self.full.items()
        }

    def scores(self) -> dict[str, dict[str, float]]:
        """Choice to candidate to the logarithm of its probability."""
        return {
            choice: dict(zip(names, self._log_prob(choice, names).tolist(), strict=True))
            for choice, names in self.full.items()
        }

    def sample(self, feasible: Feasible, *, uniform: bool = False) -> Sample:
        """Draws an allowed architecture, from the policy or uniformly."""

        def pick(choice: str, names: tuple[str, ...]) -> str:
            weight_C = self._log_prob(choice, names).exp()
            weight_C = torch.ones(len(names)) if uniform else weight_C
            return names[int(torch.multinomial(weight_C, 1, generator=self._generator))]

        return Sample(*feasible.sample(self.full, pick, self._generator))

    def reinforce(
        self,
        samples: Sequence[Sample],
        rewards: Sequence[float],
        *,
        group: int = 0,
        is_alone: bool = False,
        fraction: float = 1.0,
    ) -> None:
        """Remembers rewards, and updates the policy where there are enough new ones.

        Args:
            samples: the architectures.
            rewards: the reward of each architecture.
            group: what was rewarded under the same conditions has the same number.
            is_alone: whether they were trained alone, for longer than others before a reward.
            fraction: how much of the way of their training they had behind them.
        """
        self.rewarded += [
            Rewarded(sample.architecture, reward, group, is_alone, fraction)
            for sample, reward in zip(samples, rewards, strict=True)
        ]
        if len(self.rewarded) - self._num_fitted >= self._config.update_every:
            self.update()

    def update(self) -> None:
        """Makes the policy that of all rewards so far."""
        self._num_fitted = len(self.rewarded)
        model = self.model()
        final_effects = model.final_effects()
        for choice, names in self.full.items():
            effects, errors = final_effects[choice], model.errors[choice]
            tau = self._config.temperature * math.hypot(*errors.values()) / math.sqrt(len(names))
            logits = [effects[name] / tau if tau > 0 else 0.0 for name in names]
            self._logits[choice] = torch.tensor(logits)

    def model(self) -> RewardModel:
        """What the rewards so far say of each candidate."""
        rankers = self.tables.keys() - {GRADIENT}
        model = fit_rewards(self.rewarded, self.full, self.tables, expected=rankers)
        return replace(model, largest_deviation=self.largest_deviation)

    def entropy(self) -> float:
        """Mean entropy of the choices, as a fraction of the largest possible."""
        most = sum(math.log(len(names)) for names in self.full.values())
        total = 0.0
        for choice, names in self.full.items():
            log_prob_C = self._log_prob(choice, names)
            total -= float((log_prob_C.exp() * log_prob_C).sum())
        return total / most if most else 0.0

    def state_dict(self) -> State:
        """Rewards, tables, generator, and how many of the rewards are in the policy."""
        return {
            "rewarded": [
                asdict(known) | {"architecture": dict(known.architecture)}
                for known in self.rewarded
            ],
            "tables": {
                name: {
                    choice: {name_of(taken): value for taken, value in values.items()}
                    for choice, values in scores.items()
                }
                for name, scores in self.tables.items()
            },
            "num_fitted": self._num_fitted,
            "logits": dict(self._logits),
            "generator": self._generator.get_state(),
        }

    def load_state_dict(self, state: State, /) -> None:
        """Puts back what `state_dict` returned."""
        self.rewarded = [
            Rewarded(**known | {"architecture": Architecture(known["architecture"])})
            for known in state["rewarded"]
        ]
        self.tables = {
            name: {
                choice: {
                    taken: scores[choice][name_of(taken)]
                    for taken in taken_of_choice
                    if name_of(taken) in scores[choice]
                }
                for choice, taken_of_choice in self.full.items()
                if choice in scores
            }
            for name, scores in state["tables"].items()
        }
        self._num_fitted = state["num_fitted"]
        self._logits = {choice: state["logits"][choice].clone() for choice in self.full}
        self._generator.set_state(state["generator"])

    def _log_prob(self, choice: str, names: tuple[str, ...]) -> Tensor:
        index = [self.full[choice].index(name) for name in names]
        return self._logits[choice][index].log_softmax(-1)
