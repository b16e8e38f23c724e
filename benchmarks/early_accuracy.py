"""What accuracy after a short training says of networks of the published spaces.

Random networks within a problem's constraint are trained from scratch for some numbers of steps, as
a search trains finalists, and looked at by the rankers of `radars`. The published table judges: the
rank correlation (Spearman) with it of accuracy, of what rankers say together, and of accuracy where
what rankers say is known (partial). Of development spaces only (protocol.md).

    cd benchmarks; python early_accuracy.py --problems macro-40,cells201 --steps 30,120 --data DATA

Appends a row for each network and number of steps to `results/early_accuracy.jsonl`; goes on where
it stopped. One thread.
"""

import argparse
import json
import random
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from about import about
from judge import read_rows
from judged import PROBLEMS, Problem
from scipy.stats import rankdata, spearmanr

from radars.comparison import PublishedTable
from radars.engine.context import SearchContext
from radars.engine.phases.successive_halving import Finalist, train_finalist
from radars.engine.problem import SearchProblem
from radars.engine.rankers.zero_cost_scores import zero_cost_scores
from radars.engine.search_config import SearchConfig
from radars.execution.allocator import freed_memory_kept
from radars.settings import merge_settings, validate_settings
from radars.space import Architecture

ROWS = Path(__file__).parent / "results" / "early_accuracy.jsonl"
RANKERS = ("regions", "expressivity", "size")
_SEED = 1

Numbers = npt.NDArray[np.float64]


def main() -> None:
    """Trains what has no row yet, and prints a line for each problem and number of steps."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--problems", default="macro-40,cells201")
    parser.add_argument("--steps", default="30,120", help="of a training, such as 30,120")
    parser.add_argument("--number", type=int, default=40, help="networks of each problem")
    parser.add_argument("--data", type=Path, required=True, help="the folder of published data")
    parser.add_argument("--out", type=Path, default=ROWS)
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    lengths = [int(text) for text in arguments.steps.split(",")]
    for name in arguments.problems.split(","):
        problem = PROBLEMS[name]
        table = problem.table(arguments.data)
        context = context_of(problem, arguments.data)
        networks = drawn(table, context, arguments.number)
        for steps in lengths:
            trained(name, context, table, networks, steps, arguments.out)
    for row in summary(list(read_rows(arguments.out))):
        print(row)


def context_of(problem: Problem, data: Path) -> SearchContext:
    """What a search of the problem works with; the budget does not matter here."""
    space, source = problem.given(data, 0)
    settings: dict[str, Any] = dict(problem.settings("radars", data))
    own = {"source": source, "batch_size": settings.pop("batch_size")}
    own |= settings.pop("data_options", {})
    config = merge_settings({"space": space, "data": own}, settings, {"budget": "400MiB"})
    return SearchContext.of(SearchProblem.of(validate_settings(SearchConfig, config)))


def drawn(table: PublishedTable, context: SearchContext, number: int) -> list[Architecture]:
    """Random networks of the table that the constraint allows."""
    allowed = filter(context.problem.feasible.allows, table)
    every = sorted(allowed, key=lambda known: json.dumps(dict(known), sort_keys=True))
    return random.Random(_SEED).sample(every, number)


def trained(
    problem: str,
    context: SearchContext,
    table: PublishedTable,
    networks: Sequence[Architecture],
    steps: int,
    out: Path,
) -> None:
    """Trains networks that have no row yet; appends the rows."""
    rows = [row for row in read_rows(out) if (row["problem"], row["steps"]) == (problem, steps)]
    done = [row["architecture"] for row in rows]
    for architecture in networks:
        if dict(architecture) in done:
            continue
        said = zero_cost_scores(context, RANKERS, architecture, 1)
        child = context.networks.new_child(architecture)
        with freed_memory_kept():
            accuracy = train_finalist(context, Finalist.of(architecture, child, steps))
        row = about() | {"problem": problem, "steps": steps, "architecture": dict(architecture)}
        row |= {"accuracy": accuracy, "table": table.accuracy(architecture), "said": said}
        with out.open("a") as file:
            file.write(json.dumps(row) + "\n")


def summary(rows: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """A row for each problem and number of steps: correlations with the table."""
    lines = []
    for problem, steps in dict.fromkeys((row["problem"], row["steps"]) for row in rows):
        some = [row for row in rows if (row["problem"], row["steps"]) == (problem, steps)]
        accuracy_N = np.array([row["accuracy"] for row in some])
        table_N = np.array([row["table"] for row in some])
        said_NK = np.array([[row["said"][ranker] for ranker in RANKERS] for row in some])
        said_N = ((said_NK - said_NK.mean(0)) / said_NK.std(0)).sum(1)
        line = {"problem": problem, "steps": steps, "number": len(some)}
        line |= {"mean accuracy": float(accuracy_N.mean()), "accuracy": rho(accuracy_N, table_N)}
        line |= {"rankers": rho(said_N, table_N), "partial": partial(accuracy_N, table_N, said_N)}
        lines.append({k: round(v, 3) if isinstance(v, float) else v for k, v in line.items()})
    return lines


def rho(one_N: Numbers, other_N: Numbers) -> float:
    """Spearman's rank correlation."""
    return float(spearmanr(one_N, other_N).statistic)


def partial(one_N: Numbers, other_N: Numbers, known_N: Numbers) -> float:
    """Spearman's partial rank correlation of two, where a third is known."""
    ranks_3N = np.stack([rankdata(values) for values in (one_N, other_N, known_N)])
    precision = np.linalg.inv(np.corrcoef(ranks_3N))
    return float(-precision[0, 1] / np.sqrt(precision[0, 0] * precision[1, 1]))


if __name__ == "__main__":
    main()
