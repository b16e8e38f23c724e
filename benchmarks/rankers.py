"""How well do judges that need no training rank networks?

On NAS-Bench-Macro and CIFAR-10 at width 8: random architectures are looked at with fresh weights,
as radars looks at them, and ranked by each judge. The table judges the judges: Kendall's tau with
its accuracies, of all and of the best quarter, and how far the first of a ranking is below the
best, and the first twelve are on average, in points.

    python benchmarks/rankers.py --data DATA

Appends to `benchmarks/results/rankers.jsonl`.
"""

import argparse
import json
import math
import random
from pathlib import Path

import numpy as np
import numpy.typing as npt
from about import about
from macro_table import macro_table
from scipy.stats import kendalltau

from radars.data import DataConfig
from radars.engine import SearchConfig
from radars.engine.context import SearchContext
from radars.engine.problem import SearchProblem
from radars.engine.rankers.zero_cost_scores import zero_cost_scores
from radars.zoo.nasbench_macro import table_key

RESULTS = Path(__file__).parent / "results" / "rankers.jsonl"
JUDGES = ("regions", "expressivity", "size")
SETTINGS = {"macs<=40e6": 40e6, "macs<=60e6": 60e6, "none": math.inf}
NUM_FIRST = 12

FloatArray = npt.NDArray[np.float64]


def main() -> None:
    """Looks at the architectures, and prints a line for each setting and judge."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--data", type=Path, required=True, help="with cifar10/, nas-context-macro/"
    )
    parser.add_argument("--number", type=int, default=700, help="of architectures")
    parser.add_argument("--draws", type=int, default=1, help="of fresh weights")
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    table = macro_table(arguments.data)
    every = sorted(table, key=table_key)
    sample = random.Random(arguments.seed).sample(every, arguments.number)
    entries = [table[architecture] for architecture in sample]
    context = SearchContext.of(problem_of(arguments.data / "cifar10"))
    looks = [
        zero_cost_scores(context, JUDGES, architecture, arguments.draws) for architecture in sample
    ]
    for setting, most_macs in SETTINGS.items():
        chosen = [n for n, entry in enumerate(entries) if (entry.macs or 0) <= most_macs]
        accuracies = [100 * entries[n].test_accuracy for n in chosen]
        for judge in JUDGES:
            said = np.array([looks[n][judge] for n in chosen])
            row = {
                **about(),
                "seed": arguments.seed,
                "draws": arguments.draws,
                "setting": setting,
                "number": len(chosen),
                "judge": judge,
                **judged(said, np.array(accuracies)),
            }
            RESULTS.parent.mkdir(exist_ok=True)
            with RESULTS.open("a") as file:
                file.write(json.dumps(row) + "\n")
            print(row, flush=True)


def problem_of(source: Path) -> SearchProblem:
    """The space at width 8 and CIFAR-10."""
    config = SearchConfig(
        space="nasbench-macro",
        proxy_options={"width": 8},
        data=DataConfig(source=str(source), num_train=25_000, validation_fraction=0.2),
        budget=2**30,
    )
    return SearchProblem.of(config)


def judged(score_N: FloatArray, accuracy_N: FloatArray) -> dict[str, float]:
    """How well scores rank accuracies, both of N architectures."""
    best = np.argsort(-accuracy_N)[: len(accuracy_N) // 4]
    below = accuracy_N.max() - accuracy_N[np.argsort(-score_N)]
    of_best = kendalltau(score_N[best], accuracy_N[best])
    return {
        "tau": round(float(kendalltau(score_N, accuracy_N).statistic), 3),
        "tau_best_quarter": round(float(of_best.statistic), 3),
        "first_below": round(float(below[0]), 2),
        "first_twelve_below": round(float(below[:NUM_FIRST].mean()), 2),
    }


if __name__ == "__main__":
    main()
