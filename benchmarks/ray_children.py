"""Children of the RL baseline on Ray: two workers against one, each pinned to one thread.

Both take turns on one cluster of this machine, so that what the machine does meanwhile meets both:
a task that asks for more than half of the cluster's memory runs alone, one that asks for less has
another beside it. The ratio of the throughputs of neighbouring turns is what counts.

    python benchmarks/ray_children.py

Prints a line a turn, and appends to `benchmarks/results/ray_children.jsonl`. Needs two free cores.
"""

import argparse
import json
import logging
import os
import statistics
import time
from pathlib import Path

os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")

import ray
import torch
from about import about

from radars.engine import SearchConfig
from radars.engine.context import SearchContext
from radars.engine.methods.children import ChildTask, train_child
from radars.engine.problem import SearchProblem
from radars.engine.workers import ExecutorWorkers, Origin
from radars.execution.ray_executor import RayExecutor

RESULTS = Path(__file__).parent / "results" / "ray_children.jsonl"
CLUSTER_BYTES = 4 * 2**30
ONE, TWO = int(0.6 * CLUSTER_BYTES), int(0.4 * CLUSTER_BYTES)


def main() -> None:
    """Measures the throughput in turns."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--turns", type=int, default=5)
    parser.add_argument("--children", type=int, default=8, help="of each turn")
    parser.add_argument("--steps", type=int, default=100, help="of each child")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    config = SearchConfig(
        method="reinforce",
        num_threads=1,
        device="cpu",
        children={"steps": arguments.steps, "check_fraction": 0.0},
    )
    problem = SearchProblem.of(config)
    context = SearchContext.of(problem)
    generator = torch.Generator().manual_seed(0)
    drawn = (context.sampler.draw_uniform(generator) for _ in range(100 * arguments.children))
    children = [
        ChildTask(a, (), config.children)
        for a in context.sampler.different(drawn, arguments.children)
    ]
    ray.init(
        "local",
        num_cpus=2,
        _memory=CLUSTER_BYTES,
        include_dashboard=False,
        logging_level=logging.ERROR,
    )
    with RayExecutor() as executor:
        context.guard.meter.budget_bytes = TWO
        workers = ExecutorWorkers(
            executor,
            Origin(config),
            context.guard,
            context.evaluator,
            context.trainer.skipped,
        )
        list(workers.map(train_child, children))  # both workers have all that they need
        rates: dict[int, list[float]] = {1: [], 2: []}
        for _ in range(arguments.turns):
            for number, budget_bytes in ((1, ONE), (2, TWO)):
                context.guard.meter.budget_bytes = budget_bytes
                start = time.perf_counter()
                list(workers.map(train_child, children))
                rates[number].append(len(children) / (time.perf_counter() - start))
                print(f"{number} at a time: {rates[number][-1]:.2f} children a second", flush=True)
    ray.shutdown()
    ratios = [two / one for one, two in zip(rates[1], rates[2], strict=True)]
    row = about() | {
        "space": config.space,
        "steps": arguments.steps,
        "children": len(children),
        "children_a_second": {number: statistics.median(rate) for number, rate in rates.items()},
        "ratio": statistics.median(ratios),
        "ratios": [min(ratios), max(ratios)],
    }
    RESULTS.parent.mkdir(exist_ok=True)
    with RESULTS.open("a") as file:
        file.write(json.dumps(row) + "\n")
    print(f"two against one: {row['ratio']:.2f} ({min(ratios):.2f} to {max(ratios):.2f})")


if __name__ == "__main__":
    main()
