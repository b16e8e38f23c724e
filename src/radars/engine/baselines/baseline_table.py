"""`BaselineTable`: how what was found compares with its baselines, in numbers and in a line."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any, Literal, NamedTuple

from pydantic import TypeAdapter

from radars.engine.baselines.choose_baselines import FOUND
from radars.engine.baselines.train_alone import Outcome
from radars.engine.problem import SearchProblem
from radars.runs.stored_architecture import StoredArchitecture
from radars.space import Architecture
from radars.units import format_bytes, format_count, format_seconds

Standing = Literal["ahead", "behind", "within noise", "the same network"]
"""How what was found compares with a baseline."""

_ERRORS = 2.0  # standard errors: a difference of fewer is noise
_SAID: dict[Standing, str] = {
    "ahead": "ahead of",
    "within noise": "within noise of",
    "behind": "behind",
    "the same network": "the same network as",
}


class Trained(NamedTuple):
    """A network that was trained: its name, itself, what tells it from others, its outcome."""

    name: str
    architecture: Architecture
    key: str
    outcome: Outcome


@dataclass(frozen=True)
class BaselineRow:
    """A network of the table.

    Attributes:
        name: `found`, `largest`, `smallest`, or a draw such as `random 1`.
        architecture: choice to what it takes.
        accuracy: what it reached on the validation part; a fraction.
        macs: its multiply-accumulates, for one example.
        parameters: the number of them.
        predicted_peak_bytes: the most that was predicted for one of its training steps.
        measured_peak_bytes: the most that was measured.
        lead: the accuracy of what was found, less its own; None of what was found.
        noise: what a lead is at least, or it is noise: two standard errors of the difference.
        standing: how what was found compares with it; None of what was found.
    """

    name: str
    architecture: StoredArchitecture
    accuracy: float
    macs: int
    parameters: int
    predicted_peak_bytes: int
    measured_peak_bytes: int
    lead: float | None = None
    noise: float | None = None
    standing: Standing | None = None

    @property
    def kind(self) -> str:
        """`random` of `random 1`."""
        return self.name.partition(" ")[0]


@dataclass(frozen=True)
class BaselineTable:
    """What was found and its baselines, trained alike.

    Attributes:
        steps: training steps of each, from scratch.
        num_examples: those of the validation part, which they are compared on.
        is_proxy: whether a narrower network was trained, as while searching; costs are those of
            the whole one.
        rows: what was found, then the baselines.
        seconds: how long it took.
    """

    steps: int
    num_examples: int
    is_proxy: bool
    rows: tuple[BaselineRow, ...]
    seconds: float = field(default=0.0, compare=False)

    @property
    def verdict(self) -> str:
        """Whether what was found is ahead of the baselines, behind them, or within noise."""
        best = self._best_of_kinds()
        parts = []
        for standing, said in _SAID.items():
            labels = [_label(row, number) for row, number in best if row.standing == standing]
            if labels:
                parts.append(f"{said} {_listed(labels)}")
        return f"what was found is {'; '.join(parts)}" if parts else "there is no other network"

    @property
    def noise_said(self) -> str:
        """What ± means in the verdict; nothing where there is none."""
        if all(row.noise is None for row in self.rows):
            return ""
        return (
            f"(± is noise: two standard errors on {self.num_examples:,} examples; another seed of "
            f"the training may change more)"
        )

    def lines(self) -> list[str]:
        """The table, and what it says, for people."""
        narrower = ", of the narrower network that the search trains" if self.is_proxy else ""
        head = (
            f"trained alike, {self.steps:,} steps from scratch each{narrower}, in "
            f"{format_seconds(self.seconds)}: accuracy, multiply-accumulates, parameters, memory"
        )
        rows = [
            f"  {row.name:10} {row.accuracy:>7.2%} {format_count(row.macs):>8} "
            f"{format_count(row.parameters):>8}  {format_bytes(row.measured_peak_bytes):>10}"
            for row in self.rows
        ]
        return [head, *rows, self.verdict, *filter(None, [self.noise_said])]

    def to_dict(self) -> dict[str, Any]:
        """The object that `result.json` holds."""
        return asdict(self) | {"verdict": self.verdict}

    @staticmethod
    def from_dict(value: Mapping[str, Any]) -> "BaselineTable":
        """That of which `to_dict` made the object.

        Raises:
            ValueError: it is not such an object.
        """
        known = {key: value[key] for key in value if key != "verdict"}
        return TypeAdapter(BaselineTable).validate_python(known)

    def _best_of_kinds(self) -> list[tuple[BaselineRow, int]]:
        """The best network of each kind, and how many of it there are."""
        kinds: dict[str, list[BaselineRow]] = {}
        for row in self.rows:
            if row.standing is not None:
                kinds.setdefault(row.kind, []).append(row)
        return [(max(rows, key=lambda r: r.accuracy), len(rows)) for rows in kinds.values()]


def baseline_table(
    problem: SearchProblem, trained: Sequence[Trained], num_steps: int, seconds: float
) -> BaselineTable:
    """The table of networks that were trained alike.

    Args:
        problem: their costs, and the data.
        trained: what was found, first, and the baselines.
        num_steps: training steps of each.
        seconds: how long it took.
    """
    num_examples = len(problem.data.validation)
    found = next((known for known in trained if known.name == FOUND), None)
    return BaselineTable(
        steps=num_steps,
        num_examples=num_examples,
        is_proxy=problem.proxy is not problem.space,
        rows=tuple(_row(problem, known, found, num_examples) for known in trained),
        seconds=round(seconds, 3),
    )


def noise_of(first: float, second: float, num_examples: int) -> float:
    """Two standard errors of the difference of two accuracies.

    Of scores from 0 to 1 it is at most this; of right answers, just this. That both were measured
    on the same examples makes it smaller, which is left aside.

    Args:
        first: an accuracy, a fraction.
        second: another.
        num_examples: that each was measured on.
    """
    mean = (first + second) / 2
    return _ERRORS * math.sqrt(2 * max(0.0, mean * (1 - mean)) / num_examples)


def _row(
    problem: SearchProblem, known: Trained, found: Trained | None, num_examples: int
) -> BaselineRow:
    cost = problem.costs.cost(known.architecture)
    against: dict[str, Any] = {}
    if found is not None and known.name != FOUND:
        lead = found.outcome.accuracy - known.outcome.accuracy
        noise = noise_of(found.outcome.accuracy, known.outcome.accuracy, num_examples)
        standing = _standing(lead, noise) if found.key != known.key else "the same network"
        against = {"lead": lead, "noise": noise, "standing": standing}
    return BaselineRow(
        name=known.name,
        architecture=dict(known.architecture),
        accuracy=known.outcome.accuracy,
        macs=cost.macs,
        parameters=cost.parameters,
        predicted_peak_bytes=known.outcome.predicted_peak_bytes,
        measured_peak_bytes=known.outcome.measured_peak_bytes,
        **against,
    )


def _standing(lead: float, noise: float) -> Standing:
    if abs(lead) <= noise:
        return "within noise"
    return "ahead" if lead > 0 else "behind"


def _listed(labels: Sequence[str]) -> str:
    """`one, two and three`."""
    *first, last = labels
    return f"{', '.join(first)} and {last}" if first else last


def _label(row: BaselineRow, number: int) -> str:
    """`random (best of 3, +1.2 ± 0.9 points)`."""
    said = [f"best of {number}"] if number > 1 else []
    if row.standing != "the same network" and row.lead is not None and row.noise is not None:
        said.append(f"{100 * row.lead:+.1f} ± {100 * row.noise:.1f} points")
    return f"{row.kind} ({', '.join(said)})" if said else row.kind
