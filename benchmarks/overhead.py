"""What radars itself costs: beside a bare PyTorch loop, and within a whole search.

First a single-path step as a search takes it (the path is brought to the device, the budget is
checked, statistics are kept in case the step is not finite) against the same network in a loop
written by hand, in turns; the network is the largest of NAS-Bench-Macro. Then a whole search of
NAS-Bench-Macro on real images, some minutes long, with every second accounted for.

    python benchmarks/overhead.py --data DATA

Prints both, and appends a row to `benchmarks/results/overhead.jsonl`.
"""

import argparse
import json
import statistics
import tempfile
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import wraps
from pathlib import Path
from typing import Any

import torch
from about import about
from torch import nn

from radars.data import Batch, BatchStream
from radars.engine import evaluator, trainer
from radars.engine.context import SearchContext
from radars.engine.phases import differentiate
from radars.engine.phases.explore import Explorer
from radars.engine.problem import SearchProblem
from radars.engine.rankers import zero_cost_scores
from radars.engine.run import run_search
from radars.engine.search_observer import SearchObserver
from radars.engine.start_search import search_config
from radars.execution.allocator import freed_memory_kept
from radars.memory import Planner
from radars.nn.supernet import Supernet
from radars.runs.checkpoint import CheckpointStore
from radars.runs.events import read_events
from radars.space import Architecture

RESULTS = Path(__file__).parent / "results" / "overhead.jsonl"
SETTINGS = (
    "data.num_train=8000",
    "num_rounds=1",
    "explore.steps=400",
    "differentiate.steps=10",
    "select.finalists=3",
    "select.halving_steps=[80,160]",
)


def main() -> None:
    """Measures the step and the search."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--data", type=Path, required=True, help="with cifar10/")
    parser.add_argument("--repeats", type=int, default=15)
    arguments = parser.parse_args()
    given = {"space": "nasbench-macro", "data": {"source": str(arguments.data / "cifar10")}}
    ratios = step_ratios(given, arguments.repeats)
    row: dict[str, Any] = about() | {
        "step_ratio": statistics.median(ratios),
        "step_ratios": [min(ratios), max(ratios)],
    }
    print(
        f"a single-path step takes {row['step_ratio']:.3f} of the time of a bare loop "
        f"({min(ratios):.3f} to {max(ratios):.3f})",
        flush=True,
    )
    row |= profile(given)
    print(f"a search of {row['seconds']:.0f} s:")
    for name, share in row["shares"].items():
        print(f"  {name:28} {share:6.1%}")
    print(f"  {'inside steps':28} {row['inside_steps']:6.1%}")
    print(f"rewards are {row['reward_share']:.1%} of exploring")
    with RESULTS.open("a") as file:
        file.write(json.dumps(row) + "\n")


def step_ratios(given: dict[str, Any], repeats: int) -> list[float]:
    """How much longer a step takes than in a bare loop, pair by pair."""
    problem = SearchProblem.of(search_config(given, None, ("budget=1GiB", "data.num_train=8000")))
    context = SearchContext.of(problem)
    largest = Architecture({choice: names[-1] for choice, names in problem.proxy.full.items()})
    other = Architecture({choice: names[-2] for choice, names in problem.proxy.full.items()})
    supernet = context.networks.new_supernet()
    network = problem.proxy.build(largest)
    nn.utils.convert_conv2d_weight_memory_format(network, torch.channels_last)
    optimizer = torch.optim.SGD(
        network.parameters(), 0.05, 0.9, weight_decay=5e-4, nesterov=True, fused=True
    )

    def by_hand(batch: Batch) -> None:
        loss = nn.functional.cross_entropy(network(batch.example_B), batch.label_B)
        loss.backward()  # type: ignore[no-untyped-call]
        nn.utils.clip_grad_norm_(network.parameters(), 5.0)
        optimizer.step()
        optimizer.zero_grad()

    ratios = []
    with freed_memory_kept():
        for repeat in range(repeats + 2):
            batch = context.train_stream.next()
            supernet.activate(other)  # so that the path has to be brought back
            seconds = seconds_of(lambda batch=batch: by_hand(batch))  # type: ignore[misc]
            again = seconds_of(
                lambda batch=batch: context.trainer.train_path(supernet, largest, batch)  # type: ignore[misc]
            )
            if repeat >= 2:
                ratios.append(again / seconds)
    return ratios


def seconds_of(step: Callable[[], object]) -> float:
    """How long a step takes."""
    start = time.perf_counter()
    step()
    return time.perf_counter() - start


def profile(given: dict[str, Any]) -> dict[str, Any]:
    """Where the time of a whole search goes: shares of it."""
    seconds: dict[str, float] = defaultdict(float)
    stack: list[float] = []  # what timed parts inside each running one took

    def timed(name: str, function: Callable[..., Any]) -> Callable[..., Any]:
        @wraps(function)
        def run(*args: Any, **options: Any) -> Any:
            stack.append(0.0)
            start = time.perf_counter()
            try:
                return function(*args, **options)
            finally:
                elapsed = time.perf_counter() - start
                seconds[name] += elapsed - stack.pop()
                if stack:
                    stack[-1] += elapsed

        return run

    parts: dict[str, tuple[Any, ...]] = {
        "steps: weights": (trainer, "weights_step"),
        "steps: evaluation": (evaluator, "evaluation_step"),
        "steps: untrained networks": (zero_cost_scores, "zero_cost_step"),
        "data": (BatchStream, "next"),
        "planning": (Planner, "predict"),
        "bringing paths to the device": (Supernet, "activate"),
        "checkpoints": (CheckpointStore, "save"),
        "logs and progress": (SearchObserver, "_log_progress"),
    }
    rewards = 0.0

    def rewarded(function: Callable[..., Any]) -> Callable[..., Any]:
        def run(*args: Any) -> Any:
            nonlocal rewards
            start = time.perf_counter()
            try:
                return function(*args)
            finally:
                rewards += time.perf_counter() - start

        return run

    with tempfile.TemporaryDirectory(prefix="radars-overhead-") as folder, patched() as patch:
        for name, (owner, attribute) in parts.items():
            patch(owner, attribute, timed(name, getattr(owner, attribute)))
        for kind in ("weights", "architecture"):
            step = getattr(differentiate, f"{kind}_step")
            patch(differentiate, f"{kind}_step", timed(f"steps: {kind}", step))
        patch(Explorer, "reward", rewarded(Explorer.reward))
        start = time.perf_counter()
        run_search(search_config(given, None, SETTINGS), out=Path(folder) / "run")
        total = time.perf_counter() - start
        events = read_events(Path(folder) / "run" / "events.jsonl")
    begun = next(event["time"] for event in events if event["event"] == "phase_started")
    ended = next(event["time"] for event in events if event["event"] == "phase_ended")
    seconds["everything else"] = total - sum(seconds.values())
    shares = {name: value / total for name, value in sorted(seconds.items())}
    return {
        "seconds": total,
        "shares": shares,
        "inside_steps": sum(value for name, value in shares.items() if name.startswith("steps")),
        "reward_share": rewards / (ended - begun),
    }


@contextmanager
def patched() -> Iterator[Callable[[Any, str, Any], None]]:
    """Within, what is patched is patched."""
    before: list[tuple[Any, str, Any]] = []

    def patch(owner: Any, name: str, value: Any) -> None:
        before.append((owner, name, getattr(owner, name)))
        setattr(owner, name, value)

    try:
        yield patch
    finally:
        for owner, name, value in reversed(before):
            setattr(owner, name, value)


if __name__ == "__main__":
    main()
