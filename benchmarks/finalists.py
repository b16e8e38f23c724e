"""How well does a short training alone rank the best networks?

The best architectures of NAS-Bench-Macro that a finished search allowed are trained as finalists
of its last phase are: alone, from the shared weights of the search, with its settings or others.
The table judges the ranking by Kendall's tau.

    python benchmarks/finalists.py RUN --data DATA --steps 600 --set data.augment=true

Appends to `benchmarks/results/finalists.jsonl`.
"""

import argparse
import json
from pathlib import Path

from about import about
from macro_table import macro_table
from scipy.stats import kendalltau

from radars.comparison import PublishedTable
from radars.engine import SearchConfig
from radars.engine.context import SearchContext
from radars.engine.phases.successive_halving import Finalist, train_finalist
from radars.engine.problem import SearchProblem
from radars.execution.allocator import freed_memory_kept
from radars.runs.read_run import read_checkpoint, read_config
from radars.settings import merge_settings, validate_settings
from radars.space import Architecture
from radars.zoo.nasbench_macro import table_key

RESULTS = Path(__file__).parent / "results" / "finalists.jsonl"


def main() -> None:
    """Trains each architecture, and prints what it reached."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("run", type=Path, metavar="RUN", help="directory of a finished search")
    parser.add_argument("--data", type=Path, required=True, help="with nas-context-macro/")
    parser.add_argument("--number", type=int, default=12, help="of architectures")
    parser.add_argument("--steps", type=int, default=600, help="of each training")
    parser.add_argument("--set", action="append", default=[], metavar="KEY=VALUE", dest="overrides")
    arguments = parser.parse_args()
    table = macro_table(arguments.data)
    settings = merge_settings(read_config(arguments.run) or {}, overrides=arguments.overrides)
    problem = SearchProblem.of(validate_settings(SearchConfig, settings))
    context = SearchContext.of(problem)
    checkpoint = read_checkpoint(arguments.run)
    if checkpoint is None:
        parser.error(f"{arguments.run} has no checkpoint: name the directory of a finished search")
    shared = context.networks.new_supernet()
    shared.load_state_dict(checkpoint.state["method"]["supernet"])

    chosen = best(context, table, arguments.number)
    accuracies: list[float] = []
    with freed_memory_kept():
        for architecture in chosen:
            child = context.networks.inherited_child(architecture, shared)
            task = Finalist.of(architecture, child, arguments.steps)
            accuracies.append(train_finalist(context, task))
            known = table.accuracy(architecture)
            print(f"{table_key(architecture)}: {accuracies[-1]:.2%}, table {known:.2%}", flush=True)
    table_accuracies = list(map(table.accuracy, chosen))
    row = {
        **about(),
        "seed": problem.config.seed,
        "steps": arguments.steps,
        "learning_rate": problem.config.select.optimizer.learning_rate,
        "augment": problem.config.data.augment,
        "architectures": list(map(table_key, chosen)),
        "table_accuracies": table_accuracies,
        "accuracies": accuracies,
        "tau": round(float(kendalltau(table_accuracies, accuracies).statistic), 3),
    }
    with RESULTS.open("a") as file:
        file.write(json.dumps(row) + "\n")
    print(row)


def best(context: SearchContext, table: PublishedTable, number: int) -> list[Architecture]:
    """The first architectures of the table that satisfy the constraints, each network once."""
    ranked = sorted(table, key=table.accuracy, reverse=True)
    allowed = filter(context.problem.feasible.allows, ranked)
    return context.sampler.different(allowed, number)


if __name__ == "__main__":
    main()
