"""The settings of each method, and of the parts that methods are made of."""

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from radars.nn.optimizer import OptimizerConfig
from radars.nn.relaxation import GumbelSoftmax, Relaxation, Softmax

MethodName = Literal[
    "radars",
    "reinforce",
    "enas",
    "spos",
    "random",
    "evolution",
    "darts",
    "fbnet",
    "pcdarts",
    "gdas",
    "proxyless",
]


class Checked(BaseModel):
    """Settings that are checked when they are made, and do not change."""

    model_config = ConfigDict(
        extra="forbid", frozen=True, arbitrary_types_allowed=True, allow_inf_nan=False
    )


class ControllerConfig(Checked):
    """The RL policy.

    Attributes:
        learning_rate: of Adam, on the policy's logits.
        entropy_weight: of the entropy bonus.
        baseline_decay: of the moving average of rewards.
        group_weight: how much of the baseline is the mean of the samples that are rewarded
            together, on the same examples; the rest is the moving average.
    """

    learning_rate: float = Field(0.02, gt=0)
    entropy_weight: float = Field(1e-4, ge=0)
    baseline_decay: float = Field(0.9, ge=0, lt=1)
    group_weight: float = Field(1.0, ge=0, le=1)


class LSTMControllerConfig(Checked):
    """The autoregressive RL policy.

    By default the settings are those of ENAS: the constant of the tanh and the weight of the
    entropy are the paper's (section 3.1), the learning rate and the temperature those of its
    published code for cells, as the paper's (3.5e-4 and 5) need many more rewards to learn.

    Attributes:
        hidden_size: units of the LSTM, and of the embeddings of what was taken before.
        learning_rate: of Adam.
        entropy_weight: of the entropy bonus.
        baseline_decay: of the moving average of earlier rewards.
        group_weight: how much of the baseline is the mean of the samples that are rewarded
            together; the rest is the moving average. The papers have none of it.
        temperature: what logits are divided by.
        tanh_constant: then they are this constant times their tanh, so that no probability gets
            stuck at 0 or 1; None to leave them as they are.
        max_gradient_norm: of a step; larger gradients are scaled down to it. None for any norm.
    """

    hidden_size: int = Field(64, ge=1)
    learning_rate: float = Field(3.5e-3, gt=0, allow_inf_nan=False)
    entropy_weight: float = Field(1e-4, ge=0, allow_inf_nan=False)
    baseline_decay: float = Field(0.95, ge=0, lt=1)
    group_weight: float = Field(0.0, ge=0, le=1)
    temperature: float = Field(1.0, gt=0, allow_inf_nan=False)
    tanh_constant: float | None = Field(2.5, gt=0, allow_inf_nan=False)
    max_gradient_norm: float | None = Field(5.0, gt=0, allow_inf_nan=False)


class ExploreConfig(Checked):
    """The RL half of a round: single paths, rewards, policy.

    Attributes:
        steps: training steps on single paths, a round.
        warmup_fraction: how much of the first round is drawn uniformly, without policy updates.
        uniform_fraction: how much of the training after it is drawn uniformly all the same. The
            rest follows the policy: weights and policy then feed each other, which concentrates
            training among many candidates, and locks onto the first success among few.
        update_every: training steps between policy updates.
        samples: architectures that are rewarded for each policy update.
        reward_batches: validation batches that each of them is rewarded on.
        controller: the policy.
    """

    steps: int = Field(600, ge=1)
    warmup_fraction: float = Field(0.4, ge=0, le=1)
    uniform_fraction: float = Field(0.5, ge=0, le=1)
    update_every: int = Field(8, ge=1)
    samples: int = Field(8, ge=2)
    reward_batches: int = Field(1, ge=1)
    controller: ControllerConfig = ControllerConfig()


class DifferentiateConfig(Checked):
    """The DNAS half of a round: the supernet of the subspace.

    Attributes:
        steps: iterations (a weights step and an architecture step each), a round.
        relaxation: `softmax` or `gumbel`.
        temperature: of the relaxation, at the beginning.
        final_temperature: at the end; geometric in between.
        beta_decay: weight, at the end, of the regulariser against collapse; linear from 0.
        architecture_optimizer: of the logits.
        max_cost_ratio: the most multiply-accumulates of a supernet step, as a multiple of those of
            the largest architecture; candidates are pruned to keep it. None for no limit.
        feedback: how far the policy is moved to what differentiation ended with, from 0 to 1.
    """

    steps: int = Field(100, ge=0)
    relaxation: Literal["softmax", "gumbel"] = "softmax"
    temperature: float = Field(1.0, gt=0)
    final_temperature: float = Field(1.0, gt=0)
    beta_decay: float = Field(0.01, ge=0)
    architecture_optimizer: OptimizerConfig = OptimizerConfig(
        name="adamw", learning_rate=0.01, betas=(0.5, 0.999), weight_decay=0.0
    )
    max_cost_ratio: float | None = Field(1.0, gt=0)
    feedback: float = Field(1.0, ge=0, le=1)

    def relaxation_at(self, fraction: float) -> Relaxation:
        """The relaxation after a fraction of the steps."""
        ratio = self.final_temperature / self.temperature
        temperature = self.temperature * ratio**fraction
        if self.relaxation == "gumbel":
            return GumbelSoftmax(temperature)
        return Softmax(temperature)


class SelectConfig(Checked):
    """The end of a search: the few best architectures are trained alone, and the worst dropped.

    Uniform draws are scored with shared weights, by how well fresh weights tell examples apart
    (after Mellor et al. 2021) and by size, and main effects of the candidates are fitted to it.
    The architectures that these promise most are fine-tuned from the shared weights, by
    successive halving (Jamieson and Talwalkar 2016), each halving round from the first step on. In
    each halving round accuracy counts, how well fresh weights tell examples apart, and size.

    Attributes:
        draws: architectures that are drawn uniformly and scored with shared weights.
        draw_batches: validation batches that each of them is scored on.
        finalists: how many architectures are trained alone.
        regions_draws: draws of fresh weights, each of which has a training batch to tell apart.
        finalist_draws: further draws for those that are trained alone.
        regions_weight: weight of how well fresh weights tell examples apart; accuracy weighs 1, in
            the second halving round 2, and so on. Both in standard deviations among uniform draws.
        size_weight: likewise, of the logarithm of multiply-accumulates.
        expressivity_weight: likewise, of how evenly fresh weights use a network's channels.
        halving_steps: training steps of each halving round; after each, the best `keep` go on.
        keep: the fraction that goes on to the next halving round.
        optimizer: of all these trainings.
    """

    draws: int = Field(64, ge=1)
    draw_batches: int = Field(4, ge=1)
    finalists: int = Field(6, ge=1)
    regions_draws: int = Field(2, ge=0)
    finalist_draws: int = Field(0, ge=0)
    regions_weight: float = Field(1.0, ge=0)
    size_weight: float = Field(0.0, ge=0)
    expressivity_weight: float = Field(0.0, ge=0)
    halving_steps: tuple[Annotated[int, Field(ge=1)], ...] = Field((50, 150), min_length=1)
    keep: float = Field(0.4, gt=0, lt=1)
    optimizer: OptimizerConfig = OptimizerConfig(learning_rate=0.05)


class ChildrenConfig(Checked):
    """Of methods that train each architecture from scratch.

    Attributes:
        number: how many are proposed; what builds the same network as an earlier one is not
            trained again.
        steps: of each training.
        check_fraction: after this part of its steps what is worse than the median of those before
            it is stopped; 0 stops none.
        batch: how many are proposed at a time, and trained without knowing of each other, so that
            workers can train them at the same time. The result depends on it, and not on the
            number of workers. `reinforce` proposes its own batch, and trains it in groups of these.
        optimizer: of all these trainings.
    """

    number: int = Field(24, ge=1)
    steps: int = Field(200, ge=1)
    check_fraction: float = Field(0.34, ge=0, lt=1)
    batch: int = Field(1, ge=1)
    optimizer: OptimizerConfig = OptimizerConfig(learning_rate=0.05)


class ReinforceConfig(Checked):
    """Of `reinforce`.

    Attributes:
        batch: architectures that are sampled for each policy update.
        controller: the policy.
    """

    batch: int = Field(4, ge=1)
    controller: LSTMControllerConfig = LSTMControllerConfig()


class EnasConfig(Checked):
    """Of `enas`; `explore` says how weights and policy are trained.

    Attributes:
        finalists: architectures that are sampled at the end; the best with shared weights wins.
        controller: the policy.
    """

    finalists: int = Field(16, ge=1)
    controller: LSTMControllerConfig = LSTMControllerConfig()


class EvolutionConfig(Checked):
    """Of `evolution`.

    Attributes:
        population: the youngest architectures, which are alive.
        tournament: how many of them compete to be the parent of the next.
    """

    population: int = Field(8, ge=2)
    tournament: int = Field(3, ge=1)


class SposConfig(Checked):
    """Of `spos`; `explore.steps` says how long the shared weights are trained.

    Attributes:
        population: architectures of a generation.
        generations: of the evolution, the first of random draws included.
    """

    population: int = Field(16, ge=2)
    generations: int = Field(4, ge=1)


class DnasConfig(Checked):
    """Of the methods that differentiate alone: `darts`, `fbnet`, `pcdarts`, `gdas`, `proxyless`.

    Attributes:
        steps: iterations, a weights step and an architecture step each.
        warmup_fraction: of the iterations, those at first without architecture steps: `pcdarts`,
            `gdas` and `proxyless`.
        partial_channels: `pcdarts` searches on one channel in this many.
        second_order: whether `darts` takes the virtual step of its paper (equation 7).
    """

    steps: int = Field(400, ge=1)
    warmup_fraction: float = Field(0.3, ge=0, lt=1)
    second_order: bool = False
    partial_channels: int = Field(4, ge=2)
