"""`evaluate_run`: a trained network on the test split. The only place that opens that split.

Shapes: B batch, K classes.
"""

import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch
from torch.nn import functional as F
from torchmetrics import MeanMetric
from torchmetrics.classification import MulticlassAccuracy

from radars.data import Data, DataConfig, Split, load_data, move
from radars.errors import ConfigError
from radars.run import NoProgress, Progress, write_atomically
from radars.run.device import device_of, fabric_on
from radars.run.files import to_json
from radars.space import SearchSpace
from radars.train.trained import TrainedNetwork, load_trained


@dataclass(frozen=True)
class EvaluationResult:
    """How good a trained network is on examples that it never saw.

    Attributes:
        source: the data set, as the user wrote it.
        num_examples: of the test split.
        test_accuracy: a fraction.
        test_loss: mean cross-entropy, without label smoothing.
        examples_per_second: of the whole evaluation, reading included.
        device: where it ran.
    """

    source: str
    num_examples: int
    test_accuracy: float
    test_loss: float
    examples_per_second: float
    device: str

    def to_dict(self) -> dict[str, Any]:
        """The object that `evaluation.json` holds."""
        return {"schema": 1, "kind": "evaluation"} | asdict(self)


def evaluate_run(
    path: str | Path,
    *,
    data: DataConfig | None = None,
    device: str = "auto",
    space: SearchSpace | None = None,
    progress: Progress | None = None,
) -> EvaluationResult:
    """Evaluates the network of a completed training on a test split; writes `evaluation.json`.

    Args:
        path: the run directory of the training.
        data: whose test split; by default that of the data it was trained on. Examples are
            normalised as in training, whatever they are.
        device: `auto`, `cpu`, `cuda` or `cuda:N`.
        space: used instead of the one that the run's configuration names.
        progress: shows people how far it is.

    Raises:
        ConfigError: it is not the directory of a completed training, its files do not belong
            together, or the data do not fit the network.
        DataError: the data cannot be used.
    """
    where = device_of(device)
    trained = load_trained(path, space=space, device=where)
    config = data or trained.config.data
    loaded = load_data(config, trained.config.seed)
    _check_fits(loaded, trained)
    test = loaded.test.open().normalised_by(trained.normalisation)
    accuracy, loss, seconds = _evaluate(
        trained, test, config.batch_size, where, progress or NoProgress()
    )
    result = EvaluationResult(
        source=loaded.name,
        num_examples=len(test),
        test_accuracy=accuracy,
        test_loss=loss,
        examples_per_second=round(len(test) / seconds, 1),
        device=str(where),
    )
    write_atomically(Path(path) / "evaluation.json", to_json(result.to_dict(), indent=2) + "\n")
    return result


@torch.inference_mode()
def _evaluate(
    trained: TrainedNetwork, test: Split, batch_size: int, device: torch.device, progress: Progress
) -> tuple[float, float, float]:
    """The accuracy, the loss and the seconds that it took."""
    fabric = fabric_on(device, trained.config.precision)
    network = fabric.setup_module(trained.network)
    accuracy = MulticlassAccuracy(trained.num_classes, average="micro").to(device)
    loss = MeanMetric().to(device)
    start = time.perf_counter()
    with progress.phase("evaluate", len(test)) as bar:
        for batch in test.evaluation_batches(batch_size):
            example_B, label_B = move(batch, device)
            output_BK = network(example_B)
            accuracy.update(output_BK, label_B)
            loss.update(F.cross_entropy(output_BK, label_B, reduction="none"))
            bar.advance(len(label_B))
        values = float(accuracy.compute()), float(loss.compute())
        bar.advance(0, accuracy=values[0])
    return *values, time.perf_counter() - start


def _check_fits(data: Data, trained: TrainedNetwork) -> None:
    if data.num_classes != trained.num_classes:
        raise ConfigError(
            f"the data must have the {trained.num_classes} classes that the network was trained "
            f"on, but {data.name} has {data.num_classes}; use data with the same classes"
        )
    if data.input_shape != trained.input_shape:
        raise ConfigError(
            f"the examples must have the shape that the network was trained on, "
            f"{trained.input_shape}, but those of {data.name} have {data.input_shape}; set "
            f"image_size"
        )
