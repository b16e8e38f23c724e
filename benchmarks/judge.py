"""Runs the searches of protocol.md, each for the same time, and keeps a row of each.

    cd benchmarks; python judge.py --problems plain,columns --seeds 0-7 --data DATA

A row says what was found, and nothing of true accuracy: `verdict.py` looks that up. Searches that
have a row are not run again. One thread; for times that mean something, give it a core of its own
(`taskset -c 1`).
"""

import argparse
import json
import os
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import torch
from about import about, commit_of_here
from judged import CONTENDERS, PROBLEMS, Problem

import radars
from radars.errors import BudgetError
from radars.runs.event_schema import ChildEvent, Event, SelectionEvent

ROWS = Path(__file__).parent / "results" / "judge.jsonl"


def main() -> None:
    """Runs what has no row yet, seed by seed, so that a table fills evenly."""
    arguments = parsed()
    torch.set_num_threads(1)
    done = {key_of(row) for row in read_rows(arguments.out)}
    commit = commit_of_here()
    problems = [PROBLEMS[name] for name in arguments.problems.split(",")]
    for seed in seeds_of(arguments.seeds):
        for problem in problems:
            for contender in arguments.contenders.split(","):
                if (problem.name, contender, seed) in done:
                    continue
                row: dict[str, Any] = about() | {
                    "commit": commit,
                    "core": core(),
                    "problem": problem.name,
                }
                row |= {"contender": contender, "seed": seed, "seconds": problem.seconds}
                row |= search(problem, contender, seed, arguments.data)
                with arguments.out.open("a") as file:
                    file.write(json.dumps(row) + "\n")


def parsed() -> argparse.Namespace:
    """What the command line says."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--problems", required=True, help=f"of {', '.join(PROBLEMS)}")
    parser.add_argument("--contenders", default=",".join(CONTENDERS))
    parser.add_argument("--seeds", default="0-19", help="such as 0-19 or 3,5")
    parser.add_argument("--data", type=Path, required=True, help="the folder of published data")
    parser.add_argument("--out", type=Path, default=ROWS)
    return parser.parse_args()


def search(problem: Problem, contender: str, seed: int, data: Path) -> dict[str, Any]:
    """A search: what it found, what it took, and each network that was the best trained so far."""
    better: list[tuple[float, float, dict[str, str]]] = []

    def on_event(event: Event) -> None:
        if isinstance(event, ChildEvent):
            trained = [(event.architecture, event.accuracy)]
        elif isinstance(event, SelectionEvent):
            trained = list(zip(event.finalists, event.accuracies, strict=False))
        else:
            return
        for architecture, accuracy in trained:
            if accuracy is not None and (not better or accuracy > better[-1][1]):
                seconds = round(time.perf_counter() - start, 2)
                better.append((seconds, accuracy, architecture))

    start = time.perf_counter()
    try:
        found = radars.search(
            *problem.given(data, seed),
            seed=seed,
            max_minutes=problem.seconds / 60,
            num_threads=1,
            on_event=on_event,
            **problem.settings(contender, data),
        )
    except BudgetError as error:
        return {"status": "exceeded_memory", "needed_bytes": error.needed_bytes}
    return {
        "status": found.status,
        "wall_seconds": round(time.perf_counter() - start, 2),
        "search_seconds": round(found.search_seconds, 2),
        "architecture": dict(found.architecture),
        "validation_accuracy": found.validation_accuracy,
        "predicted_peak_bytes": found.predicted_peak_bytes,
        "measured_peak_bytes": found.measured_peak_bytes,
        "better": better,
    }


def read_rows(path: Path = ROWS) -> Iterator[dict[str, Any]]:
    """The rows that are kept, in order; a row that is cut off is left out."""
    lines = path.read_text().split("\n")[:-1] if path.exists() else []
    yield from map(json.loads, lines)


def key_of(row: dict[str, Any]) -> tuple[str, str, int]:
    """What a row is about."""
    return row["problem"], row["contender"], row["seed"]


def seeds_of(text: str) -> Iterator[int]:
    """Seeds such as 0-19 or 3,5."""
    for part in text.split(","):
        first, _, last = part.partition("-")
        yield from range(int(first), int(last or first) + 1)


def core() -> str:
    """The cores that the process may use."""
    return ",".join(map(str, sorted(os.sched_getaffinity(0))))


if __name__ == "__main__":
    main()
