"""Is the predicted peak of a step the measured one? For every built-in space and kind of step.

Real steps are measured: on the CPU every tensor is counted, on CUDA what its allocator gave. What
is predicted to hold more than `--limit` is not run, and counted as such.

    python benchmarks/memory_prediction.py [--spaces digits,vit] [--batch-sizes 8,64,256]
    python benchmarks/memory_prediction.py --device cuda

Adds a row to `benchmarks/results/memory_prediction.csv` (`memory_prediction_cuda.csv`) as each step
is done, leaves out those that are there, and prints the worst case: it takes hours, and may be
stopped at any time.
"""

import argparse
import csv
import gc
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import product
from pathlib import Path

import torch
from measured import live_of, peak_of

from radars.memory import PLAIN, MemorySavings, Planner, PriceCache, TrainingSpec, predict
from radars.memory.floor import measured_floor_bytes
from radars.nn.optimizer import OptimizerConfig
from radars.nn.steps import Precision, StepKind
from radars.space import SearchSpace
from radars.units import parse_bytes
from radars.zoo import load_space, zoo

RESULTS = Path(__file__).parent / "results"
OPTIMIZERS = {
    "sgd": OptimizerConfig(),
    "adamw": OptimizerConfig(name="adamw", learning_rate=1e-3),
}
PRECISIONS: tuple[Precision, ...] = ("32-true", "bf16-mixed")
LEVERS = (
    PLAIN,
    MemorySavings(recompute=1.0),
    MemorySavings(recompute=1.0, split_channels=1.0),
    MemorySavings(selective=1.0),
)
BOTH = (StepKind.WEIGHTS, StepKind.ARCHITECTURE)
KINDS = {
    "path": (StepKind.WEIGHTS, StepKind.EVALUATION),
    "two candidates": BOTH,
    "whole": BOTH,
}
KEY = ("space", "subspace", "step", "batch_size", "optimizer", "precision", "levers")
NUMBERS = ("predicted_bytes", "measured_bytes", "ratio")


@dataclass(frozen=True)
class Measuring:
    """Where steps are measured, and what comes of it.

    Attributes:
        device: where they run.
        limit: bytes beyond which a step is not run.
        file: the rows.
        floor_bytes: what the device holds whatever runs.
    """

    device: torch.device
    limit: int
    file: Path
    floor_bytes: int

    @classmethod
    def on(cls, device: torch.device, limit: int) -> "Measuring":
        """On a device, with a file of its type."""
        name = "memory_prediction" + ("" if device.type == "cpu" else f"_{device.type}")
        return cls(device, limit, RESULTS / f"{name}.csv", measured_floor_bytes(device))


def main() -> None:
    """Measures what is not in the file yet; a row is written as soon as it is measured."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--spaces", default=",".join(entry.name for entry in zoo()))
    parser.add_argument("--batch-sizes", default="8,64,256")
    parser.add_argument("--limit", default="2GiB", type=parse_bytes)
    parser.add_argument("--device", default="cpu", type=torch.device)
    arguments = parser.parse_args()
    measuring = Measuring.on(arguments.device, arguments.limit)
    for name in arguments.spaces.split(","):
        space = load_space(name)
        for batch_size in map(int, arguments.batch_sizes.split(",")):
            for optimizer, precision in product(OPTIMIZERS, PRECISIONS):
                measure(measuring, space, batch_size, optimizer, precision)
        rows = [row for row in read(measuring.file) if row["space"] == name]
        print(said(name, rows), flush=True)
    print(said("all", list(read(measuring.file))))


def read(path: Path) -> Iterator[dict[str, str]]:
    """The rows that were written."""
    if path.exists():
        with path.open(newline="") as file:
            yield from csv.DictReader(file)


def said(name: str, rows: list[dict[str, str]]) -> str:
    """What people read of some rows."""
    measured = [row for row in rows if row["ratio"]]
    worst = max((abs(float(row["ratio"]) - 1) for row in measured), default=0.0)
    return (
        f"{name}: {len(measured)} steps, worst {worst:.4%}; "
        f"{len(rows) - len(measured)} over the limit"
    )


def measure(
    measuring: Measuring, space: SearchSpace, batch_size: int, optimizer: str, precision: Precision
) -> None:
    """Writes a row for every step of one kind of batch; without numbers where it is too large."""
    assert space.input_shape is not None
    known = {tuple(row[field] for field in KEY) for row in read(measuring.file)}
    spec = TrainingSpec(
        space.input_shape,
        batch_size,
        OPTIMIZERS[optimizer],
        precision=precision,
        device_type=measuring.device.type,
        floor_bytes=measuring.floor_bytes,
    )
    limit = measuring.limit
    planner = Planner(space, spec, limit, price_cache=PriceCache())
    live = live_of(space) | ({"whole": space.full} if space.is_modular else {})
    steps = [(label, subspace, kind) for label, subspace in live.items() for kind in KINDS[label]]
    for (label, subspace, kind), savings in product(steps, LEVERS):
        if kind is StepKind.EVALUATION and savings != PLAIN:
            continue
        batch = (str(batch_size), optimizer, precision)
        key = (space.name, label, kind.value, *batch, " ".join(savings.names))
        if key in known:
            continue
        numbers: tuple[object, ...] = ("", "", "")
        expected_bytes = planner.expected_bytes(subspace, savings) if space.is_modular else 0
        if expected_bytes <= 2 * limit:  # or it is not worth a trace
            predicted_bytes = predict(
                space, subspace, spec, kinds=[kind], savings=savings
            ).peak_bytes
            numbers = (predicted_bytes, "", "")
            if predicted_bytes <= limit:
                gc.collect()  # the network of the step before
                measured_bytes = peak_of(space, subspace, spec, kind, savings, measuring.device)
                numbers = (predicted_bytes, measured_bytes, predicted_bytes / measured_bytes)
        is_new = not measuring.file.exists()
        with measuring.file.open("a", newline="") as file:
            writer = csv.writer(file)
            if is_new:
                writer.writerow((*KEY, *NUMBERS))
            writer.writerow((*key, *numbers))


if __name__ == "__main__":
    main()
