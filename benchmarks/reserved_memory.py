"""What CUDA's allocator reserves, predicted against what it has reserved after a few steps.

On a GPU, cases are measured. Only bytes count, so a GPU whose kernels do nothing will do. Without a
GPU, what a plan made there predicts is compared with what the cases in the results have reserved.

    python benchmarks/reserved_memory.py [--spaces digits,vit] [--batch-sizes 32,128]

For each built-in space: a path, and the last two candidates of every choice, whose weights and
architecture steps are run in turn. Adds a JSON line a case to `benchmarks/results/`.
"""

import argparse
import gc
import json
from collections.abc import Iterator, Sequence
from itertools import product
from pathlib import Path
from statistics import median
from typing import Any

import torch
from about import about
from measured import live_of

from radars.memory import PLAIN, MemorySavings, TrainingSpec
from radars.memory.floor import measured_floor_bytes
from radars.memory.predict import kinds_of, predict, run_step
from radars.memory.reserved import predict_reserved
from radars.nn.steps import Precision, StepKind
from radars.nn.supernet import Supernet
from radars.space import SearchSpace, Subspace
from radars.zoo import load_space, zoo

RESULT = Path(__file__).parent / "results" / "reserved_memory.jsonl"
PRECISIONS: tuple[Precision, ...] = ("32-true", "bf16-mixed")
SAVINGS = (PLAIN, MemorySavings(recompute=1.0))
ROUNDS = 4  # of all steps


def main() -> None:
    """Measures every case, or predicts those of the results; prints predicted / reserved."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--spaces", default=",".join(entry.name for entry in zoo()))
    parser.add_argument("--batch-sizes", default="32,128")
    arguments = parser.parse_args()
    names = arguments.spaces.split(",")
    batch_sizes = [int(size) for size in arguments.batch_sizes.split(",")]
    is_here = torch.cuda.is_available()
    ratios: list[float] = []
    for row in measured_rows(names, batch_sizes) if is_here else rows_without_gpu(names):
        ratios.append(row["predicted_bytes"] / row["reserved_bytes"])
        print(f"{ratios[-1]:.3f} {row}", flush=True)
        if is_here:
            with RESULT.open("a") as file:
                file.write(json.dumps(about() | row) + "\n")
    print(f"predicted / reserved {min(ratios):.3f}, {median(ratios):.3f}, {max(ratios):.3f}")
    print(f"{sum(ratio == 1 for ratio in ratios)} of {len(ratios)} exact")


def measured_rows(names: Sequence[str], batch_sizes: Sequence[int]) -> Iterator[dict[str, Any]]:
    """A row for each case of some spaces."""
    floor_bytes = measured_floor_bytes(torch.device("cuda"))
    for name in names:
        yield from rows_of(load_space(name), batch_sizes, floor_bytes)


def rows_without_gpu(names: Sequence[str]) -> Iterator[dict[str, Any]]:
    """The rows in the results of some spaces, as they are predicted without a GPU."""
    for row in map(json.loads, RESULT.read_text().splitlines()):
        if row["space"] in names:
            space = load_space(row["space"])
            savings = next(known for known in SAVINGS if " ".join(known.names) == row["savings"])
            spec = spec_of(space, row["precision"], row["batch_size"], row["floor_bytes"])
            yield row | predicted(space, live_of(space)[row["subspace"]], spec, savings)


def rows_of(
    space: SearchSpace, batch_sizes: Sequence[int], floor_bytes: int
) -> Iterator[dict[str, Any]]:
    """A row for each case of a space."""
    for (label, subspace), savings, precision, batch_size in product(
        live_of(space).items(), SAVINGS, PRECISIONS, batch_sizes
    ):
        spec = spec_of(space, precision, batch_size, floor_bytes)
        kinds = kinds_of(subspace, spec.training_kinds)
        reserved_bytes, allocated_bytes = measured(space, subspace, spec, kinds, savings)
        yield {
            "space": space.name,
            "subspace": label,
            "savings": " ".join(savings.names),
            "precision": precision,
            "batch_size": batch_size,
            "floor_bytes": floor_bytes,
            **predicted(space, subspace, spec, savings),
            "reserved_bytes": reserved_bytes,
            "allocated_bytes": allocated_bytes,
        }


def spec_of(
    space: SearchSpace, precision: Precision, batch_size: int, floor_bytes: int
) -> TrainingSpec:
    """How a case is trained."""
    return TrainingSpec(
        space.input_shape,
        batch_size,
        precision=precision,
        device_type="cuda",
        floor_bytes=floor_bytes,
    )


def predicted(
    space: SearchSpace, subspace: Subspace, spec: TrainingSpec, savings: MemorySavings
) -> dict[str, int]:
    """What is predicted of a case."""
    steps = [(kind, savings) for kind in kinds_of(subspace, spec.training_kinds)]
    device = predict_reserved(space, subspace, spec, steps)
    return {
        "tensor_bytes": predict(space, subspace, spec, savings=savings).peak_bytes,
        "predicted_bytes": device.reserved_bytes,
        "predicted_allocated_bytes": device.allocated_bytes,
    }


def measured(
    space: SearchSpace,
    subspace: Subspace,
    spec: TrainingSpec,
    kinds: Sequence[StepKind],
    savings: MemorySavings,
) -> tuple[int, int]:
    """The peaks of reserved and of allocated bytes in a few rounds of steps."""
    gc.collect()  # the network of the case before
    torch.cuda.empty_cache()
    torch.cuda.reset_peak_memory_stats()
    supernet = Supernet(
        space,
        subspace,
        spec.relaxation,
        optimizer=spec.optimizer,
        savings=savings,
        device=spec.device,
    )
    batch = [tensor.clone() for tensor in spec.batch()]
    for _ in range(ROUNDS):
        for kind in kinds:
            run_step(kind, supernet, batch, spec.precision, savings.micro_batches)
    return torch.cuda.max_memory_reserved(), torch.cuda.max_memory_allocated()


if __name__ == "__main__":
    main()
