"""How far accuracy after a part of the training goes along with accuracy after the whole of it.

For the small spaces whose tables are at hand: some of their networks are trained from scratch for a
part of the steps of their table, with the learning rate falling to 0 in it, and compared with the
table. Beside it what `engine/policies/maturity.py` takes for granted: the square root of the part.

    cd benchmarks; python maturity.py [--spaces cells,plain] [--number 50] --data DATA

Appends a row for each space and part to `results/maturity.jsonl`, and prints the table.
"""

import argparse
import json
import math
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from statistics import fmean
from typing import Any

import torch
from about import about
from scipy.stats import spearmanr
from tabular.data import Examples
from tabular.make_table import normalised, train
from tabular.settings import SETTINGS, Recipe
from tabular.table import read_judge

from radars import SearchSpace
from radars.space import Architecture

RESULTS = Path(__file__).parent / "results" / "maturity.jsonl"
PARTS = (0.02, 0.05, 0.1, 0.25, 0.5, 1.0)
DEVELOPMENT = ("cells", "digits", "plain", "columns", "scarce")
_SEED = 7  # of no row of a table


def main() -> None:
    """Measures, appends and prints."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--spaces", default=",".join(DEVELOPMENT))
    parser.add_argument("--number", type=int, default=50, help="networks of each space")
    parser.add_argument("--data", type=Path, required=True, help="the folder of published data")
    parser.add_argument("--out", type=Path, default=RESULTS)
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    found: dict[str, Mapping[float, float]] = {}
    for name in arguments.spaces.split(","):
        found[name] = correlations(name, arguments.number, arguments.data)
        row = about() | {"space": name, "number": arguments.number}
        row |= {"correlation": {str(part): round(rho, 3) for part, rho in found[name].items()}}
        with arguments.out.open("a") as file:
            file.write(json.dumps(row) + "\n")
    print(table(found))


def correlations(name: str, number: int, data: Path) -> dict[float, float]:
    """Part of the training to the rank correlation (Spearman) with the table of a space."""
    setting = SETTINGS[name]
    space, examples = SearchSpace(setting.network), normalised(setting.examples(data))
    judge = read_judge(name)
    networks = list(judge)[:number]  # in the order of the table, which is a random one
    true = [judge.accuracy(architecture) for architecture in networks]
    return {
        part: float(
            spearmanr(
                [
                    trained_in_part(space, architecture, examples, setting.recipe, part)
                    for architecture in networks
                ],
                true,
            ).statistic
        )
        for part in PARTS
    }


def trained_in_part(
    space: SearchSpace, architecture: Architecture, examples: Examples, recipe: Recipe, part: float
) -> float:
    """The accuracy of a network that is trained for a part of the steps of its table.

    It sees a part of the examples where that is less than an epoch.
    """
    steps = max(1, round(part * recipe.steps(len(examples.seen_N))))
    epochs = math.ceil(steps * recipe.batch_size / len(examples.seen_N))
    number = round(steps / epochs) * recipe.batch_size
    seen = replace(
        examples,
        seen_N=examples.seen_N[:number],
        seen_label_N=examples.seen_label_N[:number],
    )
    shorter = replace(recipe, epochs=epochs)
    return train(space, architecture, seen, shorter, _SEED).test_accuracy


def table(found: Mapping[str, Mapping[float, float]]) -> str:
    """A line for each part of the training, as Markdown."""
    head: list[Any] = ["part", *found, "mean", "square root of the part"]
    rows = [
        [f"{part:g}"]
        + [f"{of[part]:.2f}" for of in found.values()]
        + [f"{fmean(of[part] for of in found.values()):.2f}", f"{math.sqrt(part):.2f}"]
        for part in PARTS
    ]
    lines = ["| " + " | ".join(map(str, cells)) + " |" for cells in (head, *rows)]
    return "\n".join([lines[0], "|" + "---|" * len(head), *lines[1:]]) + "\n"


if __name__ == "__main__":
    main()
