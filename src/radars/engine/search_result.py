"""`SearchResult`: what a search found and what it cost; the contents of `result.json`."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
from typing import Any, Literal

from radars.space import Architecture

Status = Literal["completed", "exceeded_memory", "exceeded_time", "failed"]


@dataclass(frozen=True)
class SearchResult:
    """The end of a search that found something.

    Where a method's steps do not fit the budget, there is an error and no `SearchResult`;
    `result.json` then says `exceeded_memory`, no architecture, and `needed_bytes`.

    Attributes:
        status: `completed`, or why it ended early.
        method: what searched.
        space: the space's name.
        seed: of everything random.
        architecture: the best one found.
        num_architectures: how many the space holds.
        validation_accuracy: of the architecture, trained alone for the last halving round; a
            fraction.
        test_accuracy: always None: a search does not read the test split.
        budget_bytes: what no step may exceed.
        predicted_peak_bytes: the most that was predicted for a step that ran.
        measured_peak_bytes: the most that was measured.
        peak_rss_bytes: the most resident memory of the process.
        search_seconds: wall-clock, over all sittings.
        macs: multiply-accumulates of the architecture, for one example.
        parameters: of the architecture.
        rounds: rounds that are done.
        costs: of the architecture, for each cost that was asked for and is not counted: `sum`, by
            its candidates, and `whole`, as the whole network was traced or measured in the end
            (None where it cannot be, as with a table of another device's latencies).
    """

    status: Status
    method: str
    space: str
    seed: int
    architecture: Architecture
    num_architectures: int
    validation_accuracy: float | None
    test_accuracy: float | None
    budget_bytes: int
    predicted_peak_bytes: int
    measured_peak_bytes: int
    peak_rss_bytes: int
    search_seconds: float
    macs: int
    parameters: int
    rounds: int
    costs: Mapping[str, Mapping[str, float | None]] = field(default_factory=dict)

    @classmethod
    def from_dict(cls, value: Mapping[str, Any]) -> "SearchResult":
        """Reads what `to_dict` returned."""
        known = {known.name: value[known.name] for known in fields(cls) if known.name in value}
        return cls(**known | {"architecture": Architecture(value["architecture"])})

    def to_dict(self) -> dict[str, Any]:
        """The object that `result.json` holds."""
        return {"schema": 1} | asdict(self) | {"architecture": dict(self.architecture)}
