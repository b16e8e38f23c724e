"""A search that starts from pretrained weights, and the same search from scratch, at equal time.

ResNet-18 is trained on the images of five classes of CIFAR-10. For the other five classes, of which
there are 1,000 images, it is asked which of its blocks to keep, to replace by something cheaper or
to leave out, within 30 million multiply-accumulates (it has 37): once with the weights that it has,
once with random ones. What is found is trained from the same weights, and tested.

    python benchmarks/pretrained.py --data DATA [--seeds 0,1,2]

Appends two rows for each seed to `benchmarks/results/pretrained.jsonl`, and prints their means.
"""

import argparse
import io
import json
import time
from pathlib import Path
from statistics import fmean
from typing import Any

import numpy as np
import pyarrow.parquet
import torch
from about import about
from PIL import Image
from torch import Tensor, nn
from torch.utils.data import TensorDataset
from torchvision.models import resnet18
from torchvision.models.resnet import BasicBlock
from torchvision.ops import Conv2dNormActivation

import radars

RESULTS = Path(__file__).parent / "results" / "pretrained.jsonl"
BOUND = "macs<=30e6"
_NUM_CLASSES = 5
_NUM_EXAMPLES = 1_000
_MINUTES = 3
_MEAN_STD = {"mean": (0.491, 0.482, 0.447), "std": (0.247, 0.243, 0.262)}  # of CIFAR-10
_FINE_TUNING = {"learning_rate": 0.01}
_FROM_SCRATCH = {"learning_rate": 0.05}


def main() -> None:
    """Pretrains, searches with and without, trains, and prints the means."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--data", type=Path, required=True, help="with cifar10/")
    parser.add_argument("--seeds", default="0,1,2")
    parser.add_argument("--out", type=Path, default=RESULTS)
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    others, wanted, test = examples(arguments.data / "cifar10")
    weights = pretrained(others)
    rows: list[dict[str, Any]] = []
    for seed in map(int, arguments.seeds.split(",")):
        for name, known in (("pretrained", weights), ("from scratch", None)):
            row: dict[str, Any] = {**about(), "weights": name, "seed": seed}
            row |= searched(known, wanted, test, seed)
            rows.append(row)
            with arguments.out.open("a") as file:
                file.write(json.dumps(row) + "\n")
    for name in ("pretrained", "from scratch"):
        accuracies = [row["test_accuracy"] for row in rows if row["weights"] == name]
        print(f"{name}: {fmean(accuracies):.1%} ({min(accuracies):.1%} to {max(accuracies):.1%})")


def examples(folder: Path) -> tuple[TensorDataset, TensorDataset, TensorDataset]:
    """Images of five classes; 1,000 of the five others, and the test images of these."""
    image_N3HW, label_N = decoded(folder / "train.parquet", 25_000)
    first_N = label_N < _NUM_CLASSES
    wanted = image_N3HW[~first_N][:_NUM_EXAMPLES], label_N[~first_N][:_NUM_EXAMPLES]
    test_N3HW, test_label_N = decoded(folder / "test.parquet", 10_000)
    is_test_N = test_label_N >= _NUM_CLASSES
    return (
        TensorDataset(image_N3HW[first_N], label_N[first_N]),
        TensorDataset(wanted[0], wanted[1] - _NUM_CLASSES),
        TensorDataset(test_N3HW[is_test_N], test_label_N[is_test_N] - _NUM_CLASSES),
    )


def decoded(path: Path, number: int) -> tuple[Tensor, Tensor]:
    """The first images of a file, from 0 to 1, and their classes."""
    table = pyarrow.parquet.read_table(path).slice(0, number)
    images = [
        np.asarray(Image.open(io.BytesIO(row["bytes"])).convert("RGB"))
        for row in table["img"].to_pylist()
    ]
    image_N3HW = torch.from_numpy(np.stack(images)).permute(0, 3, 1, 2) / 255
    return image_N3HW, torch.tensor(table["label"].to_pylist())


def space_of(weights: dict[str, Tensor] | None) -> radars.SearchSpace:
    """The choices: the second block of each stage as it is, cheaper, or not at all."""

    def network() -> nn.Module:
        model: nn.Module = resnet18(num_classes=_NUM_CLASSES)
        if weights is not None:
            model.load_state_dict(weights)
        return model

    def cheaper(block: nn.Module) -> nn.Module:
        assert isinstance(block, BasicBlock)
        channels = block.conv1.in_channels
        return nn.Sequential(
            Conv2dNormActivation(channels, channels, 3, groups=channels),
            Conv2dNormActivation(channels, channels, 1),
        )

    candidates = {"keep": lambda block: block, "cheap": cheaper, "skip": lambda _: nn.Identity()}
    return radars.SearchSpace(
        radars.searchable(network, {"layer[1-4].1": candidates}), input_shape=(3, 32, 32)
    )


def pretrained(others: TensorDataset) -> dict[str, Tensor]:
    """The weights of the whole network after training on the other classes."""
    space = space_of(None)
    whole = dict.fromkeys(space.full, "keep")
    trained = radars.train(
        whole, others, space=space, epochs=6, batch_size=64, data_options=_MEAN_STD,
        optimizer=_FROM_SCRATCH,
    )  # fmt: skip
    weights = trained.network.state_dict()
    fresh: nn.Module = resnet18(num_classes=_NUM_CLASSES)
    of_classes = {name: each for name, each in fresh.state_dict().items() if name.startswith("fc")}
    return weights | of_classes  # which are others


def searched(
    weights: dict[str, Tensor] | None, wanted: TensorDataset, test: TensorDataset, seed: int
) -> dict[str, Any]:
    """What is found in the time, and its accuracy after training from the same weights."""
    space, started = space_of(weights), time.perf_counter()
    optimizer = _FROM_SCRATCH if weights is None else _FINE_TUNING
    found = radars.search(
        space,
        wanted,
        seed=seed,
        budget="256MiB",
        constraints=[BOUND],
        batch_size=50,
        data_options={"validation_fraction": 0.25, **_MEAN_STD},
        max_minutes=_MINUTES,
        num_threads=1,
        optimizer=optimizer,
        select={"optimizer": optimizer},
    )
    seconds = time.perf_counter() - started
    trained = radars.train(
        found, wanted, seed=seed, epochs=12, batch_size=50, data_options=_MEAN_STD,
        optimizer=optimizer,
    )  # fmt: skip
    return {
        "search_seconds": round(seconds, 1),
        "architecture": dict(found.architecture),
        "macs": found.macs,
        "validation_accuracy": found.validation_accuracy,
        "test_accuracy": trained.evaluate(test).test_accuracy,
        "measured_peak_bytes": found.measured_peak_bytes,
    }


if __name__ == "__main__":
    main()
