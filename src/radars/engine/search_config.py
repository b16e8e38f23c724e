"""`SearchConfig`: everything that decides a search. Checked when constructed."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated, Any, TypeVar

from pydantic import (
    AfterValidator,
    BeforeValidator,
    ConfigDict,
    Field,
    PlainSerializer,
    field_validator,
    model_validator,
)

from radars.cost import Constraint, SoftTarget
from radars.data import DataConfig
from radars.engine.baselines.baseline_config import BaselineConfig, BaselineSettings
from radars.engine.method_config import (
    Checked,
    ChildrenConfig,
    DifferentiateConfig,
    DnasConfig,
    ExploreConfig,
    MethodName,
    SelectConfig,
)
from radars.engine.recipe import recipe
from radars.errors import ConfigError
from radars.execution.device import DeviceName
from radars.execution.executor import ExecutorConfig
from radars.nn.optimizer import OptimizerConfig
from radars.nn.steps import Precision
from radars.registries import COSTS, METHODS
from radars.settings import unknown_key, validate_settings
from radars.tracking.loggers import LoggerName
from radars.units import parse_bytes

Bytes = Annotated[int, BeforeValidator(parse_bytes)]
Hard = Annotated[
    Constraint,
    BeforeValidator(lambda value: Constraint.parse(value) if isinstance(value, str) else value),
    PlainSerializer(str),
]


class MemorySavingsConfig(Checked):
    """What may be traded for memory, each on its own switch.

    Attributes:
        recompute: allow candidates to run again in the backward pass, which takes time and saves
            memory.
        selective: allow the backward pass to recompute cheap outputs; results change by rounding
            only.
        split_channels: allow recomputed inverted residual blocks to run in parts of their channels,
            which takes one more run; results change by rounding only.
        max_micro_batches: the largest number of parts that a training batch may be split into.
            BatchNorm sees the parts, and results change; 1 switches this off.
        host_bytes: the most host memory for weights that are not live. The others are on disk, in
            the run directory. None for half of the memory of the process.
    """

    recompute: bool = True
    selective: bool = True
    split_channels: bool = True
    max_micro_batches: int = Field(1, ge=1)
    host_bytes: Bytes | None = None


class CostsConfig(Checked):
    """How `memory` and `latency_ms` are priced.

    Attributes:
        batch_size: examples in a forward pass, for memory and latency.
        threads: threads of a forward pass while its latency is measured.
        latency_table: a CSV or JSON file with the latency of each candidate, on any device; None to
            measure on this machine.
        seconds: the least time for measuring each candidate.
        margin: how far below its bound the measured latency of the returned network must be, as a
            fraction, because measurements vary.
    """

    batch_size: int = Field(1, ge=1, le=10**9)
    threads: int = Field(1, ge=1, le=1024)
    latency_table: str | None = None
    seconds: float = Field(0.1, gt=0, le=60)
    margin: float = Field(0.05, ge=0, lt=1)


CHANGEABLE = ("max_minutes", "max_skipped_steps", "checkpoint_seconds", "loggers", "executor")
"""Settings that may be others when a search goes on; what it finds does not depend on them."""


def _checked_objective(name: str) -> str:
    if name != "accuracy" and name not in COSTS:
        raise ConfigError(
            f"an objective is accuracy or a cost ({', '.join(COSTS.names())}), but got {name!r}; "
            f"give one of these"
        )
    return name


Objective = Annotated[str, AfterValidator(_checked_objective)]

Settings = TypeVar("Settings", bound=Checked)


class SearchConfig(Checked):
    """A whole search.

    Attributes:
        space: a name of the zoo, or `file.py:function`.
        space_options: keyword arguments of the space's function.
        proxy_options: options that differ during the search, such as a smaller width. Constraints
            and results are about the space without them.
        data: where the examples come from.
        method: the search method.
        budget: bytes that no training step exceeds.
        hard_cap: make CUDA's allocator refuse any memory beyond the budget; plans then count
            reserved bytes.
        constraints: hard bounds on the architecture, such as `macs<=40M`.
        objectives: soft targets, such as `{cost: macs, target: 40e6, exponent: -0.07}`.
        pareto: `accuracy` and costs whose front is written to `pareto.json`; empty for no front.
        costs: how memory and latency are priced.
        seed: the seed of all random draws.
        device: `auto`, `cpu`, `cuda` or `cuda:N`. `auto` takes the GPU if there is one and the
            budget has room for what its libraries hold.
        compute_capability: compute capability of the GPU to plan for, such as `8.6`, if this
            machine has no GPU. None plans for GPUs whose libraries hold the most.
        num_threads: processor threads of every step; None for PyTorch's default here. Results
            depend on it in the last bits.
        precision: `32-true` or `bf16-mixed`.
        memory_savings: what may be traded for memory.
        num_rounds: rounds of explore and differentiate.
        optimizer: trains the shared weights.
        share_overlap: whether the candidates of a choice share the common part of their tensors.
            Similar candidates are then trained more often.
        explore: settings of the RL half of a round.
        differentiate: settings of the DNAS half of a round.
        select: how the best architecture is chosen in the end.
        children: settings of the methods that train each architecture from scratch.
        dnas: settings of the methods that only differentiate.
        baseline: networks that are trained for comparison after the search; a list of names, or a
            group.
        max_skipped_steps: steps with a loss or gradient that is not finite are skipped; more of
            them than this end the search.
        num_processes: processes of this machine that train each step together. Each takes a part
            of the batch, and BatchNorm sees the parts. With `cuda`, each has a GPU.
        executor: where parallel work runs, such as children. Results do not depend on it.
        max_minutes: a limit in wall-clock time; each phase gets a share of it instead of a number
            of steps. None for no limit.
        checkpoint_seconds: the time between checkpoints.
        loggers: where curves are written: `tensorboard`, `mlflow`, `wandb`. None for
            `tensorboard`, if it is installed.
    """

    space: str = "digits"
    space_options: dict[str, Any] = Field({})
    proxy_options: dict[str, Any] = Field({})
    data: DataConfig = DataConfig()
    method: MethodName = "radars"
    budget: Bytes = 16 * 2**20
    hard_cap: bool = False
    constraints: tuple[Hard, ...] = ()
    objectives: tuple[SoftTarget, ...] = ()
    pareto: tuple[Objective, ...] = ()
    costs: CostsConfig = CostsConfig()
    seed: int = Field(0, ge=0, lt=2**31)
    device: DeviceName = "auto"
    compute_capability: float | None = Field(None, gt=0)
    num_threads: int | None = Field(None, ge=1, le=1024)
    precision: Precision = "32-true"
    memory_savings: MemorySavingsConfig = MemorySavingsConfig()
    num_rounds: int = Field(2, ge=1)
    optimizer: OptimizerConfig = OptimizerConfig()
    share_overlap: bool = False
    explore: ExploreConfig = ExploreConfig()
    differentiate: DifferentiateConfig = DifferentiateConfig()
    select: SelectConfig = SelectConfig()
    children: ChildrenConfig = ChildrenConfig()
    dnas: DnasConfig = DnasConfig()
    baseline: BaselineSettings = BaselineConfig()
    max_skipped_steps: int = Field(5, ge=0)
    num_processes: int = Field(1, ge=1, le=1024)
    executor: ExecutorConfig = ExecutorConfig()
    max_minutes: float | None = Field(None, gt=0)
    checkpoint_seconds: float = Field(default=60.0, ge=0, allow_inf_nan=True)
    loggers: tuple[LoggerName, ...] | None = None

    model_config = ConfigDict(extra="allow")  # the settings of each method, by its name

    if TYPE_CHECKING:  # text such as 2GiB is bytes, and mappings are groups: checked when made

        def __init__(self, **settings: Any) -> None: ...

    @model_validator(mode="before")
    @classmethod
    def _complete(cls, settings: Any) -> Any:
        """The recipe under what is given, and the settings of methods checked by their classes."""
        if not isinstance(settings, Mapping):
            return settings
        given = _over(recipe(settings), settings)
        for name in given.keys() - cls.model_fields.keys():
            given[name] = _method_settings(cls, name, given[name])
        method = given.get("method", cls.model_fields["method"].default)
        kind = METHODS.get(method).settings_class if method in METHODS else None
        if kind is not None:
            given.setdefault(method, kind())
        return given

    def settings_of(self, kind: type[Settings]) -> Settings:
        """The settings of a method, by their class."""
        known = (self.model_extra or {}).values()
        return next((settings for settings in known if isinstance(settings, kind)), None) or kind()

    def kept_changes(self, asked: "SearchConfig") -> dict[str, tuple[Any, Any]]:
        """Settings that a search keeps where it goes on, but that are asked to be others.

        Returns:
            Setting to what it is and what is asked for, as plain values.
        """
        before, after = self.model_dump(mode="json"), asked.model_dump(mode="json")
        others = METHODS.names()  # settings of methods that are not the one that searches
        return {
            key: (before.get(key), after.get(key))
            for key in before | after
            if before.get(key) != after.get(key)
            and key not in CHANGEABLE
            and (key not in others or key in (self.method, asked.method))
        }

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
        is_measured = "latency_ms" in self.asked_costs and self.costs.latency_table is None
        if self.num_processes > 1 and is_measured:
            raise ValueError(
                "several processes have one latency of each candidate, but each would measure its "
                "own; name a table in costs.latency_table, or set num_processes to 1"
            )
        if self.num_processes > 1 and self.executor != ExecutorConfig():
            raise ValueError("a search has several processes or an executor; leave one of them out")
        return self

    @property
    def part_size(self) -> int:
        """How many examples of a batch a process has."""
        return self.data.batch_size // self.num_processes


def _over(under: Mapping[str, Any], given: Mapping[str, Any]) -> dict[str, Any]:
    """What is given, and where it says nothing, what is under it."""
    merged = dict(under) | dict(given)
    for key in under.keys() & given.keys():
        if isinstance(under[key], Mapping) and isinstance(given[key], Mapping):
            merged[key] = _over(under[key], given[key])
    return merged


def _method_settings(model: type[SearchConfig], name: str, value: object) -> Checked:
    """Checks the settings of a method.

    Raises:
        ConfigError: there is no such method, it has none, or they are wrong.
    """
    kind: type[Checked] | None = METHODS.get(name).settings_class if name in METHODS else None
    if kind is None:
        with_settings = [n for n, known in METHODS.items() if known.settings_class is not None]
        raise ConfigError(unknown_key([name], [*model.model_fields, *with_settings]))
    if not isinstance(value, Mapping | kind):
        raise ConfigError(f"{name} must be a group of settings, but got {value!r}; correct it")
    try:
        checked: Checked = validate_settings(kind, dict(value))
    except ConfigError as error:
        no_key = "there is no key '"
        text = str(error)
        is_unknown = text.startswith(no_key)
        text = text.replace(no_key, f"{no_key}{name}.", 1) if is_unknown else f"{name}.{text}"
        raise ConfigError(text) from error
    return checked
