"""Exploring at a tight budget against a loose one: the same paths, the same steps.

Trains shared weights on random paths that fit the tight budget, as the explore phase does, at both
budgets, and says what processor time each took, planning in it. How much of that is the arithmetic
of the savings, is measured apart: the same steps once more, when everything is planned.

    python benchmarks/tight_budget.py [--space nasbench201|vit|cifar-large] [--steps 60]
                                      [--batch-size 64] [--quick] [--json]

Prints a table, or with --json one object, and unless --quick appends it to
`benchmarks/results/tight_budget.jsonl`.
"""

import argparse
import json
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from about import about

from radars.data.tensors import tensor_data
from radars.engine.context import SearchContext
from radars.engine.given import Given
from radars.engine.problem import SearchProblem
from radars.engine.search_config import SearchConfig
from radars.execution.allocator import freed_memory_kept
from radars.memory import traces
from radars.space import Architecture
from radars.units import format_bytes
from radars.zoo import load_space

RESULTS = Path(__file__).parent / "results" / "tight_budget.jsonl"
SETTINGS: dict[str, tuple[dict[str, Any], str, str]] = {
    "nasbench201": ({"width": 8, "cells_per_stage": 2}, "60MiB", "110MiB"),
    "vit": ({}, "30MiB", "60MiB"),
    "cifar-large": ({}, "1.2", "4"),  # times the smallest path
}


def main() -> None:
    """Measures, prints, and appends to the results."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--space", choices=SETTINGS, default="nasbench201")
    parser.add_argument("--steps", type=int, default=60)
    parser.add_argument("--batch-size", type=int, default=64)
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--json", action="store_true")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    options, tight, loose = SETTINGS[arguments.space]
    generator = torch.Generator().manual_seed(0)
    known = arguments.space, options
    drawing = new_context(*known, tight, arguments.batch_size)
    paths = [drawing.sampler.draw_uniform(generator) for _ in range(arguments.steps)]
    rows = {}
    with freed_memory_kept():
        for name, budget in (("loose", loose), ("tight", tight)):
            context = new_context(*known, budget, arguments.batch_size)
            traces._memories.clear()  # of the other budget
            rows[name] = explored(context, paths)
    first, again = (
        rows["tight"][key] / rows["loose"][key] for key in ("first_seconds", "again_seconds")
    )
    result = about() | {
        "space": arguments.space,
        "steps": arguments.steps,
        "batch_size": arguments.batch_size,
        **rows,
        "ratio": round(first, 3),
        "ratio_of_arithmetic": round(again, 3),
        "ratio_without_arithmetic": round(first / again, 3),
    }
    if arguments.json:
        print(json.dumps(result))
    else:
        for name, row in rows.items():
            print(f"{name}: {row}")
        print(
            f"tight / loose {first:.2f}, of which arithmetic {again:.2f}, rest {first / again:.2f}"
        )
    if not arguments.quick:
        with RESULTS.open("a") as file:
            file.write(json.dumps(result) + "\n")


def new_context(space: str, options: dict[str, Any], budget: str, batch_size: int) -> SearchContext:
    """What a search works with, on random images."""
    config = {
        "data": {"batch_size": batch_size, "augment": False},
        "device": "cpu",
        "num_threads": 1,
    }
    image_NCHW = torch.randn(4 * batch_size, 3, 32, 32)
    data = tensor_data(image_NCHW, torch.arange(len(image_NCHW)) % 10)
    given = Given(space=load_space(space, **options), data=data)
    if "MiB" not in budget:
        planner = SearchProblem.of(SearchConfig(budget="100GiB", **config), given).planner
        need_bytes = planner.predict(planner.smallest_path()).peak_bytes
        budget = str(int(float(budget) * need_bytes))
    return SearchContext.of(SearchProblem.of(SearchConfig(budget=budget, **config), given))


def explored(context: SearchContext, paths: Sequence[Architecture]) -> dict[str, Any]:
    """Explores, and the same steps again; the processor time of each, and what was traced."""
    problem = context.problem
    _ = problem.planner.prices, problem.planner.predict(problem.planner.smallest_path())
    num_traces = len(traces._memories[problem.proxy])
    supernet = context.networks.new_supernet()
    batch = context.train_stream.next()
    row: dict[str, Any] = {"budget": format_bytes(problem.planner.budget_bytes)}
    for name in ("first", "again"):
        began = time.process_time()
        for path in paths:
            context.trainer.train_path(supernet, path, batch)
        row[f"{name}_seconds"] = round(time.process_time() - began, 2)
    meter = context.guard.meter
    row["traced"] = len(traces._memories[problem.proxy]) - num_traces
    row["measured"] = format_bytes(meter.measured_peak_bytes)
    row["excess_bytes"] = 0 if meter.largest_excess is None else meter.largest_excess.num_bytes
    row["paths"] = len(set(paths))
    row["with_savings"] = sum(bool(context.guard.savings(path).names) for path in paths)
    covers = [problem.planner.cover(path) for path in paths]
    row["covers"] = len({cover.subspace for cover in covers if cover is not None})
    return row


if __name__ == "__main__":
    main()
