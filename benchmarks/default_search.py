"""What the default `radars search` does with many seeds: is the policy decided, is pruning right?

    python benchmarks/default_search.py --seeds 0-19

A row a seed in `results/default_search.jsonl`: the entropy of the policy from which the last plan
was made, as a part of the largest possible, and whether the network found lies in that plan's
subspace. Seeds that have a row are not run again. Steps are counted, so the pace of the machine
changes nothing.
"""

import argparse
import json
import math
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from about import about, commit_of_here

import radars
from radars.runs.event_schema import Event, PlannedEvent

ROWS = Path(__file__).parent / "results" / "default_search.jsonl"


def main() -> None:
    """Runs what has no row yet, and prints what all rows say."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--seeds", default="0-19", help="the first and the last")
    first, _, last = parser.parse_args().seeds.partition("-")
    done = {row["seed"] for row in read_rows()}
    for seed in range(int(first), int(last or first) + 1):
        if seed not in done:
            row = about() | {"commit": commit_of_here(), "seed": seed} | search(seed)
            with ROWS.open("a") as file:
                file.write(json.dumps(row) + "\n")
    rows = list(read_rows())
    decided = sum(row["entropy"] < 0.5 for row in rows)
    inside = sum(row["is_in_last_plan"] for row in rows)
    print(f"{len(rows)} searches: entropy below half in {decided}, found in the plan in {inside}")


def search(seed: int) -> dict[str, Any]:
    """A default search."""
    plans: list[PlannedEvent] = []

    def on_event(event: Event) -> None:
        if isinstance(event, PlannedEvent):
            plans.append(event)

    found = radars.search(seed=seed, on_event=on_event)
    last = plans[-1]
    return {
        "entropy": round(entropy(last.policy), 4),
        "live_candidates": last.live_candidates,
        "is_in_last_plan": all(
            name in last.subspace[choice] for choice, name in found.architecture.items()
        ),
        "architecture": dict(found.architecture),
        "validation_accuracy": found.validation_accuracy,
        "measured_peak_bytes": found.measured_peak_bytes,
        "budget_bytes": found.budget_bytes,
    }


def entropy(policy: Mapping[str, Mapping[Any, float | None]]) -> float:
    """The entropy of independent draws for all choices, as a part of the largest possible."""
    held = sum(
        -p * math.log(p) for probabilities in policy.values() for p in probabilities.values() if p
    )
    return held / sum(math.log(len(probabilities)) for probabilities in policy.values())


def read_rows() -> Iterator[dict[str, Any]]:
    """The rows that are kept."""
    yield from map(json.loads, ROWS.read_text().splitlines() if ROWS.exists() else [])


if __name__ == "__main__":
    main()
