"""`Row`: what one cell of a comparison ended with, and the file that holds them."""

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path

from pydantic import TypeAdapter

from radars.comparison.comparison_config import Cell
from radars.errors import ConfigError, first_line
from radars.reading import MOST_JSON_BYTES, parse_json, read_file
from radars.runs.stored_architecture import StoredArchitecture

RESULTS_NAME = "results.jsonl"


@dataclass(frozen=True)
class Row:
    """What one cell ended with.

    Attributes:
        setting: the name of its setting.
        method: what searched.
        seed: the seed of all random draws.
        status: the status of the search.
        architecture: what was found; None where the method does not fit the budget.
        validation_accuracy: as the search says; a fraction.
        test_accuracy: after training from scratch; a fraction, None without one.
        table_accuracy: its accuracy in the published table; a fraction, None without one.
        rank: its place in the table, among what the setting's constraints allow; 1 is the best.
        regret: how far it is below the best of the table that they allow, a fraction.
        search_seconds: wall-clock.
        budget_bytes: what no step may hold.
        predicted_peak_bytes: the most that was predicted for a step that ran.
        measured_peak_bytes: the most that was measured.
        needed_bytes: what the method needs, where it does not fit.
        macs: multiply-accumulates of the architecture.
        parameters: the number of parameters of the architecture.
        date: when it ended: YYYY-MM-DD.
        environment: versions and hardware; names of what, and what.
        reason: why it failed, where it did.
    """

    setting: str
    method: str
    seed: int
    status: str
    architecture: StoredArchitecture | None
    validation_accuracy: float | None
    test_accuracy: float | None
    table_accuracy: float | None
    rank: int | None
    regret: float | None
    search_seconds: float
    budget_bytes: int
    predicted_peak_bytes: int
    measured_peak_bytes: int
    needed_bytes: int | None
    macs: int
    parameters: int
    date: str = ""
    environment: Mapping[str, str] = field(default_factory=dict)
    reason: str | None = None

    @property
    def cell(self) -> Cell:
        """Whose row it is."""
        return Cell(self.setting, self.method, self.seed)


_ROW = TypeAdapter(Row)


def read_rows(file: Path) -> list[Row]:
    """The last row of each cell that is done; none where there is no file.

    Args:
        file: the `results.jsonl` of a comparison.

    Raises:
        ConfigError: the file is not one of a comparison.
    """
    names = {known.name for known in fields(Row)}
    try:
        content = read_file(file, MOST_JSON_BYTES) if file.exists() else b""
        lines = content.decode().splitlines()
        known = [{n: v for n, v in parse_json(line).items() if n in names} for line in lines]
        return list({row.cell: row for row in map(_ROW.validate_python, known)}.values())
    except (OSError, ValueError, TypeError, AttributeError, OverflowError) as error:
        raise ConfigError(
            f"results are JSON lines of a comparison, but {file} cannot be read: "
            f"{first_line(error)}; remove it, or choose another --out"
        ) from error
