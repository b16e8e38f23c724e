"""The settings of the parts that methods are made of; those of one method are in its file."""

from typing import Annotated, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from radars.nn.optimizer import OptimizerConfig
from radars.nn.relaxation import GumbelSoftmax, Relaxation, Softmax
from radars.registries import METHODS, RANKERS
from radars.space import Subspace

_EXPLORE_STEPS = 30  # for each candidate
_DIFFERENTIATE_STEPS = 5


MethodName = Annotated[str, AfterValidator(METHODS.checked)]
"""A registered method."""

RankerName = Annotated[str, AfterValidator(RANKERS.checked)]
"""A registered ranker."""


class Checked(BaseModel):
    """Settings that are checked when they are made, and do not change."""

    model_config = ConfigDict(
        extra="forbid", frozen=True, arbitrary_types_allowed=True, allow_inf_nan=False
    )


class ControllerConfig(Checked):
    """The RL policy of `radars`.

    Attributes:
        temperature: the divisor of effects that gives logits, in standard errors.
        update_every: rewards between policy updates.
    """

    temperature: float = Field(1.0, gt=0)
    update_every: int = Field(8, ge=1)


class ExploreConfig(Checked):
    """The RL half of a round: shared weights on single paths, rewards, policy.

    Attributes:
        steps: training steps in each round, including those for rewards; also the steps of the
            methods that only train shared weights. None for 30 for each candidate of the space.
        training_fraction: the fraction of the phase that trains shared weights; the rest is for
            rewards.
        uniform_fraction: after the first round, the fraction of this training that takes each
            candidate equally often; in every round, the fraction of rewarded architectures that
            are drawn uniformly. The rest follows the policy.
        tuning_steps: training steps on a path alone before it is rewarded.
        reward_batches: validation batches for each reward.
        rankers: rankers of untrained networks that inform the policy. Rewards decide the weight of
            each.
        ranker_draws: architectures that each ranker scores.
        controller: the policy.
        share: with a time limit, the fraction of it that `radars` explores for, over all rounds.
    """

    steps: int | None = Field(None, ge=1)
    training_fraction: float = Field(0.5, gt=0, lt=1)
    uniform_fraction: float = Field(0.5, ge=0, le=1)
    tuning_steps: int = Field(4, ge=0)
    reward_batches: int = Field(8, ge=1)
    rankers: tuple[RankerName, ...] = ("regions", "expressivity", "size")
    ranker_draws: int = Field(32, ge=2)
    controller: ControllerConfig = ControllerConfig()
    share: float = Field(0.3, ge=0, lt=0.5)

    def num_steps(self, full: Subspace) -> int:
        """The training steps of a round in a space."""
        return self.steps or _EXPLORE_STEPS * full.num_candidates

    @property
    def steps_per_reward(self) -> int:
        """The training steps that a reward counts for."""
        return max(1, self.tuning_steps)

    def scored_batches(self, full: Subspace) -> int:
        """The validation batches that a round's rewards score paths on, about."""
        rewards = (1 - self.training_fraction) * self.num_steps(full) / self.steps_per_reward
        return round(self.reward_batches * rewards)


class PolicyUpdatesConfig(Checked):
    """Rewards with shared weights, in turns with their training, as in `enas`.

    Attributes:
        warmup_fraction: the fraction of training steps at the start that draw uniformly, without
            policy updates.
        uniform_fraction: the fraction of later training that still draws uniformly. The rest
            follows the policy. This concentrates training if there are many candidates, but may
            lock onto the first success if there are few.
        update_every: training steps between policy updates.
        samples: architectures that are rewarded for each policy update.
        reward_batches: validation batches for each reward.
    """

    warmup_fraction: float = Field(0.4, ge=0, le=1)
    uniform_fraction: float = Field(0.5, ge=0, le=1)
    update_every: int = Field(8, ge=1)
    samples: int = Field(8, ge=2)
    reward_batches: int = Field(1, ge=1)


class DifferentiateConfig(Checked):
    """The DNAS half of a round: the supernet of the subspace.

    Attributes:
        steps: iterations in each round, with a weights step and an architecture step each; 0 skips
            differentiation. None for 5 for each candidate of the space.
        relaxation: `softmax` or `gumbel`.
        temperature: the temperature of the relaxation at the start.
        final_temperature: the temperature at the end; it changes geometrically.
        beta_decay: the final weight of the regulariser against collapse; it grows linearly from 0.
        architecture_optimizer: trains the logits.
        max_cost_ratio: the most multiply-accumulates of a supernet step, as a multiple of those of
            the largest architecture; candidates are pruned to keep it. None for no limit.
        proposals: how many of the best architectures by logits are rewarded, so that the policy
            learns their worth. With a time limit, this takes at most half of the phase.
        share: with a time limit, the fraction of it that `radars` differentiates for, over all
            rounds. The time that both phases leave is for selecting.
    """

    steps: int | None = Field(None, ge=0)
    relaxation: Literal["softmax", "gumbel"] = "softmax"
    temperature: float = Field(1.0, gt=0)
    final_temperature: float = Field(1.0, gt=0)
    beta_decay: float = Field(0.01, ge=0)
    architecture_optimizer: OptimizerConfig = OptimizerConfig(
        name="adamw", learning_rate=0.01, betas=(0.5, 0.999), weight_decay=0.0
    )
    max_cost_ratio: float | None = Field(2.0, gt=0)
    proposals: int = Field(4, ge=0)
    share: float = Field(0.1, ge=0, lt=0.5)

    def num_steps(self, full: Subspace) -> int:
        """The iterations of a round in a space."""
        return _DIFFERENTIATE_STEPS * full.num_candidates if self.steps is None else self.steps

    def relaxation_at(self, fraction: float) -> Relaxation:
        """The relaxation after a fraction of the steps."""
        ratio = self.final_temperature / self.temperature
        temperature = self.temperature * ratio**fraction
        if self.relaxation == "gumbel":
            return GumbelSoftmax(temperature)
        return Softmax(temperature)


class SelectConfig(Checked):
    """The end of a search: the most promising architectures are trained alone, the worst dropped.

    They are fine-tuned from the shared weights, by successive halving (Jamieson and Talwalkar
    2016), each halving round from the first step on.

    Attributes:
        finalists: how many architectures are trained alone. With a time limit, the time decides.
        batch: how many finalists are proposed at a time; the policy learns from their accuracies
            before it proposes the next.
        halving_steps: training steps of each halving round; after each, the best `keep` continue.
            With a time limit, the time decides, in these proportions.
        max_steps: the most training steps of a halving round, with any time limit. Set it to the
            steps of your final training. None for no limit.
        keep: the fraction that continues in the next halving round.
        optimizer: trains finalists, and architectures before a reward.
    """

    finalists: int = Field(12, ge=1)
    batch: int = Field(4, ge=1)
    halving_steps: tuple[Annotated[int, Field(ge=1)], ...] = Field((40, 120), min_length=1)
    max_steps: int | None = Field(None, ge=1)
    keep: float = Field(0.34, gt=0, lt=1)
    optimizer: OptimizerConfig = OptimizerConfig(learning_rate=0.05)


class ChildrenConfig(Checked):
    """Settings of the methods that train each architecture from scratch.

    Attributes:
        number: how many architectures are proposed; one that builds the same network as an earlier
            one is not trained again.
        steps: training steps of each architecture.
        check_fraction: after this fraction of its steps, an architecture that is worse than the
            median of earlier ones is stopped; 0 stops none.
        batch: how many architectures are proposed before any of their results are known, so that
            workers can train them in parallel. It changes the result; the number of workers does
            not. `reinforce` proposes its own batch, and trains it in groups of this size.
        optimizer: trains each architecture.
    """

    number: int = Field(24, ge=1)
    steps: int = Field(200, ge=1)
    check_fraction: float = Field(0.34, ge=0, lt=1)
    batch: int = Field(1, ge=1)
    optimizer: OptimizerConfig = OptimizerConfig(learning_rate=0.05)


class DnasConfig(Checked):
    """Settings of the methods that only differentiate, such as `darts`, `fbnet` and `gdas`.

    Attributes:
        steps: iterations, a weights step and an architecture step each.
        warmup_fraction: the fraction of iterations at the start without an architecture step; for
            `pcdarts`, `gdas` and `proxyless`.
        partial_channels: `pcdarts` searches one channel out of this many.
        second_order: whether `darts` takes the virtual step of its paper (equation 7).
    """

    steps: int = Field(400, ge=1)
    warmup_fraction: float = Field(0.3, ge=0, lt=1)
    second_order: bool = False
    partial_channels: int = Field(4, ge=2)
