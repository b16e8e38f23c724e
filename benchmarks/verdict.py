"""The statistics of protocol.md over the rows of `judge.py`, as Markdown.

    cd benchmarks; python verdict.py --data DATA [--problems cells,mixers] [--against radars]
    cd benchmarks; python verdict.py --data DATA --page protocol.md

With `--page`, what stands between `<!-- tables of FILE -->` and `<!-- end -->` is made again.

Shapes: S seeds of a problem, C contenders, P problems.
"""

import argparse
import re
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from judge import ROWS, read_rows
from judged import PROBLEMS
from numpy.typing import NDArray
from scipy import stats

from radars.comparison.paired import mean_interval
from radars.space import Architecture

_TABLES = re.compile(
    r"(?P<begin><!-- tables of (?P<file>\S+) -->\n).*?(?P<end><!-- end -->)", re.DOTALL
)

Regrets = Mapping[str, Mapping[str, Mapping[int, float]]]
"""Problem to contender to seed to points of accuracy below the best."""


def main() -> None:
    """Prints the tables."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--data", type=Path, required=True, help="the folder of published data")
    parser.add_argument("--problems", default="", help="by default all that have rows")
    parser.add_argument("--against", default="radars", help="whose differences are shown")
    parser.add_argument("--rows", type=Path, default=ROWS)
    parser.add_argument("--page", type=Path, help="whose tables are made again")
    arguments = parser.parse_args()
    if arguments.page:
        text = arguments.page.read_text()
        arguments.page.write_text(made(text, arguments.page.parent, arguments.data))
        return
    chosen = arguments.problems.split(",") if arguments.problems else [*PROBLEMS]
    rows = (row for row in read_rows(arguments.rows) if row["problem"] in chosen)
    print(tables(rows, arguments.data, arguments.against))


def made(page: str, folder: Path, data: Path) -> str:
    """The text of a page with its tables as the rows say now.

    Args:
        page: the text.
        folder: what the files of rows are named from.
        data: the folder of published data.
    """

    def make(found: re.Match[str]) -> str:
        content = tables(read_rows(folder / found["file"]), data, "radars")
        return f"{found['begin']}\n{content}\n{found['end']}"

    return _TABLES.sub(make, page)


def tables(rows: Iterable[Mapping[str, Any]], data: Path, against: str) -> str:
    """A table for each problem that has rows; where there are several, one over all of them."""
    regrets = regrets_of(rows, data)
    parts = [problem_table(problem, by, against) for problem, by in regrets.items()]
    if len(regrets) > 1 and all({"random", against} <= by.keys() for by in regrets.values()):
        parts.append(overall_table(regrets, against))
    return "\n".join(parts)


def regrets_of(rows: Iterable[Mapping[str, Any]], data: Path) -> Regrets:
    """The regret of every row, by the table of its problem.

    A search that found nothing has the regret of the table's worst network.
    """
    tables: dict[str, Any] = {}
    regrets: dict[str, dict[str, dict[int, float]]] = {}
    for row in rows:
        problem = PROBLEMS[row["problem"]]
        table = tables.setdefault(problem.name, problem.table(data))
        if "architecture" in row:
            regret = table.regret(Architecture(row["architecture"]), problem.bounds)
        else:
            accuracies = table.accuracies(problem.bounds)
            regret = max(accuracies) - min(accuracies)
        by_contender = regrets.setdefault(problem.name, {})
        by_contender.setdefault(row["contender"], {})[row["seed"]] = 100 * regret
    return regrets


def problem_table(
    problem: str, by_contender: Mapping[str, Mapping[int, float]], against: str
) -> str:
    """A table: each contender's mean regret, and how much it is above another's, paired."""
    lines = [
        f"**{problem}**",
        "",
        f"| contender | seeds | regret | 95% | median | above `{against}` | 95% |",
        "|---|---|---|---|---|---|---|",
    ]
    for contender, regret_of in sorted(by_contender.items(), key=lambda item: mean(item[1])):
        regret_S = np.array(list(regret_of.values()))
        low, high = mean_interval(regret_S)
        difference = ""
        paired = paired_differences(regret_of, by_contender.get(against, {}))
        if contender != against and len(paired):
            lower, upper = mean_interval(paired)
            difference = f"{paired.mean():+.2f} | {lower:+.2f} to {upper:+.2f}"
        lines.append(
            f"| `{contender}` | {len(regret_S)} | {regret_S.mean():.2f} | {low:.2f} to {high:.2f} "
            f"| {np.median(regret_S):.2f} | {difference or '| '} |"
        )
    return "\n".join([*lines, ""])


def overall_table(regrets: Regrets, against: str) -> str:
    """Over problems: mean rank, and the paired difference as a part of the regret of `random`."""
    contenders = [
        contender
        for contender in next(iter(regrets.values()))
        if all(contender in by_contender for by_contender in regrets.values())
    ]
    rank_PC = np.stack([mean_ranks(by, contenders) for by in regrets.values()])
    lines = [
        f"**over {len(regrets)} problems**",
        "",
        f"| contender | mean rank | above `{against}`, in regrets of `random` | 95% |",
        "|---|---|---|---|",
    ]
    for index in np.argsort(rank_PC.mean(0)):
        contender = contenders[index]
        difference = "|"
        if contender != against:
            parts = [
                paired_differences(by[contender], by[against]) / mean(by["random"])
                for by in regrets.values()
            ]
            middle, low, high = stratified(parts)
            difference = f"{middle:+.2f} | {low:+.2f} to {high:+.2f}"
        lines.append(f"| `{contender}` | {rank_PC[:, index].mean():.2f} | {difference} |")
    return "\n".join([*lines, ""])


def mean_ranks(
    by_contender: Mapping[str, Mapping[int, float]], contenders: Sequence[str]
) -> NDArray[np.float64]:
    """The mean rank (C,) of each contender over the seeds that all have; 1 is the best."""
    seeds = set.intersection(*(set(by_contender[name]) for name in contenders))
    regret_SC = np.array([[by_contender[name][seed] for name in contenders] for seed in seeds])
    ranks: NDArray[np.float64] = stats.rankdata(regret_SC, axis=1).mean(0)
    return ranks


def paired_differences(
    regret_of: Mapping[int, float], other: Mapping[int, float]
) -> NDArray[np.float64]:
    """How much the one is above the other, (S,), for each seed that both have."""
    return np.array([regret_of[seed] - other[seed] for seed in sorted(regret_of.keys() & other)])


def stratified(parts: Sequence[NDArray[np.float64]]) -> tuple[float, float, float]:
    """The mean over problems of their means, and its 95% interval: seeds drawn in each problem."""
    rng = np.random.default_rng(0)
    drawn = np.mean([rng.choice(part, (10_000, len(part))).mean(1) for part in parts], axis=0)
    low, high = np.quantile(drawn, [0.025, 0.975])
    return float(np.mean([part.mean() for part in parts])), float(low), float(high)


def mean(regret_of: Mapping[int, float]) -> float:
    """The mean over seeds."""
    return float(np.mean(list(regret_of.values())))


if __name__ == "__main__":
    main()
