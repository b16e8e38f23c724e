"""`SearchResult`: what a search found and what it cost; the contents of `result.json`."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields
from html import escape
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import BaseModel, Field, ValidationError
from torch import nn

from radars.engine.baselines.baseline_table import BaselineTable
from radars.errors import ConfigError, first_line
from radars.objects import is_object_name
from radars.runs.read_run import read_config, read_front, read_result
from radars.runs.stored_architecture import StoredArchitecture
from radars.space import Architecture, SearchSpace

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_Whole = Annotated[int, Field(ge=0, lt=2**63)]
Status = Literal["completed", "exceeded_memory", "exceeded_time", "failed"]


@dataclass(frozen=True)
class Ranked:
    """One of the best architectures.

    Attributes:
        architecture: itself.
        accuracy: what it reached on the validation part, trained as long as it came in the search;
            a fraction. None where it was not scored.
        macs: its multiply-accumulates, for one example; None where an older run does not say.
        memory_bytes: the peak of a training step on it in this search, predicted on the high side;
            None where no such step fits the budget, or an older run does not say.
        proposed_by: the part of the search that proposed it first: `explore`, `differentiate` or
            `select`; None for methods without parts, and where an older run does not say.
    """

    architecture: Architecture
    accuracy: float | None
    macs: int | None = None
    memory_bytes: int | None = None
    proposed_by: str | None = None


_RANKED = [known.name for known in fields(Ranked)]


@dataclass(frozen=True)
class SearchResult:
    """The end of a search that found something.

    Where a method's steps do not fit the budget, there is an error and no `SearchResult`;
    `result.json` then says `exceeded_memory`, no architecture, and `needed_bytes`.

    Attributes:
        status: `completed`, or why it ended early.
        method: what searched.
        space: the space's name.
        seed: the seed of all random draws.
        architecture: the best one found.
        num_architectures: how many the space holds.
        validation_accuracy: the validation accuracy of the architecture, trained alone for the last
            halving round; a fraction. None where a search ended before anything was scored.
        budget_bytes: what no step may exceed.
        predicted_peak_bytes: the most that was predicted for a step that ran.
        measured_peak_bytes: the most that was measured.
        peak_rss_bytes: the most resident memory of the process.
        search_seconds: wall-clock, over all sittings; without that of baselines.
        macs: multiply-accumulates of the architecture, for one example.
        parameters: the number of parameters of the architecture.
        rounds: rounds that are done.
        costs: the costs of the architecture, for each cost that was asked for and is not counted:
            `sum`, by its candidates, and `whole`, as the whole network was traced or measured in
            the end (None where it cannot be, as with a table of another device's latencies).
        ranking: the best architectures that the search has, the one found first.
        limited: phase to the steps that it had within a time limit, over all rounds, and to those
            that it has without one.
        front: where `pareto` was asked for, the points that no other is better than in every
            respect: objective to its number, and the architecture.
        by_size: whether size alone speaks for the architecture, as nothing was scored before the
            search ended.
        largest_excess_bytes: the most that a step held beyond what was predicted for it, where
            that was more than 2%, or more than the budget; what followed was planned by what it
            held. 0 where no step did.
        baselines: where `baseline` was asked for, what was found and the baselines, trained alike;
            None where there is none yet.
        baselines_left_out: why some baselines were not trained; None where all are.
        directory: the directory of the run; None where nothing was kept.
        searched: the search space, where it is at hand.
        has_objects: whether the space or the data were passed as objects, which commands have not.
    """

    status: Status
    method: str
    space: str
    seed: int
    architecture: Architecture
    num_architectures: int
    validation_accuracy: float | None
    budget_bytes: int
    predicted_peak_bytes: int
    measured_peak_bytes: int
    peak_rss_bytes: int
    search_seconds: float
    macs: int
    parameters: int
    rounds: int
    costs: Mapping[str, Mapping[str, float | None]] = field(default_factory=dict)
    ranking: tuple[Ranked, ...] = ()
    by_size: bool = False
    largest_excess_bytes: int = 0
    limited: Mapping[str, Sequence[int]] = field(default_factory=dict)
    baselines: BaselineTable | None = None
    baselines_left_out: str | None = None
    front: tuple[Mapping[str, Any], ...] = field(default=(), compare=False)
    directory: Path | None = field(default=None, compare=False)
    searched: SearchSpace | None = field(default=None, compare=False, repr=False)
    has_objects: bool = field(default=False, compare=False, repr=False)

    @property
    def accuracy(self) -> float | None:
        """`validation_accuracy`, for short."""
        return self.validation_accuracy

    @property
    def peak_bytes(self) -> int:
        """`measured_peak_bytes`, for short."""
        return self.measured_peak_bytes

    def build(self) -> nn.Module:
        """Builds the network that was found: a plain module with fresh weights.

        Raises:
            ConfigError: the search space is not at hand, as the result was read from a file.
        """
        if self.searched is None:
            raise ConfigError(
                f"a network is built by its search space, but the space {self.space!r} is not at "
                f"hand; call build of the space: space.build(result.architecture)"
            )
        return self.searched.build(self.architecture)

    def summary(self) -> str:
        """What people read at the end of a search."""
        from radars.engine.search_summary import search_summary  # which needs this class

        return search_summary(self, self.directory)

    def plot(self) -> "Figure":
        """Draws the result; a notebook shows the figure, and `figure.savefig` writes it to a file.

        Where `pareto` was asked for, the figure holds the front: accuracy against each cost.
        Otherwise it holds the best accuracy so far beside memory against the budget, both over the
        time of the search.

        Raises:
            ConfigError: matplotlib is not installed (`pip install "radars-nas[figures]"`); the
                search has no front, and no run directory either, where its events would be; or
                nothing was scored.
            RunError: the events are damaged.
        """
        # By name: what is drawn, and how, is in a layer above this one.
        figure: Figure = import_module("radars.reporting.result_figure").result_figure(self)
        return figure

    def _repr_html_(self) -> str:
        """What a notebook shows of it: the summary."""
        return f"<pre>{escape(self.summary())}</pre>"

    @classmethod
    def from_dict(
        cls,
        value: Mapping[str, Any],
        *,
        front: Sequence[Mapping[str, Any]] = (),
        directory: Path | None = None,
        searched: SearchSpace | None = None,
        has_objects: bool = False,
    ) -> "SearchResult":
        """Reads what `to_dict` returned; the rest is not in `result.json`."""
        known = {known.name: value[known.name] for known in fields(cls) if known.name in value}
        ranking = tuple(
            Ranked(
                **{name: r[name] for name in _RANKED if name in r}
                | {"architecture": Architecture(r["architecture"])}
            )
            for r in value.get("ranking", ())
        )
        known |= {"architecture": Architecture(value["architecture"]), "ranking": ranking}
        if value.get("baselines") is not None:
            known["baselines"] = BaselineTable.from_dict(value["baselines"])
        return cls(
            **known,
            front=tuple(front),
            directory=directory,
            searched=searched,
            has_objects=has_objects,
        )

    def to_dict(self) -> dict[str, Any]:
        """The object that `result.json` holds."""
        left_out = ["front", "directory", "searched", "has_objects"]
        # nothing is said of baselines where nobody asked for them
        left_out += [n for n in ("baselines", "baselines_left_out") if getattr(self, n) is None]
        known = {f.name: getattr(self, f.name) for f in fields(self) if f.name not in left_out}
        return (
            {"schema": 1}
            | known
            | {
                "architecture": dict(self.architecture),
                "test_accuracy": None,  # a search does not read the test split
                "ranking": [
                    {name: getattr(ranked, name) for name in _RANKED}
                    | {"architecture": dict(ranked.architecture)}
                    for ranked in self.ranking
                ],
            }
            | ({} if self.baselines is None else {"baselines": self.baselines.to_dict()})
        )


def read_search(out: Path) -> SearchResult | None:
    """What the search in a run directory ended with; None where it has not, or found nothing.

    Args:
        out: the run directory.

    Raises:
        ConfigError: a file there cannot be read.
    """
    result = read_result(out)
    if result is None or result.get("architecture") is None:
        return None
    config, front = read_config(out) or {}, read_front(out) or {}
    try:
        _Stored.model_validate(result)
        named = config.get("space", ""), config.get("data", {}).get("source", "")
        return SearchResult.from_dict(
            result,
            front=[point for point in front.get("points", ()) if point["on_front"]],
            directory=out,
            has_objects=any(map(is_object_name, named)),
        )
    except (LookupError, TypeError, ValueError, AttributeError) as error:
        raise ConfigError(
            f"the results in {out} are not as a search writes them: {_reason(error)}; restore "
            f"them, or search again into another --out"
        ) from error


class _StoredRank(BaseModel):
    architecture: StoredArchitecture
    accuracy: float | None
    macs: _Whole | None = None
    memory_bytes: _Whole | None = None
    proposed_by: str | None = None


class _Stored(BaseModel):
    """What is in `result.json`, at least."""

    status: Status
    method: str
    space: str
    seed: _Whole
    architecture: StoredArchitecture
    num_architectures: int
    validation_accuracy: float | None
    budget_bytes: _Whole
    predicted_peak_bytes: _Whole
    measured_peak_bytes: _Whole
    peak_rss_bytes: _Whole
    search_seconds: float = Field(ge=0)
    macs: _Whole
    parameters: _Whole
    rounds: _Whole
    costs: dict[str, dict[str, float | None]] = {}
    ranking: list[_StoredRank] = []


def _reason(error: Exception) -> str:
    if isinstance(error, ValidationError):
        first = error.errors()[0]
        return f"{'.'.join(map(str, first['loc']))}: {first['msg']}"
    return f"{type(error).__name__}: {first_line(error)}"
