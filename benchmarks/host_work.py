"""What a step of exploring costs the host, beside a bare PyTorch loop: processor time on a GPU.

    python benchmarks/host_work.py [--spaces nasbench-macro,cifar-large,vit]

A step on a randomly drawn path, as a search takes it (the path is brought to the GPU, the budget is
checked, the step is measured), against a loop written by hand over four of these networks, each
with an optimizer of its own; one after the other, as the search measures what the device holds.
Batches are the same, and in both copied through pinned memory. The budget has room for the weights
of all candidates, or (`tight`) for those of one path.

On a GPU that computes, a step takes as long as the longer of host and device. A GPU whose kernels
do nothing shows the host's part alone: tell by `--label` what it is. Appends a row a space to
`results/host_work.jsonl`.
"""

import argparse
import json
import statistics
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import torch
from about import about, commit_of_here
from torch import nn

from radars.data import move, tensor_data
from radars.engine import SearchConfig
from radars.engine.context import SearchContext
from radars.engine.given import Given
from radars.engine.problem import SearchProblem
from radars.memory import MemorySavings
from radars.zoo import load_space

ROWS = Path(__file__).parent / "results" / "host_work.jsonl"
WARM_UP, STEPS, REPEATS = 1000, 200, 5  # the first steps trace what may be a new peak


def main() -> None:
    """Measures each space, with room for all weights and without."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--spaces", default="nasbench-macro,cifar-large,vit")
    parser.add_argument("--label", required=True, help="what the GPU is")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    for name in arguments.spaces.split(","):
        row: dict[str, Any] = about() | {"commit": commit_of_here(), "gpu": arguments.label}
        row |= {"space": name, "milliseconds": {}, "ratio": {}}
        for budget in ("roomy", "tight"):
            times = [measured(name, is_tight=budget == "tight") for _ in range(REPEATS)]
            ratios = [ours / bare for ours, bare in times]
            row["milliseconds"][budget] = [
                round(statistics.median(each), 2) for each in zip(*times, strict=True)
            ]
            row["ratio"][budget] = [
                round(value, 2) for value in (statistics.median(ratios), min(ratios), max(ratios))
            ]
        print(json.dumps(row), flush=True)
        with ROWS.open("a") as file:
            file.write(json.dumps(row) + "\n")


def measured(name: str, *, is_tight: bool) -> tuple[float, float]:
    """Milliseconds of processor time a step: of a search, and of a bare loop."""
    context = context_of(name)
    if is_tight:  # just room for the largest path, so that no other's weights stay
        largest = context.guard.planner.largest_path()
        context = context_of(name, context.guard.expected_path_bytes(largest, MemorySavings()))
    return milliseconds(searching(context)), milliseconds(by_hand(context))


def milliseconds(steps: Iterator[None]) -> float:
    """The processor time of a step, when it is warm."""
    for _ in range(WARM_UP):
        next(steps)
    start = time.process_time()
    for _ in range(STEPS):
        next(steps)
    return 1000 * (time.process_time() - start) / STEPS


def context_of(name: str, budget: int = 2**34) -> SearchContext:
    """A search of a space on made-up images of 32 pixels, batches of 64."""
    data = tensor_data(torch.randn(1024, 3, 32, 32), torch.arange(1024) % 10)
    config = SearchConfig(
        space="object:host_work",
        budget=budget,
        device="cuda",
        data={"batch_size": 64},
        max_skipped_steps=10**9,  # where kernels do nothing, losses mean nothing
    )
    return SearchContext.of(SearchProblem.of(config, Given(space=load_space(name), data=data)))


def searching(context: SearchContext) -> Iterator[None]:
    """Steps of a search, without end."""
    supernet, generator = context.networks.new_supernet(), torch.Generator().manual_seed(0)
    while True:
        path = context.sampler.draw_uniform(generator)
        context.trainer.train_path(supernet, path, context.train_stream.next())
        yield


def by_hand(context: SearchContext) -> Iterator[None]:
    """Steps of a loop that anybody writes, without end."""
    generator = torch.Generator().manual_seed(1)
    space, device = context.problem.proxy, context.guard.device
    trained: list[Callable[[], None]] = []
    for _ in range(4):
        network = space.build(context.sampler.draw_uniform(generator)).to(device)
        trained.append(step_of(context, network.to(memory_format=torch.channels_last)))
    while True:
        for step in trained:
            step()
            yield


def step_of(context: SearchContext, network: nn.Module) -> Callable[[], None]:
    """A step of a network."""
    optimizer = context.problem.config.optimizer.build(network.parameters())

    def step() -> None:
        example_B, label_B = move(context.train_stream.next(), context.guard.device)
        nn.functional.cross_entropy(network(example_B), label_B).backward()  # type: ignore[no-untyped-call]
        optimizer.step()
        optimizer.zero_grad()

    return step


if __name__ == "__main__":
    main()
