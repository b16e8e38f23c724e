"""`Run` and `Comparison`: what a report is about, read from their directories and checked."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from shlex import quote
from typing import Any, TypeVar

from pydantic import BaseModel, ConfigDict, ValidationError

from radars.comparison.rows import RESULTS_NAME, Row, read_rows
from radars.engine.baselines.baseline_table import BaselineTable
from radars.errors import ConfigError, first_line
from radars.runs.event_schema import Event, SearchStartedEvent, StartedEvent, TimedEvent
from radars.runs.events import load_events
from radars.runs.file_names import ARCHITECTURE_NAME, PARETO_NAME, RESULT_NAME
from radars.runs.read_run import read_config, read_object, read_result
from radars.runs.stored_architecture import CandidateName
from radars.space import name_of


class ParetoPoint(BaseModel):
    """An architecture that was scored; its costs are further fields."""

    model_config = ConfigDict(frozen=True, extra="allow")

    architecture: dict[str, CandidateName]
    accuracy: float
    on_front: bool = True


_NO_COSTS = ("architecture", "accuracy", "num_examples", "is_alone", "on_front")  # of a point


class Pareto(BaseModel):
    """The contents of `pareto.json`."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    objectives: tuple[str, ...] = ()
    points: tuple[ParetoPoint, ...] = ()

    @classmethod
    def of_front(cls, front: Sequence[Mapping[str, Any]]) -> "Pareto":
        """The same without the points that are not on the front.

        Args:
            front: the points on it, as in `SearchResult.front`; one or more.
        """
        costs = [name for name in front[0] if name not in _NO_COSTS]
        return cls.model_validate({"objectives": ["accuracy", *costs], "points": front})

    @property
    def costs(self) -> list[str]:
        """The objectives that should be small."""
        return [name for name in self.objectives if name != "accuracy"]


_FINDS = ("completed", "exceeded_time")  # the statuses of a search that found something

SomeEvent = TypeVar("SomeEvent", bound=Event)


@dataclass(frozen=True)
class RunRecord:
    """A search or a training, whether it is over or not.

    Attributes:
        name: what people call it.
        config: as in `config.yaml`.
        result: as in `result.json`; empty where there is none yet.
        evaluation: as in `evaluation.json`; empty where there is none yet.
        architecture: what was found, or is trained; empty where there is none.
        pareto: as in `pareto.json`; empty where there is none.
        events: every event, in the order in which they happened.
        baselines: those of `result.json`; None where there are none.
    """

    name: str
    config: dict[str, Any]
    result: dict[str, Any]
    evaluation: dict[str, Any]
    architecture: dict[str, str]
    pareto: Pareto
    events: tuple[Event, ...] = field(repr=False)
    baselines: BaselineTable | None = None

    @property
    def is_training(self) -> bool:
        """Whether it trained one architecture, rather than searched."""
        return "epochs" in self.config

    def all(self, kind: type[SomeEvent]) -> list[SomeEvent]:
        """The events of a kind."""
        return [event for event in self.events if isinstance(event, kind)]

    @property
    def started(self) -> StartedEvent | None:
        """Its first event; None where there is none yet."""
        return next(iter(self.all(StartedEvent)), None)

    @property
    def candidates(self) -> dict[str, tuple[str, ...]]:
        """Every choice to its candidates; empty where the run does not say."""
        started = self.started
        return started.candidates if isinstance(started, SearchStartedEvent) else {}

    def seconds(self, event: Event) -> float:
        """When an event was, in seconds of the run: its own word, or that of the one before it."""
        latest = 0.0
        for known in self.events:
            if isinstance(known, TimedEvent) and known.seconds is not None:
                latest = known.seconds
            if known is event:
                break
        return latest

    @property
    def total_seconds(self) -> float:
        """The latest time that an event says, in seconds of the run."""
        return max((event.seconds or 0.0 for event in self.all(TimedEvent)), default=0.0)


@dataclass(frozen=True)
class ComparisonRecord:
    """What `radars compare` left.

    Attributes:
        name: what people call it.
        rows: one for each cell that is done; there are some.
        searches: the events of the searches that are still there, each with its row.
    """

    name: str
    rows: tuple[Row, ...]
    searches: tuple[tuple[Row, RunRecord], ...] = field(default=(), repr=False)


def read_directory(path: Path) -> RunRecord | ComparisonRecord:
    """Reads the directory of a run or of a comparison.

    Raises:
        ConfigError: it is neither, or a file of it is not what it should be.
        RunError: its events are damaged.
    """
    name = path.resolve().name
    if (path / RESULTS_NAME).is_file():
        rows = tuple(read_rows(path / RESULTS_NAME))
        if not rows:
            raise ConfigError(
                f"a comparison has a row for each search that is done, but {path / RESULTS_NAME} "
                f"has none; continue with radars compare --out {quote(str(path))}"
            )
        searches = ((row, path / row.cell.key / "search") for row in rows)
        known = ((row, read_directory(folder)) for row, folder in searches if folder.is_dir())
        return ComparisonRecord(
            name, rows, tuple((row, run) for row, run in known if isinstance(run, RunRecord))
        )
    config = read_config(path)
    if config is None:
        raise ConfigError(
            f"a report is about a run or a comparison, but {path} has neither config.yaml nor "
            f"{RESULTS_NAME}; give the --out of a search, a training or a comparison"
        )
    result = read_result(path) or {}
    architecture = _json(path / ARCHITECTURE_NAME, {})
    if not architecture and result.get("status") in _FINDS:
        architecture = result.get("architecture") or {}
    return RunRecord(
        name=name,
        config=config,
        result=result,
        evaluation=_json(path / "evaluation.json", {}),
        architecture={str(choice): name_of(taken) for choice, taken in architecture.items()},
        pareto=_pareto(path / PARETO_NAME),
        events=tuple(load_events(path / "events.jsonl")),
        baselines=_baselines(path / RESULT_NAME, result),
    )


def named_apart(paths: Sequence[Path]) -> list[str]:
    """Names that differ: the directory's, with its parents' where two are alike."""
    depth = 1
    parts = [path.parts for path in paths]
    deepest = max(map(len, parts))
    while len({p[-depth:] for p in parts}) < len(parts) and depth < deepest:
        depth += 1
    return ["/".join(p[-depth:]) for p in parts]


def _pareto(file: Path) -> Pareto:
    try:
        return Pareto.model_validate(_json(file, {}))
    except ValidationError as error:
        raise ConfigError(
            f"{file} is as radars writes it, but here it is not: {first_line(error)}; remove it"
        ) from error


def _baselines(file: Path, result: Mapping[str, Any]) -> BaselineTable | None:
    known = result.get("baselines")
    try:
        return None if known is None else BaselineTable.from_dict(known)
    except (ValidationError, TypeError, AttributeError) as error:
        raise ConfigError(
            f"the baselines in {file} are as radars writes them, but here they are not: "
            f"{first_line(error)}; restore the file"
        ) from error


def _json(file: Path, default: Any) -> Any:
    value = read_object(file)
    return default if value is None else value
