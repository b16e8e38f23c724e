"""Plain mixtures against recomputed ones: memory and time of an iteration, side by side.

An iteration is a weights step and an architecture step. Both kinds are run in turns in one process,
so that what the machine does meanwhile meets both; the ratio of their medians is what counts.

    python benchmarks/recompute.py

Prints a line a space, and appends to `benchmarks/results/recompute.jsonl`.
"""

import argparse
import json
import statistics
import time
from pathlib import Path

import torch
from about import about
from measured import peak_of
from torch import nn

from radars.memory import TrainingSpec
from radars.nn.operations import classifier
from radars.nn.steps import StepKind, architecture_step, weights_step
from radars.nn.supernet import Supernet
from radars.space import Choose, SearchSpace
from radars.spaces import load_space
from radars.spaces.stages import mbconv_candidates
from radars.units import format_bytes

RESULTS = Path(__file__).parent / "results" / "recompute.jsonl"
STEPS = (StepKind.WEIGHTS, StepKind.ARCHITECTURE)


def layer_of_mobile_large(choose: Choose) -> nn.Module:
    """The ninth layer of `mobile-large`: 80 channels of 14x14, 49 candidates."""
    candidates = mbconv_candidates((3, 5, 7, 9), (1, 2, 3, 4, 6, 8), (False, True))
    return nn.Sequential(choose("layer", candidates(80, 80, 1)), classifier(80, 10))


def main() -> None:
    """Measures both spaces."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--repeats", type=int, default=7)
    arguments = parser.parse_args()
    macro = load_space("nasbench-macro", width=16)
    layer = SearchSpace(layer_of_mobile_large, name="a layer of mobile-large")
    for space, spec in (
        (macro, TrainingSpec((3, 32, 32), 64)),
        (layer, TrainingSpec((80, 14, 14), 16)),
    ):
        measure_space(space, spec, arguments.repeats)


def measure_space(space: SearchSpace, spec: TrainingSpec, repeats: int) -> None:
    """Prints and records one space."""
    peak_bytes = {
        recompute: max(
            peak_of(space, space.full, spec, kind, recompute=recompute) for kind in STEPS
        )
        for recompute in (False, True)
    }
    supernets = {recompute: Supernet(space, recompute=recompute) for recompute in (False, True)}
    seconds: dict[bool, list[float]] = {False: [], True: []}
    for repeat in range(repeats + 1):
        for recompute, supernet in supernets.items():
            elapsed = iteration_seconds(supernet, spec)
            if repeat:  # the first warms up
                seconds[recompute].append(elapsed)
    median = {recompute: statistics.median(times) for recompute, times in seconds.items()}
    ratios = [again / plain for plain, again in zip(seconds[False], seconds[True], strict=True)]
    row = {
        **about(),
        "space": space.name,
        "batch_size": spec.batch_size,
        "plain_bytes": peak_bytes[False],
        "recomputed_bytes": peak_bytes[True],
        "plain_seconds": median[False],
        "time_ratio": median[True] / median[False],
        "time_ratios": [min(ratios), max(ratios)],
    }
    RESULTS.parent.mkdir(exist_ok=True)
    with RESULTS.open("a") as file:
        file.write(json.dumps(row) + "\n")
    print(
        f"{space.name}: {format_bytes(peak_bytes[False])} plain, {format_bytes(peak_bytes[True])} "
        f"recomputed ({peak_bytes[False] / peak_bytes[True]:.1f} times less), "
        f"{median[False]:.2f} s plain, {row['time_ratio']:.2f} times that recomputed "
        f"({min(ratios):.2f} to {max(ratios):.2f})",
        flush=True,
    )


def iteration_seconds(supernet: Supernet, spec: TrainingSpec) -> float:
    """How long a weights step and an architecture step take."""
    example_B = torch.randn(spec.batch_size, *spec.input_shape)
    example_B = example_B.contiguous(memory_format=torch.channels_last)
    label_B = torch.arange(spec.batch_size) % 10
    start = time.perf_counter()
    weights_step(supernet, example_B, label_B)
    architecture_step(supernet, example_B, label_B)
    return time.perf_counter() - start


if __name__ == "__main__":
    main()
