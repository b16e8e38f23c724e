"""How the time and the peak of a step grow, with the fitted exponents.

One thing grows at a time, from the same small network: candidates a layer, layers, the batch, the
resolution. Measured on the CPU, each size several times:

- path: a weights step on one path, as exploring takes it; another path each time, so that what it
  costs to bring its candidates to the device is in it;
- supernet: a weights step and an architecture step of all candidates, recomputed in the backward
  pass.

An exponent of 1 says that it grows as the size does, 0 that it does not grow. It is the slope of a
line through the logarithms.

    python benchmarks/growth.py

Prints a table, and writes `benchmarks/results/growth.json`.
"""

import argparse
import json
import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from about import about
from measured import peak_of
from torch import nn

from radars.execution.allocator import freed_memory_kept
from radars.memory import PLAIN, MemorySavings, TrainingSpec
from radars.nn.operations import classifier, conv_bn_relu, mbconv
from radars.nn.steps import StepKind, architecture_step, weights_step
from radars.nn.supernet import Supernet
from radars.space import Architecture, Choose, SearchSpace

RESULTS = Path(__file__).parent / "results" / "growth.json"
_WIDTH = 16
RECOMPUTED = MemorySavings(recompute=1.0)


@dataclass(frozen=True)
class Size:
    """A network and its batch; `candidates` are MBConvs."""

    candidates: int = 4
    layers: int = 8
    batch_size: int = 32
    resolution: int = 16


AXES: dict[str, tuple[int, ...]] = {
    "candidates": (2, 4, 8, 16, 32, 64),
    "layers": (8, 16, 32, 64),
    "batch_size": (16, 32, 64, 128),
    "resolution": (8, 16, 32, 64),
}
MEASURES = ("path_seconds", "path_bytes", "supernet_seconds", "supernet_bytes")


def main() -> None:
    """Measures every size, prints and writes the table."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--repeats", type=int, default=7)
    arguments = parser.parse_args()
    result: dict[str, Any] = {**about(), "repeats": arguments.repeats, "axes": {}}
    print(f"{'':24}{'path':>22}{'supernet, recomputed':>30}")
    with freed_memory_kept():
        for axis, values in AXES.items():
            rows = [
                {axis: value} | measure(replace(Size(), **{axis: value}), arguments.repeats)
                for value in values
            ]
            exponents = {
                name: float(np.polyfit(np.log(values), np.log([row[name] for row in rows]), 1)[0])
                for name in MEASURES
            }
            result["axes"][axis] = {"rows": rows, "exponents": exponents}
            for row in rows:
                print(
                    f"{axis:>12} {row[axis]:>5}      "
                    f"{1e3 * row['path_seconds']:8.1f} ms {row['path_bytes'] / 2**20:8.1f} MiB"
                    f"{1e3 * row['supernet_seconds']:12.1f} ms "
                    f"{row['supernet_bytes'] / 2**20:8.1f} MiB",
                    flush=True,
                )
            print(
                f"{'exponents':>18}      " + "   ".join(f"{e:8.2f}   " for e in exponents.values())
            )
            RESULTS.write_text(json.dumps(result, indent=1) + "\n")


def space_of(size: Size) -> SearchSpace:
    """A network without stages and with candidates that are alike, so that all cost the same."""
    candidates = {
        f"candidate{index}": lambda: mbconv(_WIDTH, _WIDTH, kernel_size=5, expand_ratio=4)
        for index in range(size.candidates)
    }

    def network(choose: Choose) -> nn.Module:
        layers = [choose(f"layer{index}", candidates) for index in range(size.layers)]
        return nn.Sequential(conv_bn_relu(3, _WIDTH), *layers, classifier(_WIDTH, 10))

    return SearchSpace(network, name="growth", input_shape=(3, size.resolution, size.resolution))


def measure(size: Size, repeats: int) -> dict[str, float]:
    """Medians of the times, and the peaks, of one size."""
    space = space_of(size)
    spec = TrainingSpec((3, size.resolution, size.resolution), size.batch_size)
    example_B = torch.randn(size.batch_size, *spec.input_shape)
    example_B = example_B.contiguous(memory_format=torch.channels_last)
    label_B = torch.arange(size.batch_size) % 10
    generator = torch.Generator().manual_seed(0)
    supernet = Supernet(space)  # of the whole space: no candidate is built while time is taken
    paths = [drawn(space, generator) for _ in range(repeats)]

    def path_step(path: Architecture) -> None:
        supernet.activate(path)
        supernet.set_savings(PLAIN)
        weights_step(supernet, example_B, label_B)

    def iteration() -> None:
        weights_step(supernet, example_B, label_B)
        architecture_step(supernet, example_B, label_B)

    path_seconds = median_seconds([lambda path=path: path_step(path) for path in paths])  # type: ignore[misc]
    supernet.activate(space.full)
    supernet.set_savings(RECOMPUTED)
    supernet_seconds = median_seconds([iteration] * repeats)
    path_bytes = max(
        peak_of(space, path.as_subspace(), spec, StepKind.WEIGHTS) for path in paths[:3]
    )
    supernet_bytes = max(
        peak_of(space, space.full, spec, kind, RECOMPUTED)
        for kind in (StepKind.WEIGHTS, StepKind.ARCHITECTURE)
    )
    return {
        "path_seconds": path_seconds,
        "path_bytes": path_bytes,
        "supernet_seconds": supernet_seconds,
        "supernet_bytes": supernet_bytes,
    }


def drawn(space: SearchSpace, generator: torch.Generator) -> Architecture:
    """A uniform draw."""
    return Architecture(
        {
            choice: names[int(torch.randint(len(names), (), generator=generator))]
            for choice, names in space.full.items()
        }
    )


def median_seconds(steps: list[Callable[[], None]]) -> float:
    """The median time of the steps, after one that warms up."""
    steps[0]()
    seconds = []
    for step in steps:
        start = time.perf_counter()
        step()
        seconds.append(time.perf_counter() - start)
    return statistics.median(seconds)


if __name__ == "__main__":
    main()
