"""`run_comparison`: a whole comparison, and the table of it."""

from dataclasses import dataclass
from pathlib import Path

from radars.comparison.cells import compare
from radars.comparison.comparison_config import CompareConfig
from radars.comparison.paired import (
    DIFFERENCES_TITLE,
    RANKS_TITLE,
    differences_cells,
    ranks_cells,
)
from radars.comparison.read_table import read_table
from radars.comparison.results_table import as_markdown, markdown_table
from radars.comparison.rows import Row
from radars.comparison.table_baselines import yardsticks_table
from radars.cost import Constraint
from radars.engine.given import Given
from radars.errors import RunError
from radars.runs.files import write_atomically
from radars.tracking.progress import Progress

TABLE_NAME = "table.md"


@dataclass(frozen=True)
class Comparison:
    """What a comparison ended with; `str` of it is its table.

    Attributes:
        text: its table, as Markdown.
        rows: one for each search.
        problem: says that searches failed; None where none did.
    """

    text: str
    rows: tuple[Row, ...] = ()
    problem: RunError | None = None

    def __str__(self) -> str:
        return self.text


def run_comparison(
    config: CompareConfig, out: Path, progress: Progress, given: Given | None = None
) -> Comparison:
    """Runs what is left of a comparison, and writes its table to `table.md`.

    Args:
        config: the comparison.
        out: its directory.
        progress: shows people how far it is.
        given: objects that every search and training uses instead of what the settings name.

    Raises:
        ConfigError: a setting is not valid, or not that of a search that was begun.
        Stopped: it was interrupted; what is done is kept.
    """
    rows = compare(config, out, progress, given)
    text = markdown_table(rows)
    for title, cells in (DIFFERENCES_TITLE, differences_cells), (RANKS_TITLE, ranks_cells):
        header, lines = cells(rows)
        if lines:
            text += f"\n{title}:\n\n{as_markdown(header, lines)}"
    if config.table is not None:
        table = read_table(config.table, data=config.table_data)
        text += "\n" + yardsticks_table(table, constraints_of(config))
    write_atomically(out / TABLE_NAME, text)
    failed = [row for row in rows if row.status == "failed"]
    problem = None
    if failed:
        first = failed[0]
        problem = RunError(
            f"{len(failed)} of {len(rows)} searches failed, the first in {out / first.cell.key}: "
            f"{first.reason}; run the same command with --out {out} to try them again"
        )
    return Comparison(text, tuple(rows), problem)


def constraints_of(config: CompareConfig) -> dict[str, tuple[Constraint, ...]]:
    """Setting to its constraints."""
    return {cell.setting: config.search_config(cell).constraints for cell in config.cells()}
