from dataclasses import replace
from pathlib import Path

import pytest
import torch
from torch import nn

from radars.data import Normalisation
from radars.space import Architecture
from radars.training import EvaluationResult, TrainResult
from radars.training.training_summary import evaluation_summary, train_summary

RESULT = EvaluationResult(
    source="pets",
    num_examples=100,
    test_accuracy=0.9,
    test_loss=0.5,
    expected_calibration_error=0.02,
    examples_per_second=50.0,
    peak_memory_bytes=3 * 2**20,
    peak_rss_bytes=2**30,
    device="cpu",
    class_names=("cat", "dog"),
    confusion=((48, 2), (8, 42)),
)
TRAINED = TrainResult(
    network=nn.Identity(),
    space="digits",
    seed=0,
    architecture=Architecture({"a": "skip"}),
    epochs=5,
    train_loss=0.1,
    train_accuracy=0.99,
    validation_accuracy=None,
    best_epoch=None,
    parameters=1000,
    macs=1000,
    train_seconds=1.0,
    class_names=("cat", "dog"),
    input_shape=(1, 8, 8),
    normalisation=Normalisation(torch.zeros(1), torch.ones(1)),
)


def test_a_small_matrix_is_shown_whole() -> None:
    lines = evaluation_summary(RESULT).splitlines()
    assert [line.split() for line in lines[-3:]] == [
        ["cat", "dog"], ["cat", "48", "2"], ["dog", "8", "42"],
    ]  # fmt: skip
    text = "\n".join(lines)
    for part in ("90.00% on 100 examples of pets", "2.00%", "50 examples/s", "3.0 MiB", "1.0 GiB"):
        assert part in text


def test_of_a_large_one_what_is_confused_most() -> None:
    names = tuple(f"class {index}" for index in range(20))
    rows = [[5 if row == column else 0 for column in range(20)] for row in range(20)]
    rows[3][4], rows[7][1] = 2, 3
    result = replace(RESULT, class_names=names, confusion=tuple(map(tuple, rows)))
    assert evaluation_summary(result).splitlines()[-2:] == [
        "       3  class 7 taken for class 1",
        "       2  class 3 taken for class 4",
    ]


@pytest.mark.parametrize(
    ("held_out", "lines"),
    [
        ((None, None), ["accuracy    99.00% on the training split, as augmented"]),
        (
            (0.9, 3),
            [
                "accuracy    90.00% on what was held out, after epoch 3, the best, which is kept",
                "training    99.00% on the training split, as augmented",
            ],
        ),
    ],
)
def test_what_counts_is_said_first(
    held_out: tuple[float | None, int | None], lines: list[str]
) -> None:
    accuracy, epoch = held_out
    result = replace(TRAINED, validation_accuracy=accuracy, best_epoch=epoch)
    assert train_summary(result, Path("out")).splitlines()[3 : 3 + len(lines)] == lines


def test_what_the_next_step_needs_is_said_where_it_is_not_there(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    found = {"onnx": True, "onnxruntime": True, "onnxscript": True}
    monkeypatch.setattr("radars.training.training_summary.find_spec", found.get)
    assert train_summary(TRAINED, Path("a")).splitlines()[-1].endswith("--out a.onnx")
    found["onnxruntime"] = False
    assert 'pip install "radars-nas[onnx]"' in train_summary(TRAINED, Path("a")).splitlines()[-1]
