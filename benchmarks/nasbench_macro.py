"""Searches NAS-Bench-Macro on CIFAR-10 and judges what is found by the published table.

The table is read after each search, by this script; the search never sees it.

    python benchmarks/nasbench_macro.py --data DATA --seeds 0,1,2 --constraint "macs<=40e6"

Prints a line a seed and the median, and appends to `benchmarks/results/nasbench_macro.jsonl`.
"""

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from about import about
from macro_table import macro_table

from radars.cost import Constraint
from radars.space import Architecture
from radars.zoo.nasbench_macro import table_key

RESULTS = Path(__file__).parent / "results" / "nasbench_macro.jsonl"


def main() -> None:
    """Runs the searches, one after the other."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, required=True, help="with cifar10/, nas-bench-macro/")
    parser.add_argument("--seeds", default="0,1,2")
    parser.add_argument("--constraint", default="")
    parser.add_argument("--budget", default="270MiB")
    parser.add_argument("--set", action="append", default=[], dest="overrides")
    arguments = parser.parse_args()
    table = macro_table(arguments.data)
    constraints = [Constraint.parse(arguments.constraint)] if arguments.constraint else []
    accuracies = 100 * table.accuracies(constraints)
    number = len(accuracies)
    found = []
    for seed in map(int, arguments.seeds.split(",")):
        row = search(arguments, seed)
        architecture = Architecture(row["architecture"])
        key, accuracy = table_key(architecture), 100 * table.accuracy(architecture)
        row |= {
            "key": key,
            "table_accuracy": round(accuracy, 3),
            "rank": table.rank(architecture, constraints),
            "of": number,
            "regret": round(100 * table.regret(architecture, constraints), 3),
        }
        found.append(accuracy)
        RESULTS.parent.mkdir(exist_ok=True)
        with RESULTS.open("a") as file:
            file.write(json.dumps(row) + "\n")
        print(
            f"seed {seed}: {key} {accuracy:.2f}% rank {row['rank']} of {number}, "
            f"{row['search_seconds']:.0f} s, peak {row['measured_peak_bytes'] / 2**20:.1f} MiB of "
            f"{row['budget_bytes'] / 2**20:.0f} MiB",
            flush=True,
        )
    median = statistics.median(found)
    print(
        f"median {median:.2f}% ({min(found):.2f} to {max(found):.2f}); best {accuracies[-1]:.2f}%, "
        f"best 1% from {accuracies[-1 - number // 100]:.2f}%, best 5% from "
        f"{accuracies[-1 - number // 20]:.2f}%"
    )


def search(arguments: argparse.Namespace, seed: int) -> dict[str, Any]:
    """One search in a process of its own, through the command line."""
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder) / "run"
        command = [
            *(sys.executable, "-m", "radars", "search", "--space", "nasbench-macro"),
            *("--data", str(arguments.data / "cifar10"), "--budget", arguments.budget),
            *("--seed", str(seed), "--out", str(out)),
            *(("--constraint", arguments.constraint) if arguments.constraint else ()),
            *(part for override in arguments.overrides for part in ("--set", override)),
        ]
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
        result: dict[str, Any] = json.loads((out / "result.json").read_text())
    return {
        **about(),
        "commit": subprocess.check_output(
            ["git", "rev-parse", "--short", "HEAD"], text=True, cwd=Path(__file__).parent
        ).strip(),
        "constraint": arguments.constraint,
        "overrides": arguments.overrides,
    } | result


if __name__ == "__main__":
    main()
