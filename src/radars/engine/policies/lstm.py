"""`LSTMController`: an autoregressive RL policy over candidates, updated by REINFORCE.

This is the controller of RL-based NAS: Zoph and Le 2017 (arXiv 1611.01578, section 3), in the form
of ENAS (Pham et al. 2018, arXiv 1802.03268, section 2.2). An LSTM decides choice by choice; what it
took for one choice is its input for the next, so that every decision depends on all before it.

Shapes: S samples, T choices in the space's order, C candidates of a choice (where T is there too,
those of the largest choice).
"""

import math
from collections.abc import Sequence

import torch
from pydantic import Field
from torch import Tensor
from torch.nn.utils import clip_grad_norm_

from radars.cost import Feasible
from radars.engine.method_config import Checked
from radars.engine.policies.lstm_network import LSTMNetwork, Memory
from radars.engine.policies.policy import Sample
from radars.nn.optimizer import load_named_state, named_state
from radars.runs.state import State
from radars.space import Architecture, Subspace

_ENTROPY_DRAWS = 256


class LSTMControllerConfig(Checked):
    """The autoregressive RL policy.

    By default the settings are those of ENAS: the constant of the tanh and the weight of the
    entropy are the paper's (section 3.1), the learning rate and the temperature those of its
    published code for cells, as the paper's (3.5e-4 and 5) need many more rewards to learn.

    Attributes:
        hidden_size: units of the LSTM, and of the embeddings of earlier decisions.
        learning_rate: the learning rate of Adam.
        entropy_weight: the weight of the entropy bonus.
        baseline_decay: the decay of the moving average of earlier rewards.
        group_weight: the share of the baseline that is the mean of the samples that are rewarded
            together; the rest is the moving average. It is 0 in the papers.
        temperature: the divisor of logits.
        tanh_constant: logits become this constant times their tanh, so that no probability gets
            stuck at 0 or 1; None to leave them unchanged.
        max_gradient_norm: the largest norm of a step; larger gradients are scaled down to it. None
            for any norm.
    """

    hidden_size: int = Field(64, ge=1)
    learning_rate: float = Field(3.5e-3, gt=0, allow_inf_nan=False)
    entropy_weight: float = Field(1e-4, ge=0, allow_inf_nan=False)
    baseline_decay: float = Field(0.95, ge=0, lt=1)
    group_weight: float = Field(0.0, ge=0, le=1)
    temperature: float = Field(1.0, gt=0, allow_inf_nan=False)
    tanh_constant: float | None = Field(2.5, gt=0, allow_inf_nan=False)
    max_gradient_norm: float | None = Field(5.0, gt=0, allow_inf_nan=False)


class LSTMController:
    """A distribution over architectures: each choice's candidates, given all earlier decisions.

    Candidates that cannot be completed within the constraints have no probability; what the others
    have adds up to one. With one constraint, that is exact. Several together may lead to dead ends,
    and draws that end in one are dropped: probabilities are then those of one try.

    Args:
        full: the whole space.
        config: the network, and how it learns.
        seed: the seed of the weights and the draws.
    """

    def __init__(self, full: Subspace, config: LSTMControllerConfig, seed: int) -> None:
        self._full = full
        self._config = config
        self._order = {choice: position for position, choice in enumerate(full)}
        self._index = {
            choice: {name: index for index, name in enumerate(names)}
            for choice, names in full.items()
        }
        self._generator = torch.Generator().manual_seed(seed)
        sizes = [len(names) for names in full.values()]
        self._network = LSTMNetwork(
            sizes,
            config.hidden_size,
            self._generator,
            temperature=config.temperature,
            tanh_constant=config.tanh_constant,
        )
        self._optimizer = torch.optim.Adam(self._network.parameters(), config.learning_rate)
        self._baseline = math.nan  # no reward yet

    @property
    def is_rewarded(self) -> bool:
        """Whether it has learned from a reward."""
        return not math.isnan(self._baseline)

    def sample(self, feasible: Feasible, *, uniform: bool = False) -> Sample:
        """Draws an allowed architecture, from the policy or uniformly.

        The policy decides in the order of the space. Uniform draws are in a random order, or early
        choices would use up what the constraints leave to late ones: they are no draws of the
        policy, and not for `reinforce`.
        """

        def pick(choice: str, names: tuple[str, ...]) -> str:
            return names[_draw(torch.ones(len(names)), self._generator)]

        if uniform:
            return Sample(*feasible.sample(self._full, pick, self._generator))
        return self._decode(feasible, self._generator, greedy=False)

    def best(self, feasible: Feasible) -> Architecture:
        """The architecture that the policy prefers: the likeliest candidate, choice by choice.

        Where that meets a dead end, which only several constraints together have, the rest of the
        tries are drawn from the policy. Later samples do not depend on this call.
        """
        return self._decode(feasible, torch.Generator().manual_seed(0), greedy=True).architecture

    def reinforce(self, samples: Sequence[Sample], rewards: Sequence[float]) -> None:
        """One step of Adam up the gradient of the mean reward and the weighted entropy.

        REINFORCE (Williams 1992; Zoph and Le 2017, section 3.2) with a moving average of earlier
        rewards as baseline. As in ENAS, the entropy of a sample's decisions is added to its reward;
        with the entropy's own gradient, which is added here, the bonus is that of the entropy of
        the whole distribution, without bias.

        Args:
            samples: drawn by `sample` since the last update.
            rewards: the reward of each sample; larger is better.
        """
        log_prob_S, entropy_S = self._score(samples)
        bonus_S = self._config.entropy_weight * entropy_S
        goal_S = torch.tensor(rewards, dtype=torch.float64) + bonus_S.detach()
        advantage_S = (goal_S - self._next_baseline(float(goal_S.mean()))).to(log_prob_S.dtype)
        loss = -(advantage_S * log_prob_S + bonus_S).mean()
        self._optimizer.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        if self._config.max_gradient_norm is not None:
            clip_grad_norm_(self._network.parameters(), self._config.max_gradient_norm)
        self._optimizer.step()

    def entropy(self) -> float:
        """Entropy of the policy without constraints, as a fraction of the largest possible.

        It is estimated: the exact entropies of the choices, at the mean over draws of what was
        taken before them. The draws are the same in each call, and later samples do not depend on
        them.
        """
        most = sum(math.log(len(names)) for names in self._full.values())
        if not most:
            return 0.0
        with torch.no_grad():
            return sum(self._network.entropies(_ENTROPY_DRAWS)) / most

    def state_dict(self) -> State:
        """Weights, optimizer state, generator and baseline."""
        parameters = dict(self._network.named_parameters())
        names = {parameter: name for name, parameter in parameters.items()}
        return {
            "weights": {name: parameter.detach() for name, parameter in parameters.items()},
            "optimizer": named_state(self._optimizer, names),
            "generator": self._generator.get_state(),
            "baseline": torch.tensor(self._baseline, dtype=torch.float64),
        }

    def load_state_dict(self, state: State, /) -> None:
        """Puts back what `state_dict` returned."""
        parameters = dict(self._network.named_parameters())
        with torch.no_grad():
            for name, parameter in parameters.items():
                parameter.copy_(state["weights"][name])
        load_named_state(self._optimizer, parameters, state["optimizer"])
        self._generator.set_state(state["generator"])
        self._baseline = float(state["baseline"])

    def _decode(self, feasible: Feasible, generator: torch.Generator, *, greedy: bool) -> Sample:
        """Runs the network through one architecture; greedy ones are so at the first try only."""
        tries = following = 0
        row_1 = self._network.start_row(1)
        state: Memory | None = None

        def pick(choice: str, names: tuple[str, ...]) -> str:
            nonlocal tries, row_1, state, following
            position = self._order[choice]
            if position == 0:  # there is no other way to tell that the last try met a dead end
                tries += 1
                row_1, state, following = self._network.start_row(1), None, 0
            for skipped in range(following, position):  # what is not made: as its first candidate
                _, state = self._network.step(skipped, row_1, state)
                row_1 = self._network.rows(skipped, torch.tensor([0]))
            following = position + 1
            logit_1C, state = self._network.step(position, row_1, state)
            allowed = [self._index[choice][name] for name in names]
            probability_C = logit_1C[0, allowed].softmax(-1)
            is_greedy = greedy and tries == 1
            taken = int(probability_C.argmax()) if is_greedy else _draw(probability_C, generator)
            row_1 = self._network.rows(position, torch.tensor([allowed[taken]]))
            return names[taken]

        with torch.no_grad():
            order = list(self._order)
            return Sample(*feasible.sample(self._full, pick, generator, order=order))

    def _score(self, samples: Sequence[Sample]) -> tuple[Tensor, Tensor]:
        """Log-probabilities (S,) and sums of the decisions' entropies (S,), by teacher forcing."""
        taken_ST = torch.tensor(
            [
                [
                    self._index[choice][sample.architecture.get(choice, self._full[choice][0])]
                    for choice in self._order
                ]
                for sample in samples
            ]
        )
        allowed_STC = self._allowed(samples)
        logit_STC = self._network(taken_ST).masked_fill(~allowed_STC, -math.inf)
        # what has no probability adds nothing, rather than 0 times infinity
        log_prob_STC = logit_STC.log_softmax(-1).masked_fill(~allowed_STC, 0.0)
        entropy_STC = -log_prob_STC * logit_STC.softmax(-1)
        taken_log_prob_ST = log_prob_STC.gather(-1, taken_ST[..., None])[..., 0]
        return taken_log_prob_ST.sum(-1), entropy_STC.sum((-2, -1))

    def _allowed(self, samples: Sequence[Sample]) -> Tensor:
        """Whether each candidate could be taken, (S, T, C)."""
        places = torch.tensor(
            [
                (row, position, self._index[choice][name])
                for row, sample in enumerate(samples)
                for choice, position in self._order.items()
                for name in sample.allowed.get(choice, self._full[choice][:1])
            ]
        )
        most = max(len(names) for names in self._full.values())
        allowed_STC = torch.zeros(len(samples), len(self._order), most, dtype=torch.bool)
        allowed_STC[places.unbind(-1)] = True
        return allowed_STC

    def _next_baseline(self, mean_reward: float) -> float:
        """The baseline of these rewards; the moving average goes on to them for the next."""
        average = mean_reward if math.isnan(self._baseline) else self._baseline
        decay, group_weight = self._config.baseline_decay, self._config.group_weight
        self._baseline = decay * average + (1 - decay) * mean_reward
        return group_weight * mean_reward + (1 - group_weight) * average


def _draw(weight_C: Tensor, generator: torch.Generator) -> int:
    return int(torch.multinomial(weight_C, 1, generator=generator))
