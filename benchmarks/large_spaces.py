"""What searches find in large spaces, beside the largest, the smallest and random networks.

All on CIFAR-10, with a bound of about half of the largest network's multiply-accumulates or less:
`nats-size` at half its widths on images of 16 pixels and `ofa-mobile` at a quarter of its widths on
images of 64, two spaces of values; and `twelve-layers` (`twelve_layers.py`) on images of 16 pixels,
which was written to judge on. The budget is less than the plain supernet of the whole space needs.
Methods, and `radars` without each of its parts (`judged.py`), have the same time. All networks are
then trained alike, from scratch, with the same seed.

    python benchmarks/large_spaces.py --data DATA             # all, some hours on one core
    python benchmarks/large_spaces.py --data DATA --spaces twelve-layers --seeds 0,1,2 \
        --who radars,reinforce,random,asha

Appends a row for each network to `benchmarks/results/large_spaces.jsonl`, goes on where it stopped,
and prints the table.
"""

import argparse
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean
from typing import Any

import torch
from about import about
from judged import CONTENDERS
from twelve_layers import twelve_layers

import radars
from radars import SearchSpace
from radars.cost.count import count_macs, count_parameters

RESULTS = Path(__file__).parent / "results" / "large_spaces.jsonl"
METHODS = ("radars", "reinforce", "random", "asha")
PARTS = ("uniform", "no-differentiate", "no-rankers", "selection")
DRAWN = tuple(f"drawn {number}" for number in range(5))
ALL = (*METHODS, "largest", "smallest", *DRAWN, *PARTS)

Architecture = Mapping[str, Any]


@dataclass(frozen=True)
class Problem:
    """A space, and how its networks are searched and trained.

    Attributes:
        space: the space.
        image_size: in pixels.
        budget: what no step of the search may exceed.
        bound: the constraint on what is found.
        num_train: images that the search reads, a fifth of them to validate, and images that each
            network is trained on.
        epochs: how long a network is trained from scratch.
        minutes: how long the search takes.
    """

    space: Callable[[], SearchSpace]
    image_size: int
    budget: str
    bound: str
    num_train: int
    epochs: int
    minutes: float

    def data(self) -> dict[str, Any]:
        """How the images are read."""
        return {"num_train": self.num_train, "image_size": self.image_size}


def _zoo(name: str, **options: Any) -> Callable[[], SearchSpace]:
    return lambda: radars.load_space(name, num_classes=10, **options)


PROBLEMS = {
    "nats-size": Problem(_zoo("nats-size", width=4), 16, "40MiB", "macs<=5e6", 20_000, 8, 10),
    "ofa-mobile": Problem(
        _zoo("ofa-mobile", width_mult=0.25), 64, "256MiB", "macs<=4.5e6", 8_000, 5, 15
    ),
    "twelve-layers": Problem(
        lambda: SearchSpace(twelve_layers), 16, "40MiB", "macs<=4e6", 20_000, 8, 6
    ),
}


def main() -> None:
    """Searches, trains what has no row yet, and prints the table."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--data", type=Path, required=True, help="with cifar10/")
    parser.add_argument("--spaces", default=",".join(PROBLEMS))
    parser.add_argument("--seeds", default="0")
    parser.add_argument("--who", default=",".join(ALL))
    parser.add_argument("--out", type=Path, default=RESULTS)
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    cifar10 = str(arguments.data / "cifar10")
    for name in arguments.spaces.split(","):
        space = PROBLEMS[name].space()
        for seed in map(int, arguments.seeds.split(",")):
            known = {row["who"] for row in rows(arguments.out, name, seed)}
            for who in arguments.who.split(","):
                if who in known:
                    continue
                architecture = network(who, space, PROBLEMS[name], seed, cifar10)
                row = about() | {"space": name, "seed": seed, "who": who}
                row |= trained(space, architecture, PROBLEMS[name], seed, cifar10)
                with arguments.out.open("a") as file:
                    file.write(json.dumps(row) + "\n")
        print(table(name, rows(arguments.out, name)))


def network(who: str, space: SearchSpace, problem: Problem, seed: int, data: str) -> Architecture:
    """A network by who found it, or what it is."""
    given = space, problem, data
    if who == "smallest":
        return space.made({choice: of[0] for choice, of in space.full.items()})
    if who in DRAWN:  # uniformly within the bound, and trained for a step
        drawn_seed = 100 * seed + DRAWN.index(who)
        return searched(*given, drawn_seed, method="random", children={"number": 1, "steps": 1})
    if who == "largest":  # which needs no search
        return searched(*given, seed, method="largest")
    return searched(*given, seed, max_minutes=problem.minutes, **CONTENDERS[who])


def searched(
    space: SearchSpace, problem: Problem, data: str, seed: int, **settings: Any
) -> Architecture:
    """What a method finds within budget and bound."""
    found = radars.search(
        space,
        data,
        seed=seed,
        budget=problem.budget,
        constraints=[problem.bound],
        data_options=problem.data() | {"validation_fraction": 0.2},
        num_threads=1,
        optimizer={"learning_rate": 0.1},
        select={"optimizer": {"learning_rate": 0.05}},
        **settings,
    )
    return found.architecture


def trained(
    space: SearchSpace, architecture: Architecture, problem: Problem, seed: int, data: str
) -> dict[str, Any]:
    """What a network is, and what it can do after training."""
    network = radars.train(
        dict(architecture),
        data,
        space=space,
        seed=seed,
        epochs=problem.epochs,
        data_options=problem.data(),
    )
    with torch.device("meta"):
        plain = space.build(dict(architecture))
    return {
        "architecture": dict(architecture),
        "macs": count_macs(plain, (1, 3, problem.image_size, problem.image_size)),
        "parameters": count_parameters(plain),
        "test_accuracy": network.evaluate().test_accuracy,
    }


def rows(path: Path, space: str, seed: int | None = None) -> list[dict[str, Any]]:
    """The rows of a space that are kept, of one seed or of all."""
    lines = path.read_text().splitlines() if path.exists() else []
    of_space = [row for row in map(json.loads, lines) if row["space"] == space]
    return [row for row in of_space if seed in (None, row["seed"])]


def table(space: str, made: list[dict[str, Any]]) -> str:
    """Means over seeds; of networks that were drawn, over seeds and draws, with their range."""
    lines = [f"{space}, `{PROBLEMS[space].bound}`", "", "| network | MACs | test accuracy |"]
    lines.append("|---|---|---|")
    for who in (*METHODS, "largest", "smallest", "drawn", *PARTS):
        of_who = [row for row in made if row["who"].split()[0] == who]
        if of_who:
            accuracies = [row["test_accuracy"] for row in of_who]
            text = f"{fmean(accuracies):.1%}"
            if len(accuracies) > 1:
                text += f" ({min(accuracies):.1%} to {max(accuracies):.1%}, {len(accuracies)})"
            macs = fmean(row["macs"] for row in of_who)
            lines.append(f"| {who} | {macs / 1e6:.2f} million | {text} |")
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    main()
