"""`Run` and `Comparison`: what a report is about, read from their directories and checked."""

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

from pydantic import BaseModel, ConfigDict, ValidationError

from radars.comparison.rows import RESULTS_NAME, Row, read_rows
from radars.errors import ConfigError, RunError, first_line
from radars.runs.directory import read_config, read_result
from radars.runs.events import event_files, read_event_file


class Event(BaseModel):
    """A line of `events.jsonl`; what a field is missing or unknown in older or newer runs is fine.

    Attributes:
        time: seconds since the epoch.
        seconds: of the run, over all sittings; None where the event does not say.
    """

    model_config = ConfigDict(frozen=True, extra="ignore")

    time: float = 0.0
    seconds: float | None = None


class Network(BaseModel):
    """See `radars.space.Flow`."""

    sources: dict[str, tuple[str, ...]]
    output: tuple[str, ...]
    num_places: dict[str, int] = {}
    shapes: dict[str, tuple[int, ...]] = {}


class Cost(BaseModel):
    """See `radars.cost`."""

    macs: int = 0
    parameters: int = 0


class Started(Event):
    """The run began."""

    space: str = ""
    candidates: dict[str, tuple[str, ...]] = {}
    network: Network | None = None
    environment: dict[str, str] = {}


class PhaseStarted(Event):
    """A phase began, or goes on after the run was resumed."""

    phase: str = ""
    round: int = 0


class PhaseEnded(Event):
    """A phase is over."""

    phase: str = ""
    round: int = 0


class Progress(Event):
    """A point of the curves."""

    phase: str = ""
    accuracy: float | None = None
    entropy: float | None = None
    predicted_peak_bytes: float | None = None
    measured_peak_bytes: float | None = None
    budget_bytes: float | None = None


class Preferences(Event):
    """The probabilities of candidates, in the order of `Started.candidates`."""

    phase: str = ""
    values: dict[str, tuple[float | None, ...]] = {}


class Planned(Event):
    """What a plan keeps live."""

    round: int = 0
    subspace: dict[str, tuple[str, ...]] = {}
    savings: tuple[str, ...] = ()
    predicted_peak_bytes: float | None = None


class Selection(Event):
    """The finalists of a halving round; without accuracies when it begins."""

    halving_round: int = 0
    finalists: tuple[dict[str, str], ...] = ()
    accuracies: tuple[float | None, ...] = ()
    standings: tuple[float, ...] = ()


class Child(Event):
    """An architecture that was trained from scratch."""

    architecture: dict[str, str] = {}
    accuracy: float | None = None


class Epoch(Event):
    """An epoch of a training is over."""

    epoch: int = 0
    train_loss: float | None = None
    train_accuracy: float | None = None
    validation_accuracy: float | None = None
    learning_rate: float | None = None


class Ended(Event):
    """The search is over; without costs where it found nothing."""

    costs: dict[str, Cost] | None = None


class ParetoPoint(BaseModel):
    """An architecture that was scored; its costs are further fields."""

    model_config = ConfigDict(frozen=True, extra="allow")

    architecture: dict[str, str]
    accuracy: float
    on_front: bool = True


class Pareto(BaseModel):
    """The contents of `pareto.json`."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    objectives: tuple[str, ...] = ()
    points: tuple[ParetoPoint, ...] = ()

    @property
    def costs(self) -> list[str]:
        """The objectives that should be small."""
        return [name for name in self.objectives if name != "accuracy"]


_KINDS: dict[str, type[Event]] = {
    "search_started": Started,
    "train_started": Started,
    "phase_started": PhaseStarted,
    "phase_ended": PhaseEnded,
    "progress": Progress,
    "preferences": Preferences,
    "planned": Planned,
    "selection": Selection,
    "child": Child,
    "epoch_ended": Epoch,
    "search_ended": Ended,
}

_FINDS = ("completed", "exceeded_time")  # the statuses of a search that found something

SomeEvent = TypeVar("SomeEvent", bound=Event)


@dataclass(frozen=True)
class Run:
    """A search or a training, whether it is over or not.

    Attributes:
        name: what people call it.
        config: as in `config.yaml`.
        result: as in `result.json`; empty where there is none yet.
        evaluation: as in `evaluation.json`; likewise.
        architecture: what was found, or is trained; empty where there is none.
        pareto: as in `pareto.json`; empty where there is none.
        events: in the order in which they happened.
    """

    name: str
    config: dict[str, Any]
    result: dict[str, Any]
    evaluation: dict[str, Any]
    architecture: dict[str, str]
    pareto: Pareto
    events: tuple[Event, ...] = field(repr=False)

    @property
    def is_training(self) -> bool:
        """Whether it trained one architecture, rather than searched."""
        return "epochs" in self.config

    def all(self, kind: type[SomeEvent]) -> list[SomeEvent]:
        """The events of a kind."""
        return [event for event in self.events if isinstance(event, kind)]

    @property
    def started(self) -> Started:
        """Its first event."""
        return next(iter(self.all(Started)), Started())

    def seconds(self, event: Event) -> float:
        """When an event was, in seconds of the run: its own word, or that of the one before it."""
        latest = 0.0
        for known in self.events:
            latest = latest if known.seconds is None else known.seconds
            if known is event:
                break
        return latest


@dataclass(frozen=True)
class Comparison:
    """What `radars compare` left.

    Attributes:
        name: what people call it.
        rows: one for each cell that is done; there are some.
    """

    name: str
    rows: tuple[Row, ...]


def read_directory(path: Path) -> Run | Comparison:
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
                f"has none; go on with radars compare --out {path}"
            )
        return Comparison(name, rows)
    config = read_config(path)
    if config is None:
        raise ConfigError(
            f"a report is about a run or a comparison, but {path} has neither config.yaml nor "
            f"{RESULTS_NAME}; give the --out of a search, a training or a comparison"
        )
    result = read_result(path) or {}
    architecture = _json(path / "architecture.json", {})
    if not architecture and result.get("status") in _FINDS:
        architecture = result.get("architecture") or {}
    return Run(
        name=name,
        config=config,
        result=result,
        evaluation=_json(path / "evaluation.json", {}),
        architecture={str(choice): str(taken) for choice, taken in architecture.items()},
        pareto=_pareto(path / "pareto.json"),
        events=tuple(_events(path / "events.jsonl")),
    )


def named_apart(paths: Sequence[Path]) -> list[str]:
    """Names that differ: the directory's, with its parents' where two are alike."""
    depth = 1
    parts = [path.parts for path in paths]
    deepest = max(map(len, parts))
    while len({p[-depth:] for p in parts}) < len(parts) and depth < deepest:
        depth += 1
    return ["/".join(p[-depth:]) for p in parts]


def _events(file: Path) -> list[Event]:
    return [event for part in event_files(file) for event in _events_of(part)]


def _events_of(file: Path) -> list[Event]:
    events: list[Event] = []
    for number, line in enumerate(read_event_file(file), start=1):
        kind = _KINDS.get(str(line.get("event")))
        if kind is None:
            continue
        try:
            events.append(kind.model_validate(line))
        except ValidationError as error:
            problem = error.errors()[0]
            where = ".".join(map(str, problem["loc"]))
            raise RunError(
                f"events are as radars writes them, but line {number} of {file} has a wrong "
                f"{where}; remove that line"
            ) from error
    return events


def _pareto(file: Path) -> Pareto:
    try:
        return Pareto.model_validate(_json(file, {}))
    except ValidationError as error:
        raise ConfigError(
            f"{file} is as radars writes it, but here it is not: {first_line(error)}; remove it"
        ) from error


def _json(file: Path, default: Any) -> Any:
    if not file.is_file():
        return default
    try:
        return json.loads(file.read_bytes())
    except ValueError as error:
        raise ConfigError(f"{file} is JSON, but cannot be read: {error}; restore it") from error
