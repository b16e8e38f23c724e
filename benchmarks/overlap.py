"""What shared weights know of a large space, with and without `share_overlap`.

On `cifar-large` (25 candidates in each of 8 layers) at width 8 and CIFAR-10: shared weights are
trained on uniform single paths, then random paths are scored on validation images.

    python benchmarks/overlap.py --data DATA

Appends to `benchmarks/results/overlap.jsonl`.
"""

import argparse
import json
import statistics
import time
from pathlib import Path
from typing import Any

import torch
from about import about

from radars.data import DataConfig
from radars.engine import SearchConfig
from radars.engine.context import SearchContext
from radars.engine.method_config import PolicyUpdatesConfig
from radars.engine.pace import Pace
from radars.engine.phases.train_paths import train_paths
from radars.engine.policies.policy import Uniform
from radars.engine.problem import SearchProblem
from radars.engine.search_state import SearchPosition
from radars.execution.allocator import freed_memory_kept
from radars.schedules import cosine

RESULTS = Path(__file__).parent / "results" / "overlap.jsonl"


def main() -> None:
    """Runs both and prints a line for each."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, required=True, help="with cifar10/")
    parser.add_argument("--steps", type=int, default=300)
    parser.add_argument("--paths", type=int, default=64)
    parser.add_argument("--seeds", default="0")
    arguments = parser.parse_args()
    for seed in map(int, arguments.seeds.split(",")):
        for share_overlap in (False, True):
            row = about() | accuracy(arguments, seed, share_overlap)
            RESULTS.parent.mkdir(exist_ok=True)
            with RESULTS.open("a") as file:
                file.write(json.dumps(row) + "\n")
            print(row, flush=True)


def accuracy(arguments: argparse.Namespace, seed: int, share_overlap: bool) -> dict[str, Any]:
    """Trains shared weights, and scores random paths with them."""
    config = SearchConfig(
        space="cifar-large",
        space_options={"width": 8},
        data=DataConfig(
            source=str(arguments.data / "cifar10"), num_train=20_000, validation_fraction=0.2
        ),
        budget=2**28,
        seed=seed,
        share_overlap=share_overlap,
    )
    problem = SearchProblem.of(config)
    context, supernet, policy = (
        SearchContext.of(problem),
        SearchContext.of(problem).networks.new_supernet(),
        Uniform(problem.proxy.full, torch.Generator().manual_seed(seed)),
    )
    start = time.perf_counter()
    with freed_memory_kept():
        train_paths(
            context,
            supernet,
            policy,
            PolicyUpdatesConfig(warmup_fraction=1.0),
            Pace(SearchPosition(), arguments.steps),
            seed=seed,
            learning_rate_at=lambda fraction: 0.1 * cosine(fraction),
        )
        seconds = time.perf_counter() - start
        batches = [context.validation_stream.next() for _ in range(4)]
        num_examples = sum(len(batch.label_B) for batch in batches)
        accuracies = []
        for _ in range(arguments.paths):
            path = context.sampler.draw(policy).architecture
            scores = context.evaluator.scores_of_each(supernet, path, batches, "overlap")
            total = sum(map(float, scores))
            accuracies.append(total / num_examples)
    return {
        "share_overlap": share_overlap,
        "seed": seed,
        "steps": arguments.steps,
        "accuracy": round(statistics.fmean(accuracies), 4),
        "lowest": min(accuracies),
        "highest": max(accuracies),
        "seconds": round(seconds, 1),
    }


if __name__ == "__main__":
    main()
