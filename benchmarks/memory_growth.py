"""How memory grows with the number of candidates: plain supernet, two paths, and RADARS.

A CIFAR-sized space of 8 layers with 2, 4, ..., 64 candidates each (MBConvs, the dearest first, so
that all sizes share their largest path). Measured on the CPU: the real steps, every tensor counted.

- plain: a weights step and an architecture step of the whole supernet (DARTS);
- two paths: the same with two candidates a layer, as ProxylessNAS has them on the device;
- radars: the largest single path (explore) and the planned subspace (differentiate), under a budget
  that is the same for all sizes, with the savings of a search.

    pip install -e ".[benchmarks]" && python benchmarks/memory_growth.py

Writes `benchmarks/results/memory_growth.json` and `memory_growth.svg`.
"""

import argparse
import json
from collections.abc import Mapping
from itertools import product
from pathlib import Path
from typing import Any

import matplotlib.pyplot as plt
from about import about
from measured import peak_of
from torch import nn

from radars.memory import PLAIN, Plan, Planner, TrainingSpec, saving_settings
from radars.nn.steps import StepKind
from radars.space import Choose, Factory, SearchSpace, Subspace
from radars.units import format_bytes, parse_bytes
from radars.zoo.stages import cifar_network, mbconv_candidates

RESULTS = Path(__file__).parent / "results"
SIZES = (2, 4, 8, 16, 32, 64)
KERNEL_SIZES = (9, 7, 5, 3)
EXPAND_RATIOS = (8, 7, 6, 5, 4, 3, 2, 1)
INPUT_SHAPE = (3, 32, 32)
YTICKS = (250, 500, 1000, 2000, 4000)
STEPS = (StepKind.WEIGHTS, StepKind.ARCHITECTURE)


def main() -> None:
    """Measures every size, writes the table and the plot."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--batch-size", type=int, default=64)
    parser.add_argument("--width", type=int, default=8)
    parser.add_argument("--budget", default=None, help="by default 2%% above the largest path")
    arguments = parser.parse_args()
    spec = TrainingSpec(INPUT_SHAPE, arguments.batch_size)
    if arguments.budget is None:
        roomy = Planner(space_of(SIZES[0], arguments.width), spec, 2**50)
        budget_bytes = round(1.02 * roomy.predict(roomy.largest_path()).peak_bytes)
    else:
        budget_bytes = parse_bytes(arguments.budget)
    rows = []
    for size in SIZES:
        rows.append(row_of(size, arguments.width, spec, budget_bytes))
        print(
            f"{size:3} candidates: plain {format_bytes(rows[-1]['plain'])}, two paths "
            f"{format_bytes(rows[-1]['two_paths'])}, radars {format_bytes(rows[-1]['radars'])} of "
            f"{format_bytes(budget_bytes)} ({rows[-1]['live_candidates']} candidates live, "
            f"{', '.join(rows[-1]['measures']) or 'as it is'})",
            flush=True,
        )
    flat = rows[-1]["radars"] / rows[0]["radars"]
    worst = max(abs(row["predicted_ratio"] - 1) for row in rows)
    print(f"radars: {flat:.3f} from the smallest to the largest; prediction off by {worst:.3%}")
    RESULTS.mkdir(exist_ok=True)
    header = {
        **about(),
        "batch_size": arguments.batch_size,
        "width": arguments.width,
        "budget_bytes": budget_bytes,
    }
    (RESULTS / "memory_growth.json").write_text(
        json.dumps(header | {"rows": rows}, indent=1) + "\n"
    )
    plot(rows, budget_bytes, RESULTS / "memory_growth.svg")


def space_of(size: int, width: int) -> SearchSpace:
    """The space with `size` candidates a layer."""
    everything = mbconv_candidates(KERNEL_SIZES, EXPAND_RATIOS, (True, False))
    kinds = product(("_se", ""), EXPAND_RATIOS, KERNEL_SIZES)
    names = [f"mb{expand}_k{kernel}{se}" for se, expand, kernel in kinds][:size]

    def candidates(in_channels: int, out_channels: int, stride: int) -> Mapping[str, Factory]:
        known = everything(in_channels, out_channels, stride)
        return {name: known[name] for name in names}

    def network(choose: Choose) -> nn.Module:
        return cifar_network(choose, candidates, num_classes=10, in_channels=3, width=width)

    return SearchSpace(network, name=f"growth-{size}", input_shape=INPUT_SHAPE)


def row_of(size: int, width: int, spec: TrainingSpec, budget_bytes: int) -> dict[str, Any]:
    """The measured peaks of one size."""
    space = space_of(size, width)
    settings = saving_settings(recompute=True, max_micro_batches=1, batch_size=spec.batch_size)
    planner = Planner(space, spec, budget_bytes, settings=settings)
    largest = planner.plan_path(planner.largest_path())
    plan = planner.plan()
    peaks = {
        "plain": peak(space, space.full, spec),
        "two_paths": peak(
            space, Subspace({choice: names[:2] for choice, names in space.full.items()}), spec
        ),
        "radars": max(peak(space, made.subspace, spec, made) for made in (largest, plan)),
    }
    predicted_bytes = max(largest.memory.peak_bytes, plan.memory.peak_bytes)
    return {
        "candidates": size,
        **peaks,
        "fits": {name: num_bytes <= budget_bytes for name, num_bytes in peaks.items()},
        "predicted_ratio": predicted_bytes / peaks["radars"],
        "live_candidates": plan.subspace.num_candidates,
        "measures": list(plan.measures),
    }


def peak(
    space: SearchSpace, subspace: Subspace, spec: TrainingSpec, plan: Plan | None = None
) -> int:
    """The most that the steps of a search hold, in bytes; without a plan, with no savings."""
    kinds = STEPS if subspace.num_architectures > 1 else STEPS[:1]
    savings_of = {kind: PLAIN if plan is None else plan.savings_of(kind) for kind in kinds}
    return max(peak_of(space, subspace, spec, kind, savings_of[kind]) for kind in kinds)


def plot(rows: list[dict[str, Any]], budget_bytes: int, path: Path) -> None:
    """Peak against candidates, both on logarithmic scales, with the last value of each line."""
    figure, axes = plt.subplots(figsize=(7, 3.8))
    sizes = [row["candidates"] for row in rows]
    for name, label, color, side in (
        ("plain", "plain supernet (DARTS)", "#c53030", "center"),
        ("two_paths", "two paths (ProxylessNAS)", "#718096", "center"),
        ("radars", "RADARS", "#2b6cb0", "top"),  # below its budget's line
    ):
        peaks = [row[name] / 2**20 for row in rows]
        axes.plot(sizes, peaks, marker="o", linewidth=2, color=color, label=label)
        last = f"  {format_bytes(rows[-1][name])}"
        axes.annotate(last, (sizes[-1], peaks[-1]), color=color, va=side, weight="bold")
    budget = f"budget, {format_bytes(budget_bytes)}"
    axes.axhline(budget_bytes / 2**20, color="black", linestyle="--", linewidth=1, label=budget)
    axes.set(
        xscale="log",
        yscale="log",
        xlim=(sizes[0] * 0.9, sizes[-1] * 2),
        ylim=(150, None),
        title="Memory of a search, measured",
        xlabel="candidates in each of 8 layers",
        ylabel="peak of a training step, MiB",
        xticks=sizes,
        xticklabels=sizes,
        yticks=YTICKS,
        yticklabels=YTICKS,
    )
    axes.minorticks_off()
    axes.spines[["top", "right"]].set_visible(False)
    axes.legend(frameon=False)
    figure.tight_layout()
    figure.savefig(path, metadata={"Date": None})


if __name__ == "__main__":
    main()
