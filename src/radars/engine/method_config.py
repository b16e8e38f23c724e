"""The settings of the parts that methods are made of; those of one method are in its file."""

from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, field_validator

from radars.nn.optimizer import OptimizerConfig
from radars.nn.relaxation import GumbelSoftmax, Relaxation, Softmax
from radars.registries import METHODS, RANKERS


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
        rankers: the rankers of untrained networks, and the weight of each; accuracy weighs 1, in
            the second halving round 2, and so on. All in standard deviations among uniform draws.
        halving_steps: training steps of each halving round; after each, the best `keep` go on.
        keep: the fraction that goes on to the next halving round.
        optimizer: of all these trainings.
    """

    draws: int = Field(64, ge=1)
    draw_batches: int = Field(4, ge=1)
    finalists: int = Field(6, ge=1)
    regions_draws: int = Field(2, ge=0)
    finalist_draws: int = Field(0, ge=0)
    rankers: dict[RankerName, Annotated[float, Field(ge=0)]] = {
        "regions": 1.0,
        "size": 0.0,
        "expressivity": 0.0,
    }
    halving_steps: tuple[Annotated[int, Field(ge=1)], ...] = Field((50, 150), min_length=1)
    keep: float = Field(0.4, gt=0, lt=1)
    optimizer: OptimizerConfig = OptimizerConfig(learning_rate=0.05)

    @field_validator("rankers", mode="before")
    @classmethod
    def _beside_the_usual(cls, rankers: Any) -> Any:
        """What is given, beside the usual ones: a weight of 0 leaves one out."""
        usual = cls.model_fields["rankers"].default
        return {**usual, **rankers} if isinstance(rankers, Mapping) else rankers


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
