"""Does differentiable search collapse onto skip connections, and does beta decay prevent it?

On NAS-Bench-Macro and CIFAR-10, width 8: shared weights are trained on uniform single paths, then
the supernet of the whole space is differentiated from equal logits, with and without beta decay,
each from the same weights. The table judges what the logits would have kept.

    python benchmarks/collapse.py --data DATA

Appends to `benchmarks/results/collapse.jsonl`.
"""

import argparse
import json
from pathlib import Path

import torch
from about import about

from radars.data import DataConfig
from radars.memory import Levers, Plan
from radars.search import DifferentiateConfig, ExploreConfig, SearchConfig
from radars.search.differentiate import differentiate
from radars.search.explore import explore
from radars.search.setup import SearchSetup
from radars.space import Architecture
from radars.spaces.nasbench_macro import table_key

RESULTS = Path(__file__).parent / "results" / "collapse.jsonl"
NUM_CHOICES = 8


def main() -> None:
    """Runs every setting and prints a line for each."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, required=True, help="with cifar10/, nas-bench-macro/")
    parser.add_argument("--explore-steps", type=int, default=1000)
    parser.add_argument("--steps", type=int, default=150)
    parser.add_argument("--seeds", default="0,1,2")
    arguments = parser.parse_args()
    table = json.loads(
        (arguments.data / "nas-bench-macro" / "nas-bench-macro_cifar10.json").read_text()
    )
    for seed in map(int, arguments.seeds.split(",")):
        for beta_decay in (0.0, 0.01, 0.1):
            logits = run(arguments, seed, beta_decay)
            best = Architecture(
                {choice: max(known, key=known.__getitem__) for choice, known in logits.items()}
            )
            probability = sum(
                float(torch.tensor(list(known.values())).softmax(-1)[0])
                for known in logits.values()
            )
            row = {
                **about(),
                "seed": seed,
                "beta_decay": beta_decay,
                "explore_steps": arguments.explore_steps,
                "steps": arguments.steps,
                "key": table_key(best),
                "num_identities": sum(name == "identity" for name in best.values()),
                "identity_probability": round(probability / NUM_CHOICES, 3),
                "table_accuracy": round(table[table_key(best)]["mean_acc"], 2),
            }
            RESULTS.parent.mkdir(exist_ok=True)
            with RESULTS.open("a") as file:
                file.write(json.dumps(row) + "\n")
            print(row, flush=True)


def run(arguments: argparse.Namespace, seed: int, beta_decay: float) -> dict[str, dict[str, float]]:
    """Trains shared weights, then differentiates the whole space; returns the logits."""
    config = SearchConfig(
        space="nasbench-macro",
        proxy_options={"width": 8},
        data=DataConfig(
            source=str(arguments.data / "cifar10"),
            num_train=25_000,
            validation_fraction=0.2,
            augment=False,
        ),
        budget=2**30,
        seed=seed,
        explore=ExploreConfig(steps=arguments.explore_steps),
        differentiate=DifferentiateConfig(
            steps=arguments.steps, beta_decay=beta_decay, max_cost_ratio=None
        ),
    )
    setup = SearchSetup.of(config)
    bench = setup.workbench()
    state = setup.state(bench)
    explore(
        bench,
        state.supernet,
        state.controller,
        config.explore,
        start=0,
        seed=seed,
        num_uniform=config.explore.steps,
        learning_rate_at=lambda step: 0.1,
        tick=lambda step, accuracy: None,
    )
    full = setup.proxy.full
    return differentiate(
        bench,
        state.supernet,
        Plan(full, Levers(), setup.planner.predict(full)),
        config.differentiate,
        initial_logits={choice: dict.fromkeys(names, 0.0) for choice, names in full.items()},
        start=0,
        seed=seed,
        learning_rate_at=lambda step: 0.05 * (1 - step / arguments.steps),
        tick=lambda step, accuracy: None,
    )


if __name__ == "__main__":
    main()
