"""`evaluate_network`: a trained network on the test split. The only place that opens that split.

Shapes: B batch, K classes.
"""

import time
import warnings
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch
from torchmetrics import MeanMetric
from torchmetrics.classification import MulticlassCalibrationError, MulticlassConfusionMatrix

from radars.data import Data, DataConfig, Split, load_data, move
from radars.errors import ConfigError, RadarsWarning, RunError
from radars.example import InputShape, call, same_form
from radars.execution.device import device_of
from radars.execution.fabric import fabric_on
from radars.memory import out_of_memory_said
from radars.memory.measure import measure_network, peak_rss_bytes
from radars.nn.task import CLASSIFICATION, Task
from radars.runs.files import to_json, write_atomically
from radars.tracking.progress import NoProgress, Progress
from radars.training.usable_network import UsableNetwork

EVALUATION_NAME = "evaluation.json"


@dataclass(frozen=True)
class EvaluationResult:
    """How good a trained network is on examples that it never saw.

    Attributes:
        source: the data set, as the user wrote it.
        num_examples: the number of examples of the test split.
        test_accuracy: a fraction; of another task than classification, the mean score.
        test_loss: the mean loss of the task, without label smoothing.
        expected_calibration_error: how far, on average, the probability of the network's answers
            is from the fraction that is right; over 15 bins of probability (Guo et al., "On
            Calibration of Modern Neural Networks", ICML 2017, equation 3). None where the task is
            not classification; the confusion matrix is then empty.
        examples_per_second: the examples per second of the whole evaluation, reading included.
        peak_memory_bytes: what the device's tensors hold at their peak: weights, a batch and
            activations.
        peak_rss_bytes: the most resident memory of the process.
        device: where it ran.
        class_names: the names of classes, in the order of the confusion matrix.
        confusion: how many examples of a class (row) were taken for a class (column).
    """

    source: str
    num_examples: int
    test_accuracy: float
    test_loss: float
    expected_calibration_error: float | None
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


def evaluate_network(
    trained: UsableNetwork,
    data: DataConfig | Data | Split | None = None,
    *,
    task: Task = CLASSIFICATION,
    device: str | None = None,
    progress: Progress | None = None,
    file: Path | None = None,
) -> EvaluationResult:
    """Evaluates a trained network on a test split.

    Args:
        trained: the network.
        data: whose test split, or the examples themselves; by default those of the data that it was
            trained on. Examples are normalised as in training, whatever they are.
        task: the loss and the score that it was trained with.
        device: `auto`, `cpu`, `cuda` or `cuda:N`; None for that of the training.
        progress: shows people how far it is.
        file: where the result is written, as JSON; None for nowhere.

    Raises:
        ConfigError: the data do not fit the network.
        DataError: the data cannot be used.
        RunError: the device has no memory left.
    """
    where = device_of(device or trained.config.device)
    config = data if isinstance(data, DataConfig) else trained.config.data
    if isinstance(data, Split):
        name, test = "examples", data
        _check_inputs(name, test.shape, trained)
    else:
        loaded = data if isinstance(data, Data) else load_data(config, trained.config.seed)
        _check_fits(loaded, trained)
        name, test = loaded.name, loaded.test.open()
    test = test.normalised_by(trained.normalisation).on(where)
    task.check(test.label_N, trained.num_classes)
    batch_size = config.batch_size
    with out_of_memory_said(f"one of batch_size {batch_size}", "evaluate on another device"):
        measured = _evaluate(trained, task, test, batch_size, where, progress or NoProgress())
    result = EvaluationResult(
        source=name,
        num_examples=len(test),
        **measured,
        peak_rss_bytes=peak_rss_bytes(),
        device=str(where),
        class_names=trained.class_names,
    )
    if file is not None:
        try:
            write_atomically(file, to_json(result.to_dict(), indent=2) + "\n")
        except RunError as error:  # what was measured is worth more than the file
            warnings.warn(f"{error}; the result is shown, not kept", RadarsWarning, stacklevel=2)
    return result


@torch.inference_mode()
def _evaluate(
    trained: UsableNetwork,
    task: Task,
    test: Split,
    batch_size: int,
    device: torch.device,
    progress: Progress,
) -> dict[str, Any]:
    """Everything that is measured."""
    fabric = fabric_on(device, trained.config.precision)
    network = fabric.setup_module(trained.network)
    accuracy, loss = MeanMetric().to(device), MeanMetric().to(device)
    calibration = confusion = None
    if task.is_classification:
        calibration = MulticlassCalibrationError(trained.num_classes, n_bins=15).to(device)
        confusion = MulticlassConfusionMatrix(trained.num_classes).to(device)
    first_B, _ = move(next(test.evaluation_batches(batch_size)), device)
    _, peak_bytes = measure_network(lambda: call(network, first_B), network, first_B)
    start = time.perf_counter()
    with progress.phase("evaluate", len(test)) as bar:
        for batch in test.evaluation_batches(batch_size):
            example_B, label_B = move(batch, device)
            output_BK = call(network, example_B).float()
            accuracy.update(task.score(output_BK, label_B).float())
            loss.update(task.loss(output_BK, label_B), weight=len(label_B))
            if calibration is not None and confusion is not None:
                calibration.update(output_BK.softmax(-1), label_B)
                confusion.update(output_BK, label_B)
            bar.advance(len(label_B))
        test_accuracy = float(accuracy.compute())
        seconds = time.perf_counter() - start
        bar.advance(0, accuracy=test_accuracy)
    return {
        "test_accuracy": test_accuracy,
        "test_loss": float(loss.compute()),
        "expected_calibration_error": None if calibration is None else float(calibration.compute()),
        "examples_per_second": round(len(test) / seconds, 1),
        "peak_memory_bytes": peak_bytes,
        "confusion": () if confusion is None else tuple(map(tuple, confusion.compute().tolist())),
    }


def _check_inputs(name: str, input_shape: InputShape, trained: UsableNetwork) -> None:
    if not same_form(input_shape, trained.input_shape):
        raise ConfigError(
            f"the examples must have the inputs that the network was trained on, "
            f"{trained.input_shape}, but those of {name} have {input_shape}; give the same inputs"
        )


def _check_fits(data: Data, trained: UsableNetwork) -> None:
    if data.num_classes != trained.num_classes:
        raise ConfigError(
            f"the data must have the {trained.num_classes} classes that the network was trained "
            f"on, but {data.name} has {data.num_classes}; use data with the same classes"
        )
    ours, theirs = trained.class_names, data.class_names
    if ours != theirs and set(ours) == set(theirs):
        index = next(k for k, name in enumerate(ours) if name != theirs[k])
        raise ConfigError(
            f"the classes must be in the order that the network was trained on, but class {index} "
            f"is {ours[index]!r} and that of {data.name} is {theirs[index]!r}; number the labels, "
            f"or name the folders, in that order"
        )
    _check_inputs(data.name, data.input_shape, trained)
    if data.input_shape != trained.input_shape:
        raise ConfigError(
            f"the examples must have the shape that the network was trained on, "
            f"{trained.input_shape}, but those of {data.name} have {data.input_shape}; set "
            f"image_size"
        )
