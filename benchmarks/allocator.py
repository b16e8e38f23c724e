"""What it brings that the C library keeps freed memory: the time of a step, with and without.

Plain supernet iterations (a weights step and an architecture step) and single-path steps of
NAS-Bench-Macro, width 16, batch 64. Each run is a process of its own, as what a process did before
decides what its heap can give back; runs with and without take turns.

    python benchmarks/allocator.py

Prints a table, and appends a row a number of threads to `benchmarks/results/allocator.jsonl`.
"""

import argparse
import json
import resource
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import torch
from about import about

from radars.execution.allocator import keep_freed_memory
from radars.nn.steps import architecture_step, weights_step
from radars.nn.supernet import Supernet
from radars.space import Subspace
from radars.zoo import load_space

RESULTS = Path(__file__).parent / "results" / "allocator.jsonl"
_WARM_UP, _STEPS = 3, 7


def main() -> None:
    """Runs the processes in turns."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--threads", type=int, nargs="+", default=[1, 2])
    parser.add_argument("--run", choices=("kept", "usual"), help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.run:
        torch.set_num_threads(arguments.threads[0])
        print(json.dumps(measured(is_kept=arguments.run == "kept")))
        return
    for threads in arguments.threads:
        runs: dict[str, list[dict[str, float]]] = {"usual": [], "kept": []}
        for _ in range(arguments.repeats):
            for mode, of_mode in runs.items():
                command = [sys.executable, __file__, "--run", mode, "--threads", str(threads)]
                output = subprocess.run(command, capture_output=True, text=True, check=True).stdout
                of_mode.append(json.loads(output))
        row = about() | {"machine": f"{threads} threads", "repeats": arguments.repeats}
        for name in ("iteration_seconds", "path_seconds", "page_faults"):
            values = {mode: [run[name] for run in of_mode] for mode, of_mode in runs.items()}
            row |= {f"{mode}_{name}": statistics.median(values[mode]) for mode in runs}
            if name != "page_faults":
                pairs = zip(values["usual"], values["kept"], strict=True)
                ratios = sorted(kept / usual for usual, kept in pairs)
                row[f"{name}_ratios"] = ratios
                print(
                    f"{threads} threads, {name.removesuffix('_seconds')}: "
                    f"{row[f'usual_{name}']:.3f} s as usual, {row[f'kept_{name}']:.3f} s kept; "
                    f"{statistics.median(ratios):.2f} of the time "
                    f"({ratios[0]:.2f} to {ratios[-1]:.2f})",
                    flush=True,
                )
        with RESULTS.open("a") as file:
            file.write(json.dumps(row) + "\n")


def measured(*, is_kept: bool) -> dict[str, float]:
    """Median times of this process, and the page faults of an iteration."""
    if is_kept and not keep_freed_memory():
        raise SystemExit("the C library of this machine is not glibc")
    space = load_space("nasbench-macro", width=16)
    example_B = torch.randn(64, 3, 32, 32).contiguous(memory_format=torch.channels_last)
    label_B = torch.arange(64) % 10
    supernet = Supernet(space)

    def iteration() -> None:
        weights_step(supernet, example_B, label_B)
        architecture_step(supernet, example_B, label_B)

    iteration_seconds, page_faults = median_of(iteration)
    supernet.activate(Subspace({choice: names[-1:] for choice, names in space.full.items()}))
    path_seconds, _ = median_of(lambda: weights_step(supernet, example_B, label_B))
    return {
        "iteration_seconds": iteration_seconds,
        "path_seconds": path_seconds,
        "page_faults": page_faults,
    }


def median_of(step: Callable[[], object]) -> tuple[float, float]:
    """The median time and page faults of a step, after some that warm up."""
    seconds, faults = [], []
    for index in range(_WARM_UP + _STEPS):
        before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
        start = time.perf_counter()
        step()
        if index >= _WARM_UP:
            seconds.append(time.perf_counter() - start)
            faults.append(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)
    return statistics.median(seconds), statistics.median(faults)


if __name__ == "__main__":
    main()
