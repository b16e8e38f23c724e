"""A whole search by a one-shot strategy of NNI 3.0, under a time limit; `search.py` runs it.

It runs with the Python of NNI's own environment and imports nothing of radars: images come as an
`.npz` file, and what was found goes to a JSON file. The network is that of NAS-Bench-Macro, written
as a `ModelSpace` of NNI; strategies, trainer and export are NNI's own. What is set here, since a
user has to: SGD with cosine decay, which follows the clock, so that a search takes the time that it
has and its learning rate is 0 in the end; the usual augmentation, computed for a whole batch.

`darts` and `proxyless` return what has the largest logits among what may be returned. NNI itself
exports that for DARTS, where anything may be, but for Proxyless a random draw from the softmax of
the logits: both are written. `random-one-shot` trains shared weights on uniformly drawn paths;
since what NNI then exports is any architecture, the last part of the time goes to NNI's
`RegularizedEvolution` over these weights, as its documentation says. `enas` trains shared weights
and a controller, and returns a draw of it, as NNI does.

NNI's means against what is too large are taken where they do something: for `random-one-shot` a
filter of its paths and a check of the samples of the evolution, for `enas` a penalty on its reward.
The penalty of the other two adds a number without a gradient to their loss (`export_probs` gives
plain numbers), so that it is left out.

    NNI_PYTHON benchmarks/nni_search.py --data images.npz --method darts --seconds 900 --out OUT
"""

import argparse
import json
import logging
import math
import resource
import time
import warnings
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Any

import nni
import numpy as np
import pytorch_lightning
import torch
from nni.mutable import SampleValidationError
from nni.nas.evaluator import FunctionalEvaluator
from nni.nas.evaluator.pytorch import DataLoader, Lightning, LightningModule, Trainer
from nni.nas.experiment import NasExperiment
from nni.nas.nn.pytorch import LayerChoice, ModelSpace
from nni.nas.profiler.pytorch.flops import FlopsProfiler
from nni.nas.strategy import DARTS, ENAS, Proxyless, RandomOneShot, RegularizedEvolution
from torch import Tensor, nn
from torch.nn import functional as F
from torch.utils.data import Dataset
from torchvision.models.mobilenetv3 import InvertedResidual, InvertedResidualConfig
from torchvision.ops import Conv2dNormActivation

METHODS = ("darts", "proxyless", "random-one-shot", "enas")
HEAD_CHANNELS = 1280
SHIFT = 4  # pixels
CLIPPED_NORM = 5.0
SUPERNET_FRACTION = 0.8  # of the time of random-one-shot; the rest is for the evolution
NUM_READINGS = 20  # of what a search would return, if it were stopped then
MOST_DRAWS = 1000
CANDIDATES = ("identity", "mb3_k3", "mb6_k5")
LAYERS = tuple(f"layer{index}" for index in range(8))
TABLE_WIDTH = 32  # that multiply-accumulates are counted at
COUNTED_MORE = 1.05  # by NNI, which counts normalisation too


class Macro(ModelSpace):  # type: ignore[misc]
    """NAS-Bench-Macro: 8 layers in 3 stages; each is an identity or an MBConv.

    Attributes:
        allowed: what may be sampled; None for everything.
    """

    allowed: "Allowed | None" = None

    def __init__(self, width: int, num_classes: int = 10) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        in_channels = width
        for out_channels, num_layers in ((2 * width, 2), (4 * width, 3), (8 * width, 3)):
            for index in range(num_layers):
                stride = 2 if index == 0 else 1
                options = candidates(in_channels, out_channels, stride)
                layers.append(LayerChoice(options, label=f"layer{len(layers)}"))
                in_channels = out_channels
        self.stem = Conv2dNormActivation(3, width, 3)
        self.layers = nn.Sequential(*layers)
        self.head = nn.Sequential(
            Conv2dNormActivation(in_channels, HEAD_CHANNELS, 1),
            nn.AdaptiveAvgPool2d(1),
            nn.Flatten(),
            nn.Linear(HEAD_CHANNELS, num_classes),
        )

    def forward(self, image_BCHW: Tensor) -> Tensor:
        """Images (B, 3, H, W) to (B, K)."""
        output_BK: Tensor = self.head(self.layers(self.stem(image_BCHW)))
        return output_BK

    def check_contains(self, sample: Mapping[str, str]) -> Any:
        """What is wrong with a sample, or None; NNI draws another where something is."""
        error = super().check_contains(sample)
        if error is None and self.allowed is not None and not self.allowed(sample):
            return SampleValidationError("it is not allowed")
        return error


def candidates(in_channels: int, out_channels: int, stride: int) -> dict[str, nn.Module]:
    """The candidates of a layer."""
    keeps_shape = stride == 1 and in_channels == out_channels
    identity = (
        nn.Identity()
        if keeps_shape
        else Conv2dNormActivation(in_channels, out_channels, 1, stride, activation_layer=None)
    )
    modules = (
        identity,
        mbconv(in_channels, out_channels, 3, 3, stride),
        mbconv(in_channels, out_channels, 5, 6, stride),
    )
    return dict(zip(CANDIDATES, modules, strict=True))


def mbconv(
    in_channels: int, out_channels: int, kernel_size: int, expand_ratio: int, stride: int
) -> nn.Module:
    """The inverted residual block of MobileNetV2, of exactly these channels."""
    expanded = in_channels * expand_ratio
    config = InvertedResidualConfig(
        in_channels, kernel_size, expanded, out_channels, False, "RE", stride, 1, 1.0
    )
    config.input_channels, config.expanded_channels = in_channels, expanded
    config.out_channels = out_channels
    block: nn.Module = InvertedResidual(config, norm_layer=nn.BatchNorm2d)
    return block


class Images(Dataset[Any]):
    """Images and labels, normalised, a batch at a time."""

    def __init__(self, content: Mapping[str, Any], part: str, *, augment: bool) -> None:
        self.image_NCHW = torch.from_numpy(content[f"{part}_images"])  # uint8
        self.label_N = torch.from_numpy(content[f"{part}_labels"])
        self._mean_CHW = 255 * torch.from_numpy(content["mean"]).view(-1, 1, 1)
        self._std_CHW = 255 * torch.from_numpy(content["std"]).view(-1, 1, 1)
        self._augment = augment

    def __len__(self) -> int:
        return len(self.label_N)

    def __getitems__(self, indices: list[int]) -> tuple[Tensor, Tensor]:
        """A batch (B, C, H, W), and its labels (B,)."""
        image_BCHW = self.image_NCHW[indices]
        if self._augment:
            image_BCHW = shifted_and_flipped(image_BCHW)
        return (image_BCHW - self._mean_CHW) / self._std_CHW, self.label_N[indices]


def shifted_and_flipped(image_BCHW: Tensor) -> Tensor:
    """Each image shifted by up to `SHIFT` pixels each way, and mirrored or not."""
    batch_size, _, height, width = image_BCHW.shape
    padded = F.pad(image_BCHW, (SHIFT,) * 4)
    top_B, left_B = torch.randint(2 * SHIFT + 1, (2, batch_size))
    row_BH = top_B[:, None] + torch.arange(height)
    column_BW = left_B[:, None] + torch.arange(width)
    column_BW = torch.where(torch.rand(batch_size, 1) < 0.5, column_BW.flip(1), column_BW)
    image = torch.arange(batch_size)[:, None, None]
    shifted_BHWC = padded.permute(0, 2, 3, 1)[image, row_BH[:, :, None], column_BW[:, None, :]]
    return shifted_BHWC.permute(0, 3, 1, 2).contiguous()


class Allowed:
    """What a search may return.

    Args:
        index_A8: the candidates of each such architecture, as they are numbered in `CANDIDATES`.
    """

    def __init__(self, index_A8: Any) -> None:
        self._index_A8 = index_A8
        self._all = set(map(tuple, index_A8.tolist()))

    def __call__(self, sample: Mapping[str, str]) -> bool:
        """Whether an architecture is among them."""
        return tuple(CANDIDATES.index(sample[layer]) for layer in LAYERS) in self._all

    def best(self, oneshot_module: Any) -> dict[str, str]:
        """The one with the largest logits."""
        probabilities = oneshot_module.export_probs()
        score_83 = np.log([[probabilities[layer][name] for name in CANDIDATES] for layer in LAYERS])
        score_A = score_83[np.arange(len(LAYERS)), self._index_A8].sum(-1)
        best_8 = self._index_A8[score_A.argmax()]
        return {layer: CANDIDATES[index] for layer, index in zip(LAYERS, best_8, strict=True)}


class Clock:
    """The time of a search.

    Attributes:
        seconds: that it may take.
    """

    def __init__(self, seconds: float) -> None:
        self.seconds = seconds
        self._start = time.perf_counter()

    @property
    def elapsed(self) -> float:
        """Seconds since it began."""
        return time.perf_counter() - self._start


class Training(LightningModule):  # type: ignore[misc]
    """How NNI is to train, until some seconds of the clock."""

    def __init__(self, learning_rate: float, clock: Clock, until: float) -> None:
        super().__init__()
        self._learning_rate = learning_rate
        self._clock = clock
        self._until = until

    def forward(self, image_BCHW: Tensor) -> Any:
        """The network's outputs."""
        return self.model(image_BCHW)

    def training_step(self, batch: tuple[Tensor, Tensor], batch_idx: int) -> Tensor:
        """The loss of a batch."""
        image_BCHW, label_B = batch
        return F.cross_entropy(self(image_BCHW), label_B)

    def validation_step(self, batch: tuple[Tensor, Tensor], batch_idx: int) -> None:
        """Reports the accuracy, which is the reward of ENAS."""
        image_BCHW, label_B = batch
        self.log("default", (self(image_BCHW).argmax(-1) == label_B).float().mean())

    def configure_optimizers(self) -> Any:
        """Those of the weights, with a learning rate that follows the clock."""
        optimizer = torch.optim.SGD(
            self.parameters(), self._learning_rate, 0.9, weight_decay=5e-4, nesterov=True
        )
        schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, self._factor)
        return {
            "optimizer": optimizer,
            "lr_scheduler": {"scheduler": schedule, "interval": "step"},
        }

    def configure_gradient_clipping(self, optimizer: Any, *_: Any, **__: Any) -> None:
        """Called by NNI where it steps the optimizer itself."""
        nn.utils.clip_grad_norm_(optimizer.param_groups[0]["params"], CLIPPED_NORM)

    def _factor(self, _: int) -> float:
        return 0.5 * (1.0 + math.cos(math.pi * min(self._clock.elapsed / self._until, 1.0)))


class Deadline(pytorch_lightning.Callback):  # type: ignore[misc]
    """Ends training at a time of the clock, and reads meanwhile what the search would return.

    Attributes:
        steps: that were taken.
        readings: the seconds and the largest logits, where a strategy has logits.
    """

    def __init__(self, clock: Clock, until: float, allowed: Allowed) -> None:
        self.steps = 0
        self.readings: list[tuple[float, dict[str, str]]] = []
        self._clock = clock
        self._until = until
        self._allowed = allowed

    def on_train_batch_end(self, trainer: Any, pl_module: Any, *_: Any) -> None:
        """Called by the trainer after each step."""
        self.steps += 1
        elapsed = self._clock.elapsed
        is_due = elapsed >= self._until * (len(self.readings) + 1) / NUM_READINGS
        if is_due and hasattr(pl_module, "arch_parameters"):
            self.readings.append((elapsed, self._allowed.best(pl_module)))
        if elapsed >= self._until:
            trainer.should_stop = True


def main() -> None:
    """Searches once."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--data", type=Path, required=True, help=".npz, as search.py writes it")
    parser.add_argument("--method", choices=METHODS, required=True)
    parser.add_argument("--seconds", type=float, required=True)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--width", type=int, default=8, help="channels of the stem")
    parser.add_argument("--batch-size", type=int, default=64)
    parser.add_argument("--learning-rate", type=float, default=0.1, help="of the weights")
    parser.add_argument("--logits-learning-rate", type=float, default=0.01)
    parser.add_argument("--macs", type=float, default=math.inf, help="the most that are allowed")
    parser.add_argument("--out", type=Path, required=True)
    arguments = parser.parse_args()
    warnings.filterwarnings("ignore")  # NNI 3.0 is older than the libraries that it meets
    logging.disable(logging.WARNING)
    pytorch_lightning.seed_everything(arguments.seed)
    with np.load(arguments.data) as file:
        content = dict(file)
    clock = Clock(arguments.seconds)
    found = search(arguments, content, clock)
    seconds = clock.elapsed
    network = Macro(arguments.width).freeze(found["architecture"])
    row = found | {
        "seconds": seconds,
        "parameters": sum(parameter.numel() for parameter in network.parameters()),
        "peak_rss_bytes": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024,
        "threads": torch.get_num_threads(),
        "nni": nni.__version__,
        "lightning": pytorch_lightning.__version__,
        "torch": torch.__version__,
    }
    arguments.out.write_text(json.dumps(row))


def search(
    arguments: argparse.Namespace, content: Mapping[str, Any], clock: Clock
) -> dict[str, Any]:
    """The search itself: the architecture, and what else is said of it."""
    is_random = arguments.method == "random-one-shot"
    until = clock.seconds * (SUPERNET_FRACTION if is_random else 1.0)
    allowed = Allowed(content["allowed"])
    deadline = Deadline(clock, until, allowed)
    validation = Images(content, "validation", augment=False)

    def loader(images: Images, mode: str) -> Any:
        return DataLoader(
            images,
            batch_size=arguments.batch_size,
            shuffle=True,
            drop_last=True,
            collate_fn=partial(with_mode, mode) if arguments.method == "enas" else as_it_is,
        )

    evaluator = Lightning(
        Training(arguments.learning_rate, clock, until),
        Trainer(
            accelerator="cpu",
            devices=1,
            max_epochs=-1,
            limit_val_batches=0,
            gradient_clip_val=CLIPPED_NORM if is_random else None,  # where Lightning steps
            callbacks=[deadline],
            logger=False,
            enable_checkpointing=False,
            enable_progress_bar=False,
            enable_model_summary=False,
        ),
        train_dataloaders=loader(Images(content, "train", augment=True), "train"),
        val_dataloaders=loader(validation, "val"),
    )
    space, strategy = Macro(arguments.width), new_strategy(arguments, allowed)
    experiment = NasExperiment(space, evaluator, strategy)
    experiment.run()
    found: dict[str, Any] = {"steps": deadline.steps}
    if is_random:
        space.allowed = allowed
        return found | evolved(space, validation, arguments, clock)
    [exported] = experiment.export_top_models(formatter="dict")
    if isinstance(strategy, DARTS):
        best = allowed.best(strategy.oneshot_module)
        readings = [*deadline.readings, (clock.elapsed, best)]
        return found | {"architecture": best, "exported": exported, "readings": readings}
    for _ in range(MOST_DRAWS):
        if allowed(exported):
            return found | {"architecture": exported}
        [exported] = experiment.export_top_models(formatter="dict")
    raise SystemExit(f"the controller drew nothing that is allowed in {MOST_DRAWS} draws")


def new_strategy(arguments: argparse.Namespace, allowed: Allowed) -> Any:
    """The strategy of a method."""
    if arguments.method == "random-one-shot":
        return RandomOneShot(filter=allowed)
    if arguments.method == "enas":
        penalty = None
        if arguments.macs < math.inf:
            penalty = {
                "profiler": FlopsProfiler(Macro(TABLE_WIDTH), torch.zeros(1, 3, 32, 32)),
                "baseline": COUNTED_MORE * arguments.macs,
                "nonlinear": "positive",
                "scale": -1.0,
            }
        return ENAS(reward_metric_name="default", penalty=penalty)
    strategy = {"darts": DARTS, "proxyless": Proxyless}[arguments.method]
    return strategy(arc_learning_rate=arguments.logits_learning_rate)


def evolved(
    space: Macro, validation: Images, arguments: argparse.Namespace, clock: Clock
) -> dict[str, Any]:
    """What NNI's evolution finds with the weights of a supernet, in the time that is left."""
    num_examples = min(len(validation), 16 * arguments.batch_size)
    batches = [
        validation.__getitems__(list(range(num_examples))[start : start + arguments.batch_size])
        for start in range(0, num_examples, arguments.batch_size)
    ]

    def report_accuracy(network: nn.Module) -> None:
        network.train()  # the statistics of the batch: those of shared weights fit no path
        with torch.no_grad():
            hits = [(network(image).argmax(-1) == label).sum() for image, label in batches]
        nni.report_final_result(int(sum(hits)) / num_examples)

    strategy = RegularizedEvolution(
        population_size=20, sample_size=5, mutation_prob=0.2, seed=arguments.seed
    )
    experiment = NasExperiment(space, FunctionalEvaluator(report_accuracy), strategy)
    left = max(clock.seconds - clock.elapsed, 1.0)
    experiment.config.execution_engine.max_duration = left
    experiment.run()
    [best] = experiment.export_top_models(formatter="dict")
    return {
        "architecture": best,
        "evaluated": len(list(strategy.list_models(sort=False))),
        "shared_accuracy": next(iter(strategy.list_models(limit=1))).metric,
    }


def as_it_is(batch: Any) -> Any:
    """What a data set has made a batch of already."""
    return batch


def with_mode(mode: str, batch: Any) -> Any:
    """A batch as ENAS takes it.

    Lightning 2.6 gives it the batch alone, not with the number of the loader, as NNI expects of
    Lightning 2; but NNI still knows how Lightning 1 gave it.
    """
    return batch, mode


if __name__ == "__main__":
    main()
