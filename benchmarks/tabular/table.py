"""Reads the table of a small space, and says whether it can judge.

    cd benchmarks; python -m tabular.table cells

A table has a column for each choice, then `MEASURED`; a row is a network trained with one seed.
Shapes: A architectures, S seeds.
"""

import argparse
import csv
import statistics
from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from scipy.stats import spearmanr

from radars.comparison import Entry, PublishedTable
from radars.space import Architecture

TABLES = Path(__file__).parent / "tables"
MEASURED = ("seed", "test_accuracy", "parameters", "macs", "cpu_seconds")
NUM_RANDOM = 20


@dataclass(frozen=True)
class Trained:
    """A network, trained with one seed: a row of a table."""

    architecture: Architecture
    seed: int
    test_accuracy: float
    parameters: int
    macs: int
    cpu_seconds: float


def read_trained(path: Path) -> list[Trained]:
    """The rows of a table, in order."""
    with path.open(newline="") as file:
        return [
            Trained(
                Architecture({name: row[name] for name in row if name not in MEASURED}),
                int(row["seed"]),
                float(row["test_accuracy"]),
                int(row["parameters"]),
                int(row["macs"]),
                float(row["cpu_seconds"]),
            )
            for row in csv.DictReader(file)
        ]


def read_judge(space: str, folder: Path = TABLES) -> PublishedTable:
    """The table of a small space: of each network, the mean accuracy over its seeds.

    `rank`, `regret`, `best`, `largest` and the rest are those of every table of radars.
    """
    rows_of = defaultdict(list)
    for row in read_trained(folder / f"{space}.csv"):
        rows_of[row.architecture].append(row)
    entries = {
        architecture: Entry(
            statistics.fmean(row.test_accuracy for row in rows),
            macs=rows[0].macs,
            parameters=rows[0].parameters,
        )
        for architecture, rows in rows_of.items()
    }
    return PublishedTable(space, space, entries)


def facts(space: str, folder: Path = TABLES) -> dict[str, float]:
    """What a table is like, in points of accuracy where nothing else is said.

    Returns:
        how many `networks` and `seeds` there are; the `best` network, the `median`, the best of 20
        random ones (`random`, expected), the one of most multiply-accumulates (`largest`); `noise`,
        the standard deviation between seeds; `agreement`, the mean Spearman correlation between
        two seeds; `size`, that of accuracy with multiply-accumulates; `cpu_seconds` a training.
    """
    table = read_judge(space, folder)
    rows = read_trained(folder / f"{space}.csv")
    accuracy_A = 100 * np.array([entry.test_accuracy for entry in table.values()])
    macs_A = [entry.macs or 0 for entry in table.values()]
    accuracy_AS = _by_seed(rows)
    pairs = [
        spearmanr(accuracy_AS[:, first], accuracy_AS[:, second]).statistic
        for second in range(accuracy_AS.shape[1])
        for first in range(second)
    ]
    return {
        "networks": len(table),
        "seeds": accuracy_AS.shape[1],
        "best": accuracy_A.max(),
        "median": float(np.median(accuracy_A)),
        "worst": accuracy_A.min(),
        "random": _expected_best(accuracy_A),
        "largest": 100 * table.accuracy(table.largest()),
        "noise": float(np.sqrt(accuracy_AS.var(1, ddof=1).mean())) if pairs else np.nan,
        "agreement": float(np.mean(pairs)) if pairs else np.nan,
        "size": float(spearmanr(macs_A, accuracy_A).statistic),
        "cpu_seconds": statistics.fmean(row.cpu_seconds for row in rows),
    }


def _by_seed(rows: list[Trained]) -> np.ndarray:
    """The accuracies, in percent, of networks that were trained with every seed: (A, S)."""
    seeds = sorted({row.seed for row in rows})
    accuracy_of = {(row.architecture, row.seed): 100 * row.test_accuracy for row in rows}
    architectures = dict.fromkeys(row.architecture for row in rows)
    accuracies = [
        [accuracy_of[architecture, seed] for seed in seeds]
        for architecture in architectures
        if all((architecture, seed) in accuracy_of for seed in seeds)
    ]
    return np.array(accuracies).reshape(-1, len(seeds))


def _expected_best(accuracy_A: np.ndarray) -> float:
    """The expected best of some networks that are drawn at random, with replacement."""
    at_most_A = np.arange(len(accuracy_A) + 1) / len(accuracy_A)
    return float(np.sort(accuracy_A) @ np.diff(at_most_A**NUM_RANDOM))


def main() -> None:
    """Prints what each table is like."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("spaces", nargs="*")
    parser.add_argument("--folder", type=Path, default=TABLES)
    arguments = parser.parse_args()
    spaces = arguments.spaces or sorted(path.stem for path in arguments.folder.glob("*.csv"))
    for space in spaces:
        said = facts(space, arguments.folder)
        print(space, ", ".join(f"{name} {value:.4g}" for name, value in said.items()))


if __name__ == "__main__":
    main()
