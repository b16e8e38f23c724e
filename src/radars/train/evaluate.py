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
from torchmetrics.classification import (
    MulticlassAccuracy,
    MulticlassCalibrationError,
    MulticlassConfusionMatrix,
)

from radars.data import Data, DataConfig, Split, load_data, move
from radars.errors import ConfigError
from radars.memory.measure import measure_network, peak_rss_bytes
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
        expected_calibration_error: how far, on average, the probability of the network's answers
            is from the fraction that is right; over 15 bins of probability (Guo et al., "On
            Calibration of Modern Neural Networks", ICML 2017, equation 3).
        examples_per_second: of the whole evaluation, reading included.
        peak_memory_bytes: what the device's tensors hold at their peak: weights, a batch and
            activations.
        peak_rss_bytes: the most resident memory of the process.
        device: where it ran.
        class_names: in the order of the confusion matrix.
        confusion: how many examples of a class (row) were taken for a class (column).
    """

    source: str
    num_examples: int
    test_accuracy: float
    test_loss: float
    expected_calibration_error: float
    examples_per_second: float
    peak_memory_bytes: int
    peak_rss_bytes: int
    device: str
    class_names: tuple[str, ...]
    confusion: tuple[tuple[int, ...], ...]

    def to_dict(self) -> dict[str, Any]:
        """The object that `evaluation.json` holds."""
        plain = {
            "class_names": list(self.class_names),
            "confusion": list(map(list, self.confusion)),
        }
        return {"schema": 1, "kind": "evaluation"} | asdict(self) | plain


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
    measured = _evaluate(trained, test, config.batch_size, where, progress or NoProgress())
    result = EvaluationResult(
        source=loaded.name,
        num_examples=len(test),
        **measured,
        peak_rss_bytes=peak_rss_bytes(),
        device=str(where),
        class_names=trained.class_names,
    )
    write_atomically(Path(path) / "evaluation.json", to_json(result.to_dict(), indent=2) + "\n")
    return result


@torch.inference_mode()
def _evaluate(
    trained: TrainedNetwork, test: Split, batch_size: int, device: torch.device, progress: Progress
) -> dict[str, Any]:
    """Everything that is measured."""
    fabric = fabric_on(device, trained.config.precision)
    network = fabric.setup_module(trained.network)
    accuracy = MulticlassAccuracy(trained.num_classes, average="micro").to(device)
    loss = MeanMetric().to(device)
    calibration = MulticlassCalibrationError(trained.num_classes, n_bins=15).to(device)
    confusion = MulticlassConfusionMatrix(trained.num_classes).to(device)
    first_B, _ = move(next(test.evaluation_batches(batch_size)), device)
    _, peak_bytes = measure_network(lambda: network(first_B), network, first_B)
    start = time.perf_counter()
    with progress.phase("evaluate", len(test)) as bar:
        for batch in test.evaluation_batches(batch_size):
            example_B, label_B = move(batch, device)
            output_BK = network(example_B).float()
            accuracy.update(output_BK, label_B)
            calibration.update(output_BK.softmax(-1), label_B)
            confusion.update(output_BK, label_B)
            loss.update(F.cross_entropy(output_BK, label_B, reduction="none"))
            bar.advance(len(label_B))
        test_accuracy = float(accuracy.compute())
        seconds = time.perf_counter() - start
        bar.advance(0, accuracy=test_accuracy)
    return {
        "test_accuracy": test_accuracy,
        "test_loss": float(loss.compute()),
        "expected_calibration_error": float(calibration.compute()),
        "examples_per_second": round(len(test) / seconds, 1),
        "peak_memory_bytes": peak_bytes,
        "confusion": tuple(map(tuple, confusion.compute().tolist())),
    }


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
