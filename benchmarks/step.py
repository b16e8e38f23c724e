"""An iteration of radars against the plain procedure of differentiable search, in one process.

An iteration is a weights step and an architecture step. The plain procedure is that of NNI 3.0's
DARTS, written out below: images contiguous, every candidate's output kept and stacked, gradients of
weights and logits in both steps. It and radars take turns, so that what the machine does meanwhile
meets both; ratios are medians over the repeats of each repeat's own ratio. Freed memory is kept for
all of them (`allocator.py` says what that alone brings). `plain` keeps all activations; `half` is
what the planner makes of a budget of half of those bytes, `recompute` of one of 1/4.5 of the
procedure's, and `least` holds as little as can be without splitting the batch.

    python benchmarks/step.py [--space nasbench-macro|nasbench201|mobile-large-layer]
                              [--device cuda] [--quick] [--json]

Prints a table, or with --json one object, and unless --quick appends it to
`benchmarks/results/step.jsonl`.
"""

import argparse
import json
import statistics
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from about import about
from measured import peak_of
from torch import Tensor, nn

from radars.execution.allocator import freed_memory_kept
from radars.memory import PLAIN, MemorySavings, Planner, TrainingSpec, saving_settings
from radars.memory.floor import measured_floor_bytes
from radars.memory.tracker import MemoryTracker, Part
from radars.nn.operations import classifier
from radars.nn.steps import StepKind, architecture_step, weights_step
from radars.nn.supernet import Supernet
from radars.space import Candidates, Choose, SearchSpace
from radars.space.choose import as_pairs
from radars.units import format_bytes
from radars.zoo import load_space
from radars.zoo.stages import mbconv_candidates

RESULTS = Path(__file__).parent / "results" / "step.jsonl"
SPACES: dict[str, tuple[Callable[[], SearchSpace], TrainingSpec]] = {
    "nasbench-macro": (
        lambda: load_space("nasbench-macro", width=16),
        TrainingSpec((3, 32, 32), 64),
    ),
    "nasbench201": (
        lambda: load_space("nasbench201", cells_per_stage=1),
        TrainingSpec((3, 32, 32), 64),
    ),
    "mobile-large-layer": (
        lambda: SearchSpace(layer_of_mobile_large, name="a layer of mobile-large"),
        TrainingSpec((80, 14, 14), 16),
    ),
}
STEPS = (StepKind.WEIGHTS, StepKind.ARCHITECTURE)
OfStep = dict[StepKind, MemorySavings]


def layer_of_mobile_large(choose: Choose) -> nn.Module:
    """The ninth layer of `mobile-large`: 80 channels of 14x14, 49 candidates."""
    candidates = mbconv_candidates((3, 5, 7, 9), (1, 2, 3, 4, 6, 8), (False, True))
    return nn.Sequential(choose("layer", candidates(80, 80, 1)), classifier(80, 10))


class PlainMixture(nn.Module):
    """What NNI's DARTS makes of a choice: all candidates stacked, then summed by their weights."""

    def __init__(self, logit_C: nn.Parameter, candidates: list[nn.Module]) -> None:
        super().__init__()
        self.logit_C = logit_C
        self.candidates = nn.ModuleList(candidates)

    def forward(self, *inputs: Tensor) -> Tensor:
        """The weighted sum."""
        output_CB = torch.stack([candidate(*inputs) for candidate in self.candidates])
        weight_C = self.logit_C.softmax(-1)
        return torch.sum(output_CB * weight_C.view(-1, *[1] * (output_CB.dim() - 1)), 0)


class Plain:
    """The plain procedure on a space."""

    def __init__(self, space: SearchSpace, device: torch.device) -> None:
        self.logits = {
            choice: nn.Parameter(1e-3 * torch.randn(len(names), device=device))
            for choice, names in space.full.items()
        }

        def choose(name: str, candidates: Candidates) -> Any:
            factories = [factory for _, factory in as_pairs(candidates)]
            return PlainMixture(self.logits[name], [factory() for factory in factories])

        self.network = space.replay(choose).to(device)
        logits = set(self.logits.values())
        self.weights = [weight for weight in self.network.parameters() if weight not in logits]
        self.weights_optimizer = torch.optim.SGD(self.weights, 0.05, 0.9, weight_decay=5e-4)
        self.logits_optimizer = torch.optim.Adam(list(logits), 3e-3, betas=(0.5, 0.999))

    def iteration(self, example_B: Tensor, label_B: Tensor) -> None:
        """The logits follow their gradient, then the weights theirs; both are computed in both."""
        for optimizer in (self.logits_optimizer, self.weights_optimizer):
            self.network.zero_grad()
            nn.functional.cross_entropy(self.network(example_B), label_B).backward()  # type: ignore[no-untyped-call]
            if optimizer is self.weights_optimizer:
                nn.utils.clip_grad_norm_(self.weights, 5.0)
            optimizer.step()

    def peak_bytes(self, example_B: Tensor, label_B: Tensor) -> int:
        """The most that an iteration holds, once every optimizer has its state."""
        self.iteration(example_B, label_B)
        optimizers = (self.weights_optimizer, self.logits_optimizer)
        state = [
            value
            for optimizer in optimizers
            for of_parameter in optimizer.state.values()
            for value in of_parameter.values()
            if isinstance(value, Tensor)
        ]
        self.network.zero_grad()
        resident = {
            Part.PARAMETERS: [*self.network.parameters(), *self.network.buffers()],
            Part.OPTIMIZER_STATE: state,
            Part.ACTIVATIONS: [example_B, label_B],
        }
        with MemoryTracker(resident, example_B.device) as tracker:
            self.iteration(example_B, label_B)
        return int(tracker.peak_bytes)


def main() -> None:
    """Measures one space."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--space", choices=SPACES, default="nasbench-macro")
    parser.add_argument("--device", default="cpu", type=torch.device)
    parser.add_argument("--quick", action="store_true", help="three repeats, nothing kept")
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    arguments = parser.parse_args()
    row = measure(arguments.space, arguments.device, repeats=3 if arguments.quick else 9)
    if not arguments.quick:
        RESULTS.parent.mkdir(exist_ok=True)
        with RESULTS.open("a") as file:
            file.write(json.dumps(row) + "\n")
    print(json.dumps(row) if arguments.json else table(row), flush=True)


def measure(name: str, device: torch.device, repeats: int) -> dict[str, Any]:
    """The ratios of one space to the plain procedure."""
    new_space, spec = SPACES[name]
    spec = replace(spec, device_type=device.type, floor_bytes=measured_floor_bytes(device))
    space = new_space()
    contiguous_B = torch.randn(spec.batch_size, *spec.input_shape, device=device)
    example_B = contiguous_B.contiguous(memory_format=torch.channels_last)
    label_B = torch.arange(spec.batch_size, device=device) % 10
    procedure = Plain(space, device)

    held_bytes = {"procedure": procedure.peak_bytes(contiguous_B, label_B)}
    allowed = list(saving_settings(recompute=True, max_micro_batches=1, batch_size=spec.batch_size))

    def planned(budget_bytes: float) -> OfStep:
        budget = round(budget_bytes) + spec.floor_bytes
        planner = Planner(space, spec, budget, settings=allowed)
        plan = planner.plan_whole(space.full)
        return {kind: plan.savings_of(kind) for kind in STEPS}

    def peak_bytes(savings_of: OfStep) -> int:
        peaks = (
            peak_of(space, space.full, spec, kind, savings, device)
            for kind, savings in savings_of.items()
        )
        return max(peaks) - spec.floor_bytes

    plain = dict.fromkeys(STEPS, PLAIN)
    held_bytes["plain"] = peak_bytes(plain)
    savings_of = {
        "plain": plain,
        "half": planned(held_bytes["plain"] / 2),
        "recompute": planned(held_bytes["procedure"] / 4.5),
        "least": dict.fromkeys(STEPS, allowed[-1]),
    }
    held_bytes |= {variant: peak_bytes(savings) for variant, savings in savings_of.items()}

    def radars(savings_of: OfStep) -> Callable[[], None]:
        supernet = Supernet(space, device=device)

        def iteration() -> None:
            supernet.set_savings(savings_of[StepKind.WEIGHTS])
            weights_step(supernet, example_B, label_B)
            supernet.set_savings(savings_of[StepKind.ARCHITECTURE])
            architecture_step(supernet, example_B, label_B)

        return iteration

    variants: dict[str, Callable[[], None]] = {
        "procedure": lambda: procedure.iteration(contiguous_B, label_B)
    }
    variants |= {variant: radars(savings) for variant, savings in savings_of.items()}
    seconds: dict[str, list[float]] = {variant: [] for variant in variants}
    with freed_memory_kept():
        for repeat in range(repeats + 1):
            for variant, iteration in variants.items():
                start = time.perf_counter()
                iteration()
                if device.type == "cuda":
                    torch.cuda.synchronize(device)
                if repeat:  # the first warms up
                    seconds[variant].append(time.perf_counter() - start)
    row: dict[str, Any] = {**about(), "space": name, "batch_size": spec.batch_size}
    row |= {"device": device.type, "repeats": repeats}
    for variant, times in seconds.items():
        ratios = sorted(t / p for t, p in zip(times, seconds["procedure"], strict=True))
        row[f"{variant}_seconds"] = statistics.median(times)
        row[f"{variant}_ratio"] = statistics.median(ratios)
        row[f"{variant}_ratios"] = [ratios[0], ratios[-1]]
        row[f"{variant}_bytes"] = held_bytes[variant]
        row[f"{variant}_bytes_ratio"] = held_bytes[variant] / held_bytes["procedure"]
    to_plain = sorted(t / p for t, p in zip(seconds["half"], seconds["plain"], strict=True))
    return row | {
        "levers": {
            variant: {kind.value: list(own.names) for kind, own in savings.items()}
            for variant, savings in savings_of.items()
        },
        "half_to_plain_ratio": statistics.median(to_plain),
        "half_to_plain_ratios": [to_plain[0], to_plain[-1]],
        "half_to_plain_bytes_ratio": held_bytes["half"] / held_bytes["plain"],
    }


def table(row: dict[str, Any]) -> str:
    """What people read."""
    lines = [f"{row['space']}, batch {row['batch_size']}, {row['repeats']} repeats, {row['date']}"]
    for variant in ("procedure", *row["levers"]):
        low, high = row[f"{variant}_ratios"]
        of_steps = [", ".join(names) for names in row["levers"].get(variant, {}).values()]
        savings = "; ".join(of_steps if len(set(of_steps)) > 1 else of_steps[:1])
        lines.append(
            f"  {variant:9} {row[f'{variant}_seconds']:6.2f} s  {row[f'{variant}_ratio']:.2f} of "
            f"the time ({low:.2f} to {high:.2f})  {format_bytes(row[f'{variant}_bytes']):>10}  "
            f"{savings}"
        )
    low, high = row["half_to_plain_ratios"]
    lines.append(
        f"  half the bytes: {row['half_to_plain_bytes_ratio']:.2f} of those of plain in "
        f"{row['half_to_plain_ratio']:.2f} of its time ({low:.2f} to {high:.2f})"
    )
    return "\n".join(lines)


if __name__ == "__main__":
    main()
