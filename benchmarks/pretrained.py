"""A search that starts from pretrained weights, and the same search from scratch, at equal time.

A network is trained on the images of five classes of CIFAR-10. For the other five classes, of which
there are 1,000 images, it is asked which parts to keep, to narrow to the more important channels,
to replace by something cheaper or to leave out, within a bound on multiply-accumulates: once with
the weights that it has, once with random ones. What is found is trained from the same weights, and
tested. `resnet18` of torchvision has 37 million, of which 30 are allowed; `vit`, a narrow vision
transformer of transformers, has 84, of which 55 are allowed.

    python benchmarks/pretrained.py --data DATA [--network vit] [--seeds 0,1,2]

Appends two rows for each seed to `benchmarks/results/pretrained.jsonl`, and prints their means.
"""

import argparse
import io
import json
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
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
_NUM_CLASSES = 5
_NUM_EXAMPLES = 1_000
_MINUTES = 3
_MEAN_STD = {"mean": (0.491, 0.482, 0.447), "std": (0.247, 0.243, 0.262)}  # of CIFAR-10


def main() -> None:
    """Pretrains, searches with and without, trains, and prints the means."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--data", type=Path, required=True, help="with cifar10/")
    parser.add_argument("--network", choices=PROBLEMS, default="resnet18")
    parser.add_argument("--seeds", default="0,1,2")
    parser.add_argument("--weights", default="pretrained,from scratch")
    parser.add_argument("--out", type=Path, default=RESULTS)
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    others, wanted, test = examples(arguments.data / "cifar10")
    names, problem = arguments.weights.split(","), PROBLEMS[arguments.network]
    weights = pretrained(problem, others) if "pretrained" in names else None
    rows: list[dict[str, Any]] = []
    for seed in map(int, arguments.seeds.split(",")):
        for name in names:
            known = weights if name == "pretrained" else None
            row: dict[str, Any] = {**about(), "network": arguments.network}
            row |= {"weights": name, "seed": seed}
            row |= searched(problem, known, wanted, test, seed)
            rows.append(row)
            with arguments.out.open("a") as file:
                file.write(json.dumps(row) + "\n")
    for name in names:
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


@dataclass(frozen=True)
class Problem:
    """A network to make cheaper.

    Attributes:
        network: builds it.
        modules: the pattern of those that become choices.
        candidates: what they may become.
        bound: the constraint on what is found.
        epochs: how long it is pretrained.
        fine_tuning: how pretrained weights are trained.
        from_scratch: how random ones are.
    """

    network: Callable[[], nn.Module]
    modules: str
    candidates: Mapping[str, Callable[[nn.Module], nn.Module]]
    bound: str
    epochs: int
    fine_tuning: Mapping[str, Any]
    from_scratch: Mapping[str, Any]

    def space(self, weights: Mapping[str, Tensor] | None) -> radars.SearchSpace:
        """The choices, with weights, or with random ones."""

        def network() -> nn.Module:
            model = self.network()
            if weights is not None:
                model.load_state_dict(weights)
            return model

        replacements = {self.modules: self.candidates}
        return radars.SearchSpace(radars.searchable(network, replacements), input_shape=(3, 32, 32))


def cheaper(block: nn.Module) -> nn.Module:
    """A separable convolution instead of a block."""
    assert isinstance(block, BasicBlock)
    channels = block.conv1.in_channels
    return nn.Sequential(
        Conv2dNormActivation(channels, channels, 3, groups=channels),
        Conv2dNormActivation(channels, channels, 1),
    )


class Nothing(nn.Module):
    """What is added where a feed-forward part is left out."""

    def forward(self, hidden_BTD: Tensor, *_: Any) -> Tensor:
        """Zeros (B, T, D)."""
        return torch.zeros_like(hidden_BTD)


class VisionTransformer(nn.Module):
    """A narrow vision transformer of transformers, with random weights."""

    def __init__(self) -> None:
        super().__init__()
        from transformers import ViTConfig, ViTForImageClassification

        config = ViTConfig(
            hidden_size=128, num_hidden_layers=6, num_attention_heads=4, intermediate_size=512,
            image_size=32, patch_size=4, num_labels=_NUM_CLASSES,
        )  # fmt: skip
        self.model = ViTForImageClassification(config)

    def forward(self, image_B3HW: Tensor) -> Tensor:
        """Scores (B, 5)."""
        scores: Tensor = self.model(pixel_values=image_B3HW).logits
        return scores


PROBLEMS = {
    "resnet18": Problem(
        lambda: resnet18(num_classes=_NUM_CLASSES),
        "layer[1-4].1",
        {
            "keep": lambda block: block,
            "half": lambda block: radars.narrowed(block, "conv1", "conv2", 0.5, ["bn1"]),
            "cheap": cheaper,
            "skip": lambda _: nn.Identity(),
        },
        "macs<=30e6",
        6,
        {"learning_rate": 0.01},
        {"learning_rate": 0.05},
    ),
    "vit": Problem(
        VisionTransformer,
        "*.mlp",
        {
            "keep": lambda mlp: mlp,
            "half": lambda mlp: radars.narrowed(mlp, "fc1", "fc2", 0.5),
            "quarter": lambda mlp: radars.narrowed(mlp, "fc1", "fc2", 0.25),
            "skip": lambda _: Nothing(),
        },
        "macs<=55e6",
        4,
        {"name": "adamw", "learning_rate": 3e-4, "weight_decay": 0.05},
        {"name": "adamw", "learning_rate": 1e-3, "weight_decay": 0.05},
    ),
}


def pretrained(problem: Problem, others: TensorDataset) -> dict[str, Tensor]:
    """The weights of the whole network after training on the other classes."""
    space = problem.space(None)
    whole = dict.fromkeys(space.full, "keep")
    trained = radars.train(
        whole, others, space=space, epochs=problem.epochs, batch_size=64,
        data_options=_MEAN_STD, optimizer=problem.from_scratch,
    )  # fmt: skip
    weights, fresh = trained.network.state_dict(), problem.network().state_dict()
    last = list(fresh)[-1].rpartition(".")[0]  # the classifier, whose classes are others
    return weights | {name: each for name, each in fresh.items() if name.startswith(last)}


def searched(
    problem: Problem,
    weights: dict[str, Tensor] | None,
    wanted: TensorDataset,
    test: TensorDataset,
    seed: int,
) -> dict[str, Any]:
    """What is found in the time, and its accuracy after training from the same weights."""
    space, started = problem.space(weights), time.perf_counter()
    optimizer = dict(problem.from_scratch if weights is None else problem.fine_tuning)
    found = radars.search(
        space,
        wanted,
        seed=seed,
        budget="256MiB",
        constraints=[problem.bound],
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
