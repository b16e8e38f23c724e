"""How well does a short training alone rank the best networks?

The best architectures of NAS-Bench-Macro that a finished search allowed are trained as contenders
of its last phase are: alone, from the shared weights of the search, with its settings or others.
The table judges the ranking by Kendall's tau.

    python benchmarks/contenders.py RUN --data DATA --steps 600 --set data.augment=true

Appends to `benchmarks/results/contenders.jsonl`.
"""

import argparse
import json
from pathlib import Path

from about import about
from scipy.stats import kendalltau

from radars.run import CheckpointStore, read_config
from radars.run.allocator import freed_memory_kept
from radars.search import SearchConfig
from radars.search.select import Contender, train_contender
from radars.search.setup import SearchSetup
from radars.search.state import of_part
from radars.settings import merge_settings, validate_settings
from radars.space import Architecture
from radars.spaces.nasbench_macro import from_table_key, table_key

RESULTS = Path(__file__).parent / "results" / "contenders.jsonl"


def main() -> None:
    """Trains each architecture, and prints what it reached."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("run", type=Path, metavar="RUN", help="directory of a finished search")
    parser.add_argument("--data", type=Path, required=True, help="with nas-bench-macro/")
    parser.add_argument("--number", type=int, default=12, help="of architectures")
    parser.add_argument("--steps", type=int, default=600, help="of each training")
    parser.add_argument("--set", action="append", default=[], metavar="KEY=VALUE", dest="overrides")
    arguments = parser.parse_args()
    table = {
        key: entry["mean_acc"]
        for key, entry in json.loads(
            (arguments.data / "nas-bench-macro" / "nas-bench-macro_cifar10.json").read_text()
        ).items()
    }
    settings = merge_settings(read_config(arguments.run) or {}, overrides=arguments.overrides)
    setup = SearchSetup.of(validate_settings(SearchConfig, settings))
    bench = setup.workbench()
    checkpoint = CheckpointStore(arguments.run / "checkpoint").latest()
    if checkpoint is None:
        parser.error(f"{arguments.run} has no checkpoint: name the directory of a finished search")
    shared = setup.new_supernet()
    shared.load_state(of_part("supernet", of_part("method", checkpoint.tensors)))

    chosen = best(setup, table, arguments.number)
    accuracies: list[float] = []
    with freed_memory_kept():
        for architecture in chosen:
            child = setup.new_child(architecture)
            child.inherit(shared)
            task = Contender(architecture, child.state(), arguments.steps)
            accuracies.append(train_contender(setup, bench, task))
            key = table_key(architecture)
            print(key, table[key], accuracies[-1], flush=True)
    known = [table[table_key(architecture)] for architecture in chosen]
    row = {
        **about(),
        "seed": setup.config.seed,
        "steps": arguments.steps,
        "learning_rate": setup.config.select.optimizer.learning_rate,
        "augment": setup.config.data.augment,
        "architectures": list(map(table_key, chosen)),
        "table_accuracies": known,
        "accuracies": accuracies,
        "tau": round(float(kendalltau(known, accuracies).statistic), 3),
    }
    with RESULTS.open("a") as file:
        file.write(json.dumps(row) + "\n")
    print(row)


def best(setup: SearchSetup, table: dict[str, float], number: int) -> list[Architecture]:
    """The first architectures of the table that satisfy the constraints, each network once."""
    ranked = (from_table_key(key) for key in sorted(table, key=table.__getitem__, reverse=True))
    return setup.workbench().different(filter(setup.feasible.allows, ranked), number)


if __name__ == "__main__":
    main()
