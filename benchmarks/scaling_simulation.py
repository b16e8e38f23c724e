"""Searches on up to 1,000 workers with failures, simulated from the constants that were measured.

A worker fails after a time that is drawn from an exponential distribution, and is back some time
later; its child begins again on whichever worker is free first. The head fails likewise: then what
runs is lost, and so are children that are done but come after one that is not, since results are
kept in the order of submission. Groups of children wait for their last.

    python benchmarks/scaling_simulation.py

Prints a line for each number of workers, and writes `benchmarks/results/scaling_simulation.json`.
"""

import argparse
import heapq
import json
import statistics
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from radars.engine import SearchConfig
from radars.engine.phases.successive_halving import num_kept
from radars.zoo import load_space

RESULTS = Path(__file__).parent / "results"
WORKERS = (1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1000)
HOUR = 3600.0


@dataclass(frozen=True)
class Failures:
    """How often something fails, and how long it is gone; both stated, not measured.

    Attributes:
        worker_rate: failures of each worker, a second.
        worker_seconds: until it is back.
        head_rate: failures of the head, a second.
        head_seconds: until it is back and the search is resumed.
    """

    worker_rate: float = 0.0
    worker_seconds: float = 60.0
    head_rate: float = 0.0
    head_seconds: float = 120.0


def simulate(
    child_seconds: Sequence[float],
    batch: int,
    num_workers: int,
    failures: Failures,
    generator: np.random.Generator,
    group_seconds: float = 0.0,
) -> float:
    """How long children take, in groups, on workers that fail.

    Args:
        child_seconds: how long each child takes on a worker that does not fail.
        batch: children of a group.
        num_workers: how many there are.
        failures: how often.
        generator: draws the times to failure.
        group_seconds: how long the head takes to propose a group and to update the policy.
    """
    now = 0.0
    head_fails = _after(failures.head_rate, generator)
    for first in range(0, len(child_seconds), batch):
        now += group_seconds
        left = list(child_seconds[first : first + batch])
        while left:
            ends = _ends(left, now, num_workers, failures, generator)
            if max(ends) <= head_fails:
                now, left = max(ends), []
                continue
            kept = next(index for index, end in enumerate(ends) if end > head_fails)
            left = left[kept:]
            now = head_fails + failures.head_seconds
            head_fails = now + _after(failures.head_rate, generator)
    return now


def _ends(
    child_seconds: Sequence[float],
    start: float,
    num_workers: int,
    failures: Failures,
    generator: np.random.Generator,
) -> list[float]:
    """When each child is done: the first that waits goes to the worker that is free first."""
    free = [start] * min(num_workers, len(child_seconds))
    waiting = [(start, index) for index in range(len(child_seconds))]
    ends = [0.0] * len(child_seconds)
    while waiting:
        since, index = heapq.heappop(waiting)
        begin = max(since, heapq.heappop(free))
        fails = _after(failures.worker_rate, generator)
        if fails < child_seconds[index]:
            heapq.heappush(waiting, (begin + fails, index))
            heapq.heappush(free, begin + fails + failures.worker_seconds)
        else:
            ends[index] = begin + child_seconds[index]
            heapq.heappush(free, ends[index])
    return ends


def _after(rate: float, generator: np.random.Generator) -> float:
    return float(generator.exponential(1.0 / rate)) if rate else np.inf


def radars_seconds(config: SearchConfig, constants: dict[str, float], num_workers: int) -> float:
    """How long a search by radars takes: rounds on one worker, selection on all of them."""
    explore, select, full = config.explore, config.select, load_space(config.space).full
    steps = explore.num_steps(full)
    rewards = steps * (1 - explore.training_fraction) / max(1, explore.tuning_steps)
    round_seconds = (
        steps * constants["path_step_seconds"]
        + rewards * constants["evaluation_seconds"]
        + config.differentiate.num_steps(full) * constants["iteration_seconds"]
    )
    total, finalists = config.num_rounds * round_seconds, select.finalists
    for num_steps in select.halving_steps:
        alone = num_steps * constants["path_step_seconds"] + constants["evaluation_seconds"]
        sent = constants["path_bytes"] / constants["bytes_a_second"]
        total += -(-finalists // num_workers) * alone + finalists * sent * (num_workers > 1)
        finalists = num_kept(finalists, select.keep)
    return total


def main() -> None:
    """Prints and writes both tables."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--children-a-worker", type=int, default=20)
    parser.add_argument("--child-steps", type=int, default=20_000)
    parser.add_argument("--spread", type=float, default=0.2, help="of the logarithm of their time")
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--failures-an-hour", type=float, default=0.1, help="of each worker")
    parser.add_argument("--head-failures-an-hour", type=float, default=0.05)
    parser.add_argument("--bytes-a-second", type=float, default=1.25e9, help="of the network")
    arguments = parser.parse_args()
    lines = (RESULTS / "scaling_constants.jsonl").read_text().splitlines()
    constants = json.loads(lines[-1]) | {"bytes_a_second": arguments.bytes_a_second}
    given = {"space": constants["space"]}
    config = SearchConfig(**given)
    failing = Failures(
        arguments.failures_an_hour / HOUR, head_rate=arguments.head_failures_an_hour / HOUR
    )
    mean_seconds = (
        arguments.child_steps * constants["path_step_seconds"] + constants["evaluation_seconds"]
    )
    alone = radars_seconds(config, constants, 1)
    rows = []
    print(f"a child takes {mean_seconds:.0f} s; efficiency: work done / (time x workers)")
    for num_workers in WORKERS:
        row: dict[str, float] = {"workers": num_workers}
        for name, waves in (("one_wave", 1), ("four_waves", 4)):
            for label, failures in (("", Failures()), ("_failing", failing)):
                efficiencies = []
                for seed in range(arguments.seeds):
                    generator = np.random.default_rng(seed)
                    number = arguments.children_a_worker * num_workers
                    mean_log = np.log(mean_seconds) - arguments.spread**2 / 2
                    seconds = generator.lognormal(mean_log, arguments.spread, number).tolist()
                    took = simulate(
                        seconds,
                        waves * num_workers,
                        num_workers,
                        failures,
                        generator,
                        constants["policy_update_seconds"],
                    )
                    efficiencies.append(sum(seconds) / (took * num_workers))
                row[name + label] = statistics.median(efficiencies)
                if label:
                    row[f"{name}_lowest"] = min(efficiencies)
        row["radars_speedup"] = alone / radars_seconds(config, constants, num_workers)
        rows.append(row)
        print("  ".join(f"{key} {value:.3g}" for key, value in row.items()), flush=True)
    written = {"arguments": vars(arguments), "constants": constants, "rows": rows}
    (RESULTS / "scaling_simulation.json").write_text(json.dumps(written, indent=1) + "\n")


if __name__ == "__main__":
    main()
