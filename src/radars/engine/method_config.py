"""The settings of the parts that methods are made of; those of one method are in its file."""

from typing import Annotated, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from radars.nn.optimizer import OptimizerConfig
from radars.nn.relaxation import GumbelSoftmax, Relaxation, Softmax
from radars.registries import METHODS, RANKERS
from radars.space import Subspace

_EXPLORE_STEPS = 30  # for each candidate
_DIFFERENTIATE_STEPS = 5


def _known_method(name: str) -> str:
    if name not in METHODS:
        METHODS.get(name)  # says which there are
    return name


MethodName = Annotated[str, AfterValidator(_known_method)]
"""A registered method."""


def _known_ranker(name: str) -> str:
    if name not in RANKERS:
        RANKERS.get(name)  # says which there are
    return name


RankerName = Annotated[str, AfterValidator(_known_ranker)]
"""A registered ranker."""


class Checked(BaseModel):
    """Settings that are checked when they are made, and do not change."""

    model_config = ConfigDict(
        extra="forbid", frozen=True, arbitrary_types_allowed=True, allow_inf_nan=False
    )


class ControllerConfig(Checked):
    """The RL policy of `radars`.

    Attributes:
        temperature: what effects are divided by to make logits of them, in standard errors.
        update_every: rewards between updates.
    """

    temperature: float = Field(1.0, gt=0)
    update_every: int = Field(8, ge=1)


class ExploreConfig(Checked):
    """The RL half of a round: shared weights on single paths, rewards, policy.

    Attributes:
        steps: training steps, a round; those of the rewards are among them. Also those of the
            methods that train shared weights alone. None for 30 for each candidate of the space.
        training_fraction: how much of the phase trains shared weights; the rest is for rewards.
        uniform_fraction: how much of that training, after the first round, takes each candidate
            equally often, as the first round does, and how many of the architectures that are
            rewarded are drawn uniformly. The rest follows the policy.
        tuning_steps: training steps on a path alone before it is rewarded.
        reward_batches: validation batches that each reward is measured on.
        rankers: rankers of untrained networks that the policy hears. Rewards decide what each
            counts.
        ranker_draws: architectures that each of them is asked about.
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


class PolicyUpdatesConfig(Checked):
    """Rewards with shared weights, in turns with their training, as in `enas`.

    Attributes:
        warmup_fraction: the fraction of training steps that, at first, draw uniformly, without
            updates.
        uniform_fraction: how much of the training after it is drawn uniformly all the same. The
            rest follows the policy: weights and policy then feed each other, which concentrates
            training among many candidates, and locks onto the first success among few.
        update_every: training steps between policy updates.
        samples: architectures that are rewarded for each policy update.
        reward_batches: validation batches that each of them is rewarded on.
    """

    warmup_fraction: float = Field(0.4, ge=0, le=1)
    uniform_fraction: float = Field(0.5, ge=0, le=1)
    update_every: int = Field(8, ge=1)
    samples: int = Field(8, ge=2)
    reward_batches: int = Field(1, ge=1)


class DifferentiateConfig(Checked):
    """The DNAS half of a round: the supernet of the subspace.

    Attributes:
        steps: iterations (a weights step and an architecture step each), a round; with 0 nothing
            is differentiated. None for 5 for each candidate of the space.
        relaxation: `softmax` or `gumbel`.
        temperature: that of the relaxation at the beginning.
        final_temperature: that at the end; geometric in between.
        beta_decay: weight, at the end, of the regulariser against collapse; linear from 0.
        architecture_optimizer: trains the logits.
        max_cost_ratio: the most multiply-accumulates of a supernet step, as a multiple of those of
            the largest architecture; candidates are pruned to keep it. None for no limit.
        proposals: architectures that the logits like best and that are rewarded after it, so that
            the policy learns what these are worth. With a time limit, no more than half of the
            phase has time for.
        share: with a time limit, the fraction of it that `radars` differentiates for, over all
            rounds. What the two phases leave selects.
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
        finalists: how many architectures are trained alone. With a time limit there are more or
            fewer, as there is time.
        batch: how many are proposed at a time; the policy learns from their accuracies before it
            proposes the next.
        halving_steps: training steps of each halving round; after each, the best `keep` go on. With
            a time limit they are more or fewer, as there is time.
        max_steps: the most, whatever time there is: what is found will not be trained for longer.
            None for no limit.
        keep: the fraction that goes on to the next halving round.
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
        number: how many are proposed; what builds the same network as an earlier one is not
            trained again.
        steps: training steps of each.
        check_fraction: after this part of its steps what is worse than the median of those before
            it is stopped; 0 stops none.
        batch: how many are proposed at a time, and trained without knowing of each other, so that
            workers can train them at the same time. The result depends on it, and not on the
            number of workers. `reinforce` proposes its own batch, and trains it in groups of these.
        optimizer: trains all of them.
    """

    number: int = Field(24, ge=1)
    steps: int = Field(200, ge=1)
    check_fraction: float = Field(0.34, ge=0, lt=1)
    batch: int = Field(1, ge=1)
    optimizer: OptimizerConfig = OptimizerConfig(learning_rate=0.05)


class DnasConfig(Checked):
    """Of the methods that differentiate alone: `darts`, `fbnet`, `pcdarts`, `gdas`, `proxyless`.

    Attributes:
        steps: iterations, a weights step and an architecture step each.
        warmup_fraction: the fraction of iterations that, at first, have no architecture step; for
            `pcdarts`, `gdas` and `proxyless`.
        partial_channels: `pcdarts` searches on one channel in this many.
        second_order: whether `darts` takes the virtual step of its paper (equation 7).
    """

    steps: int = Field(400, ge=1)
    warmup_fraction: float = Field(0.3, ge=0, lt=1)
    second_order: bool = False
    partial_channels: int = Field(4, ge=2)
