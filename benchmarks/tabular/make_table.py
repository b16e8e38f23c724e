"""Makes the table of a small space: trains each of its networks from scratch, with several seeds.

    cd benchmarks; python -m tabular.make_table --space cells --data DATA

Appends a row for each network and seed to `tabular/tables/NAME.csv`: what each choice takes, the
seed, the accuracy on test examples that no search sees, parameters, multiply-accumulates, seconds
of the processor. The networks come in a random order, which is always the same, so that a table
that is not complete is a random sample; a table that is there is gone on with. With `--found` come
first those that searches found, by the rows of `judge.py`.
"""

import argparse
import csv
import itertools
import random
import time
from pathlib import Path

import torch
from judge import read_rows
from tabular.data import Examples
from tabular.settings import SETTINGS, Recipe
from tabular.table import MEASURED, TABLES, Trained, read_trained
from torch import Tensor, nn
from torch.nn import functional

from radars.cost import count_macs, count_parameters
from radars.space import Architecture, SearchSpace

_TEST_BATCH = 500


def main() -> None:
    """Trains what is missing, seed by seed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--space", choices=SETTINGS, required=True)
    parser.add_argument("--seeds", default="0,1,2")
    parser.add_argument("--limit", type=int, help="only so many networks, a random sample")
    parser.add_argument("--found", type=Path, help="rows of searches, whose networks come first")
    parser.add_argument("--data", type=Path, default=Path(), help="with cifar10/, for cells")
    parser.add_argument("--out", type=Path, default=TABLES, help="the folder of the table")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    setting = SETTINGS[arguments.space]
    space = SearchSpace(setting.network)
    examples = normalised(setting.examples(arguments.data))
    path = arguments.out / f"{arguments.space}.csv"
    begin(path, [choice.name for choice in space.choices])
    done = {(row.architecture, row.seed) for row in read_trained(path)}
    seeds = map(int, arguments.seeds.split(","))
    found = [] if arguments.found is None else found_by(arguments.found, arguments.space)
    networks = dict.fromkeys([*found, *shuffled(space)[: arguments.limit]])
    with path.open("a", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        for seed, architecture in itertools.product(seeds, networks):
            if (architecture, seed) not in done:
                row = train(space, architecture, examples, setting.recipe, seed)
                measured = (getattr(row, name) for name in MEASURED)
                writer.writerow([*architecture.values(), *measured])
                file.flush()


def found_by(rows: Path, space: str) -> list[Architecture]:
    """What searches of a space found."""
    return [
        Architecture(row["architecture"])
        for row in read_rows(rows)
        if row["problem"] == space and "architecture" in row
    ]


def begin(path: Path, choices: list[str]) -> None:
    """Writes the header of a new table; of one that is there, drops a row that is cut off."""
    if path.exists():
        whole = path.read_bytes().rpartition(b"\n")
        path.write_bytes(whole[0] + whole[1])
    else:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(",".join([*choices, *MEASURED]) + "\n")


def shuffled(space: SearchSpace) -> list[Architecture]:
    """Every architecture of a space, in a random order that is always the same."""
    names = [choice.name for choice in space.choices]
    every = [
        Architecture(dict(zip(names, taken, strict=True)))
        for taken in itertools.product(*(choice.candidates for choice in space.choices))
    ]
    random.Random(0).shuffle(every)
    return every


def normalised(examples: Examples) -> Examples:
    """With mean 0 and standard deviation 1 of each channel over the seen examples."""
    channel_CM = examples.seen_N.transpose(0, 1).flatten(1)
    shape = (-1, *[1] * (examples.seen_N.dim() - 2))
    mean, std = channel_CM.mean(1).view(shape), channel_CM.std(1).view(shape)
    return Examples(
        (examples.seen_N - mean) / std,
        examples.seen_label_N,
        (examples.test_N - mean) / std,
        examples.test_label_N,
    )


def train(
    space: SearchSpace, architecture: Architecture, examples: Examples, recipe: Recipe, seed: int
) -> Trained:
    """Trains one network from scratch on the seen examples, and tests it."""
    started = time.process_time()
    torch.manual_seed(seed)  # of the first weights, the order of examples, and dropout
    network = space.build(architecture)
    steps_per_epoch = len(examples.seen_N) // recipe.batch_size  # the rest of an epoch is left out
    optimizer = torch.optim.AdamW(
        network.parameters(), recipe.learning_rate, weight_decay=recipe.weight_decay, fused=True
    )
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(
        optimizer, recipe.epochs * steps_per_epoch
    )
    for _ in range(recipe.epochs):
        order_N = torch.randperm(len(examples.seen_N))
        for index_B in order_N[: steps_per_epoch * recipe.batch_size].view(steps_per_epoch, -1):
            output_BK = network(examples.seen_N[index_B])
            loss = functional.cross_entropy(output_BK, examples.seen_label_N[index_B])
            optimizer.zero_grad()
            torch.autograd.backward(loss)
            optimizer.step()
            schedule.step()
    accuracy = accuracy_of(network, examples.test_N, examples.test_label_N)
    seconds = time.process_time() - started
    with torch.device("meta"):
        macs = count_macs(space.build(architecture), (1, *examples.seen_N.shape[1:]))
    return Trained(architecture, seed, accuracy, count_parameters(network), macs, round(seconds, 2))


def accuracy_of(network: nn.Module, example_N: Tensor, label_N: Tensor) -> float:
    """The fraction of examples whose class a network tells."""
    network.eval()
    with torch.inference_mode():
        output_NK = torch.cat(
            [
                network(example_N[start : start + _TEST_BATCH])
                for start in range(0, len(example_N), _TEST_BATCH)
            ]
        )
    return round(float((output_NK.argmax(1) == label_N).float().mean()), 5)


if __name__ == "__main__":
    main()
