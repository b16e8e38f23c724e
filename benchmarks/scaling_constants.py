"""What the model of `docs/scaling.md` is made of, measured: seconds of each part, bytes sent.

    python benchmarks/scaling_constants.py

Prints each constant as the median of its repeats with the range, and appends a line to
`benchmarks/results/scaling_constants.jsonl`, which `scaling_simulation.py` reads.
"""

import argparse
import json
import statistics
import time
from collections.abc import Callable
from pathlib import Path

import torch
from about import about

from radars.engine import SearchConfig
from radars.engine.context import SearchContext
from radars.engine.method_config import PolicyUpdatesConfig
from radars.engine.methods.radars import Radars
from radars.engine.phases.train_paths import update_policy
from radars.engine.problem import SearchProblem
from radars.nn.steps import architecture_step, weights_step

RESULTS = Path(__file__).parent / "results" / "scaling_constants.jsonl"


def main() -> None:
    """Measures every part of a search of one space."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--space", default="digits")
    parser.add_argument("--data", default="digits")
    parser.add_argument("--repeats", type=int, default=15)
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    given = {"space": arguments.space, "data": {"source": arguments.data}, "device": "cpu"}
    config = SearchConfig(**given)
    problem = SearchProblem.of(config)
    context, controller, supernet = (
        SearchContext.of(problem),
        Radars.new_policy(problem.proxy.full, problem.config),
        SearchContext.of(problem).networks.new_supernet(),
    )
    context.guard.meter.predicted_peak_bytes = (
        config.budget
    )  # so that no step is measured, which takes time
    plan = problem.planner.plan(controller.probabilities())

    def path_step() -> None:
        context.trainer.train_path(
            supernet, context.sampler.draw(controller).architecture, context.train_stream.next()
        )

    def policy_update() -> None:
        update_policy(context, supernet, controller, PolicyUpdatesConfig())

    def iteration() -> None:
        supernet.activate(plan.subspace)
        weights_step(supernet, *context.train_stream.next())
        architecture_step(supernet, *context.validation_stream.next())

    def evaluation() -> None:
        path = context.sampler.draw(controller).architecture
        context.evaluator.accuracy(supernet, path, config.data.batch_size)

    child = SearchContext.of(problem).networks.new_child(problem.planner.largest_path())
    parts: dict[str, Callable[[], None]] = {
        "path_step_seconds": path_step,
        "policy_update_seconds": policy_update,
        "iteration_seconds": iteration,
        "evaluation_seconds": evaluation,
    }
    row: dict[str, object] = {
        **about(),
        "space": config.space,
        "batch_size": config.data.batch_size,
        "path_bytes": sum(tensor.nbytes for tensor in child.state_dict().values()),
    }
    for name, part in parts.items():
        seconds = [elapsed(part) for _ in range(arguments.repeats + 1)][1:]  # the first warms up
        row[name] = statistics.median(seconds)
        row[name.replace("seconds", "range")] = [min(seconds), max(seconds)]
        print(f"{name}: {row[name]:.4f} ({min(seconds):.4f} to {max(seconds):.4f})", flush=True)
    RESULTS.parent.mkdir(exist_ok=True)
    with RESULTS.open("a") as file:
        file.write(json.dumps(row) + "\n")


def elapsed(part: Callable[[], None]) -> float:
    """How long a part takes."""
    start = time.perf_counter()
    part()
    return time.perf_counter() - start


if __name__ == "__main__":
    main()
