"""Is the predicted peak of a step the measured one? For every built-in space and kind of step.

Measured on the CPU: real steps, every tensor counted. What is predicted to hold more than
`--limit` is not run, and counted as such.

    python benchmarks/memory_prediction.py

Writes `benchmarks/results/memory_prediction.csv`, a space as soon as it is done (what the file
holds of other spaces stays), and prints the worst case.
"""

import argparse
import csv
from collections.abc import Iterator
from itertools import product
from pathlib import Path
from typing import Any

from measured import peak_of

from radars.memory import PLAIN, Levers, Planner, PriceCache, TrainingSpec, predict
from radars.nn.optimizer import OptimizerConfig
from radars.nn.steps import Precision, StepKind
from radars.space import Architecture, SearchSpace, Subspace
from radars.spaces import load_space, zoo
from radars.units import format_bytes, parse_bytes

RESULT = Path(__file__).parent / "results" / "memory_prediction.csv"
OPTIMIZERS = {
    "sgd": OptimizerConfig(),
    "adamw": OptimizerConfig(name="adamw", learning_rate=1e-3),
}
PRECISIONS: tuple[Precision, ...] = ("32-true", "bf16-mixed")
LEVERS = (PLAIN, Levers(recompute=1.0), Levers(recompute=1.0, split_channels=1.0))
FIELDS = (
    *("space", "subspace", "step", "batch_size", "optimizer", "precision", "levers"),
    *("predicted_bytes", "measured_bytes", "ratio"),
)


def main() -> None:
    """Measures what fits the limit; writes a row for each."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--spaces", default=",".join(entry.name for entry in zoo()))
    parser.add_argument("--batch-sizes", default="8,64,256")
    parser.add_argument("--limit", default="2GiB", type=parse_bytes)
    arguments = parser.parse_args()
    for name in arguments.spaces.split(","):
        space = load_space(name)
        found = [
            row
            for batch_size in map(int, arguments.batch_sizes.split(","))
            for row in rows_of(space, batch_size, arguments.limit)
        ]
        rows = [row for row in found if row is not None]
        worst = max((abs(row["ratio"] - 1) for row in rows), default=0.0)
        num_over = len(found) - len(rows)
        limit = format_bytes(arguments.limit)
        print(f"{name}: {len(rows)} steps, worst {worst:.4%}; {num_over} over {limit}", flush=True)
        write(rows, space.name)
    rows = list(read())
    worst_row = max(rows, key=lambda row: abs(float(row["ratio"]) - 1))
    print(f"{len(rows)} steps; worst: {worst_row}")


def read() -> Iterator[dict[str, Any]]:
    """The rows that were written."""
    if RESULT.exists():
        with RESULT.open(newline="") as file:
            yield from csv.DictReader(file)


def write(rows: list[dict[str, Any]], space: str) -> None:
    """Puts `rows` in the place of what was written of `space`."""
    kept = [row for row in read() if row["space"] != space]
    RESULT.parent.mkdir(exist_ok=True)
    with RESULT.open("w", newline="") as file:
        writer = csv.DictWriter(file, FIELDS)
        writer.writeheader()
        writer.writerows([*kept, *rows])


def rows_of(space: SearchSpace, batch_size: int, limit: int) -> Iterator[dict[str, Any] | None]:
    """A row for every step of one batch size; None for one that is over the limit."""
    assert space.input_shape is not None
    for optimizer, precision in product(OPTIMIZERS, PRECISIONS):
        spec = TrainingSpec(
            space.input_shape, batch_size, OPTIMIZERS[optimizer], precision=precision
        )
        planner = Planner(space, spec, limit, price_cache=PriceCache())
        first = Architecture({choice: names[-1] for choice, names in space.full.items()})
        two = Subspace({choice: names[-2:] for choice, names in space.full.items()})
        steps = (
            ("path", first.as_subspace(), StepKind.WEIGHTS),
            ("path", first.as_subspace(), StepKind.EVALUATION),
            ("two candidates", two, StepKind.WEIGHTS),
            ("two candidates", two, StepKind.ARCHITECTURE),
            ("whole", space.full, StepKind.WEIGHTS),
            ("whole", space.full, StepKind.ARCHITECTURE),
        )
        for (label, subspace, kind), levers in product(steps, LEVERS):
            if kind is StepKind.EVALUATION and levers != PLAIN:
                continue
            if planner.expected_bytes(subspace, levers) > 2 * limit:  # not worth a trace
                yield None
                continue
            predicted_bytes = predict(space, subspace, spec, kinds=[kind], levers=levers).peak_bytes
            if predicted_bytes > limit:
                yield None
                continue
            measured_bytes = peak_of(space, subspace, spec, kind, levers)
            yield dict(
                zip(
                    FIELDS,
                    (
                        *(space.name, label, kind.value, batch_size, optimizer, precision),
                        *(" ".join(levers.names), predicted_bytes, measured_bytes),
                        predicted_bytes / measured_bytes,
                    ),
                    strict=True,
                )
            )


if __name__ == "__main__":
    main()
