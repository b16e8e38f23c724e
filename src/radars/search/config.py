"""`SearchConfig`: everything that decides a search. Checked when constructed."""

from typing import Annotated, Any, Literal

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    PlainSerializer,
    field_validator,
    model_validator,
)

from radars.cost import Constraint, SoftTarget
from radars.data import DataConfig
from radars.errors import ConfigError
from radars.nn.optimizer import OptimizerConfig
from radars.nn.relaxation import GumbelSoftmax, Relaxation, Softmax
from radars.nn.steps import Precision
from radars.run import LoggerName
from radars.run.executor import ExecutorConfig
from radars.units import parse_bytes

Bytes = Annotated[int, BeforeValidator(parse_bytes)]
Hard = Annotated[
    Constraint,
    BeforeValidator(lambda value: Constraint.parse(value) if isinstance(value, str) else value),
    PlainSerializer(str),
]


class _Config(BaseModel):
    model_config = ConfigDict(
        extra="forbid", frozen=True, arbitrary_types_allowed=True, allow_inf_nan=False
    )


class ControllerConfig(_Config):
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


class LSTMControllerConfig(_Config):
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


class ExploreConfig(_Config):
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


class DifferentiateConfig(_Config):
    """The DNAS half of a round: the supernet of the subspace.

    Attributes:
        steps: iterations (a weights step and an architecture step each), a round.
        relaxation: `softmax` or `gumbel`.
        temperature: of the relaxation, at the beginning.
        final_temperature: at the end; geometric in between.
        beta_decay: weight, at the end, of the regulariser against collapse; linear from 0.
        architecture_optimizer: of the logits.
        max_cost_ratio: the most multiply-accumulates of a supernet step, in those of the dearest
            path; candidates are pruned to keep it.
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


class LeversConfig(_Config):
    """What may be traded for memory, each on its own switch.

    Attributes:
        recompute: candidates may be run again in the backward pass: time for memory, and nothing
            else changes.
        max_micro_batches: the most parts that a training batch may be split into. More than one
            changes results, as BatchNorm sees the parts, so it is off unless asked for.
        host_bytes: the most that weights which are not live hold in the host's memory; the others
            are on disk, in the run directory. None for half of the machine's memory.
    """

    recompute: bool = True
    max_micro_batches: int = Field(1, ge=1)
    host_bytes: Bytes | None = None


class SelectConfig(_Config):
    """The end of a search: the few best architectures are trained alone, and the worst dropped.

    Uniform draws are scored with shared weights, by how well fresh weights tell examples apart
    (after Mellor et al. 2021) and by size, and main effects of the candidates are fitted to it.
    The architectures that these promise most are fine-tuned from the shared weights, by
    successive halving (Jamieson and Talwalkar 2016), each rung from the first step on. In each
    rung accuracy counts, how well fresh weights tell examples apart, and size.

    Attributes:
        draws: architectures that are drawn uniformly and scored with shared weights.
        draw_batches: validation batches that each of them is scored on.
        candidates: how many architectures are trained alone.
        regions_draws: draws of fresh weights, each of which has a training batch to tell apart.
        regions_weight: of that, where accuracy has 1; standard scores among those compared.
        size_weight: likewise, of the logarithm of multiply-accumulates.
        rungs: training steps of each rung; after each, the best `keep` go on.
        keep: the fraction that goes on to the next rung.
        optimizer: of all these trainings.
    """

    draws: int = Field(64, ge=1)
    draw_batches: int = Field(4, ge=1)
    candidates: int = Field(6, ge=1)
    regions_draws: int = Field(2, ge=0)
    regions_weight: float = Field(1.0, ge=0)
    size_weight: float = Field(0.0, ge=0)
    rungs: tuple[Annotated[int, Field(ge=1)], ...] = Field((50, 150), min_length=1)
    keep: float = Field(0.4, gt=0, lt=1)
    optimizer: OptimizerConfig = OptimizerConfig(learning_rate=0.05)


class ChildrenConfig(_Config):
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


class ReinforceConfig(_Config):
    """Of `reinforce`.

    Attributes:
        batch: architectures that are sampled for each policy update.
        controller: the policy.
    """

    batch: int = Field(4, ge=1)
    controller: LSTMControllerConfig = LSTMControllerConfig()


class EnasConfig(_Config):
    """Of `enas`; `explore` says how weights and policy are trained.

    Attributes:
        finalists: architectures that are sampled at the end; the best with shared weights wins.
        controller: the policy.
    """

    finalists: int = Field(16, ge=1)
    controller: LSTMControllerConfig = LSTMControllerConfig()


class EvolutionConfig(_Config):
    """Of `evolution`.

    Attributes:
        population: the youngest architectures, which are alive.
        tournament: how many of them compete to be the parent of the next.
    """

    population: int = Field(8, ge=2)
    tournament: int = Field(3, ge=1)


class SposConfig(_Config):
    """Of `spos`; `explore.steps` says how long the shared weights are trained.

    Attributes:
        population: architectures of a generation.
        generations: of the evolution, the first of random draws included.
    """

    population: int = Field(16, ge=2)
    generations: int = Field(4, ge=1)


class DnasConfig(_Config):
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


class CostsConfig(_Config):
    """How costs are priced that are not simply counted: `memory` and `latency_ms`.

    Attributes:
        batch_size: examples in a forward pass, for both.
        threads: that a forward pass may use while it is measured.
        latency_table: a CSV or JSON file with the latency of each candidate, on any device; None to
            measure on this machine.
        seconds: how long each candidate is measured, at least.
        margin: how far below its bound the latency of what is returned has to be when it is
            measured, as a fraction: measured again, it is a little more or less.
    """

    batch_size: int = Field(1, ge=1)
    threads: int = Field(1, ge=1)
    latency_table: str | None = None
    seconds: float = Field(0.1, gt=0, le=60)
    margin: float = Field(0.05, ge=0, lt=1)


Objective = Literal["accuracy", "macs", "parameters", "memory", "latency_ms"]

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


class SearchConfig(_Config):
    """A whole search.

    Attributes:
        space: a name of the zoo, or `file.py:function`.
        space_options: keyword arguments of the space's function.
        proxy_options: those that differ while searching, such as a smaller width; constraints and
            results are about the space without them.
        data: where the examples come from.
        method: what searches.
        budget: bytes that no training step exceeds.
        hard_cap: on CUDA, let the allocator refuse what is beyond the budget, whoever asks.
        constraints: hard bounds on the architecture, such as `macs<=40e6`.
        objectives: soft targets, such as `{cost: macs, target: 40e6, exponent: -0.07}`.
        pareto: `accuracy` and costs whose front is written to `pareto.json`; none for no front.
        costs: how costs are priced that are not simply counted.
        seed: of everything random.
        device: `auto`, `cpu`, `cuda` or `cuda:N`.
        num_threads: of the processor, for every step; None for as many as PyTorch takes here.
            Results depend on it in the last bits.
        precision: `32-true` or `bf16-mixed`.
        levers: what may be traded for memory.
        num_rounds: rounds of explore and differentiate.
        optimizer: of the shared weights.
        explore: the RL half.
        differentiate: the DNAS half.
        select: how the returned architecture is taken among the best.
        children: of methods that train each architecture from scratch.
        reinforce: of the method `reinforce`.
        enas: of the method `enas`.
        evolution: of the method `evolution`.
        spos: of the method `spos`.
        dnas: of the methods that differentiate alone.
        max_skipped_steps: a step whose loss or gradient is not finite is skipped; more of them
            than this end the search.
        num_processes: of this machine, that train each step together, a part of the batch each;
            BatchNorm sees the parts. With `cuda`, each has a GPU.
        executor: where runs what can be run elsewhere, such as children; results do not depend on
            it.
        max_minutes: wall-clock limit; None for none.
        checkpoint_seconds: the time between checkpoints.
        loggers: that draw curves while it runs: `tensorboard`, `mlflow`, `wandb`.
    """

    space: str = "digits"
    space_options: dict[str, Any] = {}
    proxy_options: dict[str, Any] = {}
    data: DataConfig = DataConfig()
    method: MethodName = "radars"
    budget: Bytes = 16 * 2**20
    hard_cap: bool = False
    constraints: tuple[Hard, ...] = ()
    objectives: tuple[SoftTarget, ...] = ()
    pareto: tuple[Objective, ...] = ()
    costs: CostsConfig = CostsConfig()
    seed: int = Field(0, ge=0, lt=2**31)
    device: str = Field("auto", pattern=r"^(auto|cpu|cuda(:\d+)?)$")
    num_threads: int | None = Field(None, ge=1)
    precision: Precision = "32-true"
    levers: LeversConfig = LeversConfig()
    num_rounds: int = Field(2, ge=1)
    optimizer: OptimizerConfig = OptimizerConfig()
    explore: ExploreConfig = ExploreConfig()
    differentiate: DifferentiateConfig = DifferentiateConfig()
    select: SelectConfig = SelectConfig()
    children: ChildrenConfig = ChildrenConfig()
    reinforce: ReinforceConfig = ReinforceConfig()
    enas: EnasConfig = EnasConfig()
    evolution: EvolutionConfig = EvolutionConfig()
    spos: SposConfig = SposConfig()
    dnas: DnasConfig = DnasConfig()
    max_skipped_steps: int = Field(5, ge=0)
    num_processes: int = Field(1, ge=1)
    executor: ExecutorConfig = ExecutorConfig()
    max_minutes: float | None = Field(None, gt=0)
    checkpoint_seconds: float = Field(default=60.0, ge=0, allow_inf_nan=True)
    loggers: tuple[LoggerName, ...] = ("tensorboard",)

    @field_validator("pareto")
    @classmethod
    def _check_pareto(cls, names: tuple[Objective, ...]) -> tuple[Objective, ...]:
        if names and (len(names) < 2 or len(set(names)) < len(names) or "accuracy" not in names):
            raise ConfigError(
                f"a front is of accuracy and one or more costs, each once, but got "
                f"{','.join(names)}; write it like accuracy,macs"
            )
        return names

    @property
    def asked_costs(self) -> set[str]:
        """The costs that constraints, soft targets or the front are about."""
        return (
            {constraint.metric for constraint in self.constraints}
            | {target.cost for target in self.objectives}
            | {name for name in self.pareto if name != "accuracy"}
        )

    @model_validator(mode="after")
    def _check_processes(self) -> "SearchConfig":
        if self.data.batch_size % self.num_processes:
            raise ValueError(
                f"each process has an equal part of the batch, but batch_size "
                f"{self.data.batch_size} does not divide by num_processes {self.num_processes}"
            )
        if self.num_processes > 1 and self.executor != ExecutorConfig():
            raise ValueError("a search has several processes or an executor; leave one of them out")
        return self

    @property
    def part_size(self) -> int:
        """How many examples of a batch a process has."""
        return self.data.batch_size // self.num_processes
