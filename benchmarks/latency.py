"""Is a latency that a search promises kept when the network is measured again?

For three bounds T between the cheapest and the dearest network of a space, a search under
`latency_ms<=T` that prefers large networks, so that the bound is what limits it; then what it found
is measured by another process, several times.

    python benchmarks/latency.py --seeds 0

Prints a line a bound, and appends to `benchmarks/results/latency.jsonl`. Latency depends on what
else the machine does: run it on a quiet one.
"""

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import torch
from about import about

from radars.cost import LatencySpec
from radars.cost.latency import measure_ms
from radars.engine import SearchConfig
from radars.planning.cost_report import cost_report
from radars.space import Architecture
from radars.zoo import load_space

RESULTS = Path(__file__).parent / "results" / "latency.jsonl"
FRACTIONS = (0.35, 0.55, 0.75)  # of the way from the cheapest network to the dearest
REPEATS = 9


def main() -> None:
    """Searches under each bound, and measures what was found again."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--space", default="digits")
    parser.add_argument("--data", default="digits")
    parser.add_argument("--seeds", default="0")
    parser.add_argument("--set", action="append", default=[], dest="overrides")
    parser.add_argument("--again", type=Path, help="measure an architecture.json, and print it")
    arguments = parser.parse_args()
    if arguments.again is not None:
        print(json.dumps(measured_again(arguments.space, arguments.again)))
        return
    cheapest_ms, dearest_ms = extremes(arguments.space)
    for fraction in FRACTIONS:
        limit_ms = round(cheapest_ms + fraction * (dearest_ms - cheapest_ms), 3)
        for seed in map(int, arguments.seeds.split(",")):
            row = about() | {"space": arguments.space, "seed": seed, "limit_ms": limit_ms}
            row |= searched(arguments, limit_ms, seed)
            RESULTS.parent.mkdir(exist_ok=True)
            with RESULTS.open("a") as file:
                file.write(json.dumps(row) + "\n")
            print(
                f"latency_ms<={limit_ms:.3f}: found {row['measured_ms']:.3f} ms when it was "
                f"returned ({row['sum_ms']:.3f} by its candidates); again, in another process, "
                f"median {row['again_ms']:.3f} of {REPEATS} ({row['again_least_ms']:.3f} to "
                f"{row['again_most_ms']:.3f}): {'kept' if row['is_kept'] else 'NOT KEPT'}",
                flush=True,
            )


def extremes(space_name: str) -> tuple[float, float]:
    """What the cheapest and the dearest network take, in milliseconds."""
    space = load_space(space_name)
    assert space.input_shape is not None
    report = cost_report(space, space.input_shape, SearchConfig().costs, "cpu")
    cheapest, dearest = report.rows[:2]
    return cheapest.whole["latency_ms"], dearest.whole["latency_ms"]


def searched(arguments: argparse.Namespace, limit_ms: float, seed: int) -> dict[str, Any]:
    """Runs a search, and another process on what it found."""
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder) / "run"
        command = [sys.executable, "-m", "radars", "search", "--space", arguments.space]
        command += ["--data", arguments.data, "--constraint", f"latency_ms<={limit_ms}"]
        command += ["--seed", str(seed), "--out", str(out), "--set", "explore.rankers=[size]"]
        for override in arguments.overrides:
            command += ["--set", override]
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
        result = json.loads((out / "result.json").read_text())
        again = [sys.executable, __file__, "--space", arguments.space]
        again += ["--again", str(out / "architecture.json")]
        output = subprocess.run(again, check=True, capture_output=True, text=True).stdout
    times: list[float] = json.loads(output)
    cost = result["costs"]["latency_ms"]
    return {
        "architecture": result["architecture"],
        "validation_accuracy": result["validation_accuracy"],
        "sum_ms": cost["sum"],
        "measured_ms": cost["whole"],
        "again_ms": statistics.median(times),
        "again_least_ms": min(times),
        "again_most_ms": max(times),
        "is_kept": statistics.median(times) <= limit_ms,
    }


def measured_again(space_name: str, path: Path) -> list[float]:
    """Medians of an architecture's latency, in milliseconds."""
    space = load_space(space_name)
    assert space.input_shape is not None
    network = space.build(Architecture.from_json(path.read_text()))
    spec = LatencySpec()
    torch.manual_seed(0)
    return [measure_ms(network, [(1, *space.input_shape)], spec) for _ in range(REPEATS)]


if __name__ == "__main__":
    main()
