"""What CUDA's allocator reserves, predicted against what it has reserved after a few steps.

Needs a GPU. Only bytes count, so a GPU whose kernels do nothing will do.

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
    """Measures every case, and prints the ratio of predicted to reserved."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--spaces", default=",".join(entry.name for entry in zoo()))
    parser.add_argument("--batch-sizes", default="32,128")
    arguments = parser.parse_args()
    floor_bytes = measured_floor_bytes(torch.device("cuda"))
    ratios: list[float] = []
    for name in arguments.spaces.split(","):
        space = load_space(name)
        batch_sizes = [int(size) for size in arguments.batch_sizes.split(",")]
        for row in rows_of(space, batch_sizes, floor_bytes):
            ratios.append(row["predicted_bytes"] / row["reserved_bytes"])
            print(f"{ratios[-1]:.3f} {row}", flush=True)
            with RESULT.open("a") as file:
                file.write(json.dumps(about() | row) + "\n")
    print(f"predicted / reserved {min(ratios):.3f}, {median(ratios):.3f}, {max(ratios):.3f}")


def rows_of(
    space: SearchSpace, batch_sizes: Sequence[int], floor_bytes: int
) -> Iterator[dict[str, Any]]:
    """A row for each case of a space."""
    assert space.input_shape is not None
    path = {choice: names[-1] for choice, names in space.full.items()}
    live = {"path": space.made(path).as_subspace()}
    if space.is_modular:
        two = {choice: names[-2:] for choice, names in space.full.items()}
        live["two candidates"] = Subspace(two)
    for (label, subspace), savings, precision, batch_size in product(
        live.items(), SAVINGS, PRECISIONS, batch_sizes
    ):
        spec = TrainingSpec(
            space.input_shape,
            batch_size,
            precision=precision,
            device_type="cuda",
            floor_bytes=floor_bytes,
        )
        kinds = kinds_of(subspace, spec.training_kinds)
        steps = [(kind, savings) for kind in kinds]
        reserved_bytes, allocated_bytes = measured(space, subspace, spec, kinds, savings)
        predicted = predict_reserved(space, subspace, spec, steps)
        tensors = predict(space, subspace, spec, savings=savings)
        yield {
            "space": space.name,
            "subspace": label,
            "savings": " ".join(savings.names),
            "precision": precision,
            "batch_size": batch_size,
            "tensor_bytes": tensors.peak_bytes,
            "predicted_bytes": predicted.reserved_bytes,
            "reserved_bytes": reserved_bytes,
            "predicted_allocated_bytes": predicted.allocated_bytes,
            "allocated_bytes": allocated_bytes,
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
