"""`torch.compile` with a budget for activations, beside the memory savings of radars.

A fixed subspace is trained: the last two candidates of every choice. PyTorch's partitioner decides
which activations a compiled step computes again, so that it keeps a part of what it would keep
(`torch._functorch.config.activation_memory_budget`); radars computes candidates again, all or the
cheap calls in them. The peak is that of the allocator on a GPU, whose kernels may do nothing;
without one, the processor time of a step is measured.

    python benchmarks/compiled.py [--space nasbench-macro] [--batch-size 32] [--steps 5]

Appends a row for each setting to `benchmarks/results/compiled.jsonl`. One thread.
"""

import argparse
import gc
import json
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median
from typing import Any

import torch
import torch._functorch.config as functorch_config
from about import about
from torch import Tensor, nn

from radars.memory import PLAIN, MemorySavings
from radars.nn.optimizer import OptimizerConfig
from radars.nn.relaxation import Softmax
from radars.nn.supernet import Supernet
from radars.space import SearchSpace, Subspace
from radars.units import format_bytes
from radars.zoo import load_space

RESULTS = Path(__file__).parent / "results" / "compiled.jsonl"
BUDGETS = (1.0, 0.5, 0.2, 0.0)
SAVINGS = {
    "eager": PLAIN,
    "cheap calls again": MemorySavings(selective=1.0),
    "candidates again": MemorySavings(recompute=1.0),
}
OPTIONS = {"nasbench-macro": {"width": 16}, "nasbench201": {"cells_per_stage": 1}, "vit": {}}

Forward = Callable[[Tensor], Tensor]


def main() -> None:
    """Measures every setting, and prints a line for each."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--space", choices=OPTIONS, default="nasbench-macro")
    parser.add_argument("--batch-size", type=int, default=32)
    parser.add_argument("--steps", type=int, default=5)
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    space = load_space(arguments.space, **OPTIONS[arguments.space])
    for name, savings in SAVINGS.items():
        network = supernet_of(space, savings, device)
        row = measured(network, network, space, device, arguments.batch_size, arguments.steps)
        keep({"space": arguments.space, "setting": name} | row)
    # kernels cannot be generated for a GPU whose kernels do nothing; what is kept is the same
    backend = "aot_eager_decomp_partition" if device.type == "cuda" else "inductor"
    for budget in BUDGETS:
        torch._dynamo.reset()
        network = supernet_of(space, PLAIN, device)
        with functorch_config.patch(activation_memory_budget=budget):
            forward = torch.compile(network, backend=backend)
            row = measured(network, forward, space, device, arguments.batch_size, arguments.steps)
        keep({"space": arguments.space, "setting": f"compiled, budget {budget}"} | row)


def supernet_of(space: SearchSpace, savings: MemorySavings, device: torch.device) -> Supernet:
    """The supernet of the last two candidates of every choice."""
    subspace = Subspace({choice: names[-2:] for choice, names in space.full.items()})
    network = Supernet(
        space, subspace, Softmax(), optimizer=OptimizerConfig(), savings=savings, device=device
    )
    # as the logits that weights are made of are picked on the host, which cannot be compiled
    halves = {choice: torch.full((2,), 0.5, device=device) for choice in subspace}
    network.weigh = lambda logits, live: halves
    return network


def measured(
    network: nn.Module,
    forward: Forward,
    space: SearchSpace,
    device: torch.device,
    batch_size: int,
    num_steps: int,
) -> dict[str, Any]:
    """The peak of a step on a GPU, or the processor time of one without; after a first step."""
    example_B = torch.randn(batch_size, *space.input_shape, device=device)
    label_B = torch.randint(10, (batch_size,), device=device)
    network.train()

    def step() -> None:
        nn.functional.cross_entropy(forward(example_B), label_B).backward()  # type: ignore[no-untyped-call]
        network.zero_grad()

    began = time.process_time()
    step()
    row: dict[str, Any] = {"batch_size": batch_size, "device": device.type}
    row["first_seconds"] = round(time.process_time() - began, 2)
    gc.collect()
    if device.type == "cuda":
        torch.cuda.reset_peak_memory_stats()
        step()
        return row | {"peak_bytes": torch.cuda.max_memory_allocated()}
    seconds = []
    for _ in range(num_steps):
        began = time.process_time()
        step()
        seconds.append(time.process_time() - began)
    return row | {"step_seconds": round(median(seconds), 4)}


def keep(row: dict[str, Any]) -> None:
    """Prints a row, and appends it to the results."""
    if "peak_bytes" in row:
        print(row["setting"], format_bytes(row["peak_bytes"]), flush=True)
    else:
        print(row["setting"], row["step_seconds"], "s", flush=True)
    with RESULTS.open("a") as file:
        file.write(json.dumps(about() | row) + "\n")


if __name__ == "__main__":
    main()
