import json
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from tests.conftest import exit_status
from tests.full_disk import full_for
from torch import nn
from torch.nn import functional as F

import radars
from radars.data import Data, DataConfig, load_data
from radars.errors import ConfigError, RunError
from radars.training import TrainConfig, TrainResult, train_architecture


@pytest.fixture
def make_folder(tmp_path: Path) -> Callable[..., DataConfig]:
    """A folder of grey images, one colour a class."""

    def _make(num_classes: int, size: int = 8) -> DataConfig:
        root = tmp_path / f"images{num_classes}x{size}"
        for split, label in ((s, k) for s in ("train", "test") for k in range(num_classes)):
            folder = root / split / str(label)
            folder.mkdir(parents=True)
            for index in range(3):
                pixels = np.full((size, size), 20 * label + index, np.uint8)
                Image.fromarray(pixels).save(folder / f"{index}.png")
        return DataConfig(source=str(root), batch_size=7)

    return _make


def test_it_is_what_the_network_answers(
    completed: tuple[Path, TrainResult], small_data: Data
) -> None:
    path, trained = completed
    before = (path / "result.json").read_bytes()
    result = radars.evaluate(path, device="cpu")
    batch = next(small_data.test.open().evaluation_batches(10_000))
    with torch.no_grad():
        output_BK = trained.network(batch.example_B)
    accuracy = (output_BK.argmax(-1) == batch.label_B).double().mean()
    assert result.test_accuracy == pytest.approx(float(accuracy), abs=1e-6)
    assert result.test_loss == pytest.approx(
        float(F.cross_entropy(output_BK, batch.label_B)), abs=1e-4
    )
    assert result.num_examples == len(batch.label_B) == 359
    assert result.examples_per_second > 0
    assert result.class_names == tuple(map(str, range(10)))
    assert json.loads((path / "evaluation.json").read_text()) == result.to_dict()

    probability_B, answer_B = output_BK.softmax(-1).max(-1)
    confusion = torch.zeros(10, 10, dtype=torch.int64)
    confusion.index_put_((batch.label_B, answer_B), torch.ones(359, dtype=torch.int64), True)
    assert [list(row) for row in result.confusion] == confusion.tolist()
    gaps = torch.zeros(15)
    right_B = (answer_B == batch.label_B).float()
    for index in range(15):
        inside = (probability_B * 15).ceil().int() == index + 1
        if inside.any():
            gaps[index] = (probability_B[inside].mean() - right_B[inside].mean()).abs()
            gaps[index] *= inside.sum() / 359
    assert result.expected_calibration_error == pytest.approx(float(gaps.sum()), abs=1e-4)

    weights = sum(tensor.nbytes for tensor in trained.network.state_dict().values())
    batch_bytes = batch.example_B[:64].nbytes
    assert weights + batch_bytes < result.peak_memory_bytes < weights + 100 * batch_bytes
    assert result.peak_rss_bytes > result.peak_memory_bytes
    assert (path / "result.json").read_bytes() == before
    again = radars.evaluate(path, device="cpu")
    assert (again.test_accuracy, again.test_loss) == (result.test_accuracy, result.test_loss)


def test_what_cannot_be_written_is_shown_all_the_same(
    completed: tuple[Path, TrainResult], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    copy = tmp_path / "run"
    shutil.copytree(completed[0], copy)
    (copy / "evaluation.json").unlink(missing_ok=True)
    with full_for("evaluation.json"):
        assert exit_status("evaluate", str(copy), "--device", "cpu") == 0
    shown = capsys.readouterr()
    assert "accuracy" in shown.out
    [line] = shown.err.splitlines()[-1:]
    assert line.startswith("note: cannot write ")
    assert "the result is shown, not kept" in line
    assert not (copy / "evaluation.json").exists()


def test_it_learned_what_it_never_saw(
    architecture: dict[str, str], make_config: Callable[..., TrainConfig], tmp_path: Path
) -> None:
    config = make_config(num_train=None, epochs=3, precision="bf16-mixed")
    train_architecture(architecture, config, out=tmp_path / "run")
    assert radars.evaluate(tmp_path / "run", device="cpu").test_accuracy > 0.8  # chance is 0.1


def test_no_graph_is_kept(completed: tuple[Path, TrainResult]) -> None:
    seen: list[tuple[bool, bool, int]] = []

    def hook(module: nn.Module, inputs: Any, output: Any) -> None:
        if isinstance(module, nn.Conv2d | nn.BatchNorm2d):
            seen.append((output.requires_grad, module.training, len(output)))

    handle = nn.modules.module.register_module_forward_hook(hook)
    try:
        radars.evaluate(completed[0], device="cpu")
    finally:
        handle.remove()
    assert seen
    assert {(grad, training) for grad, training, _ in seen} == {(False, False)}
    assert max(size for *_, size in seen) == 64


def test_it_runs_where_the_training_ran(
    completed: tuple[Path, TrainResult], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 1)  # where auto would be the GPU
    assert radars.evaluate(completed[0]).device == "cpu"


def test_a_device_that_is_none_is_refused(completed: tuple[Path, TrainResult]) -> None:
    with pytest.raises(ConfigError, match="a device is auto, cpu, cuda or cuda:N"):
        radars.evaluate(completed[0], device="abacus")


def test_no_memory_left_is_one_line(
    completed: tuple[Path, TrainResult], monkeypatch: pytest.MonkeyPatch
) -> None:
    def move(*arguments: Any) -> None:
        raise torch.OutOfMemoryError("CUDA out of memory")

    monkeypatch.setattr("radars.training.evaluation.move", move)
    with pytest.raises(RunError, match="none for one of batch_size 64; evaluate on another"):
        radars.evaluate(completed[0])


def test_other_data_with_the_same_classes(
    completed: tuple[Path, TrainResult], make_folder: Callable[..., DataConfig]
) -> None:
    result = radars.evaluate(completed[0], data=make_folder(10).source, device="cpu")
    assert result.num_examples == 30
    assert result.source.endswith("images10x8")


def test_other_data_are_normalised_as_in_training(
    completed: tuple[Path, TrainResult], make_folder: Callable[..., DataConfig]
) -> None:
    seen: list[torch.Tensor] = []

    def hook(module: nn.Module, inputs: Any) -> None:
        if isinstance(module, nn.Conv2d) and inputs[0].device.type == "cpu":  # not while tracing
            seen.append(inputs[0])

    handle = nn.modules.module.register_module_forward_pre_hook(hook)
    try:
        radars.evaluate(completed[0], data=make_folder(10).source, device="cpu")
    finally:
        handle.remove()
    mean_C, std_C, _ = completed[1].normalisation
    assert torch.allclose(seen[0][0].flatten(), ((0 / 255 - mean_C) / std_C).expand(64), atol=1e-5)


def test_the_same_classes_in_another_order_are_refused(
    completed: tuple[Path, TrainResult], make_folder: Callable[..., DataConfig]
) -> None:
    loaded = load_data(make_folder(10), 0)
    turned = replace(loaded, class_names=loaded.class_names[::-1])
    with pytest.raises(ConfigError, match=r"class 0 is '0' and that of .* is '9'"):
        radars.evaluate(completed[0], data=turned)
    renamed = replace(loaded, class_names=tuple("abcdefghij"))
    assert radars.evaluate(completed[0], data=renamed).num_examples == 30


@pytest.mark.parametrize(("num_classes", "size", "rule"), [(3, 8, "10 classes"), (10, 9, "shape")])
def test_data_that_do_not_fit(
    completed: tuple[Path, TrainResult],
    make_folder: Callable[..., DataConfig],
    num_classes: int,
    size: int,
    rule: str,
) -> None:
    with pytest.raises(ConfigError, match=rule) as caught:
        radars.evaluate(completed[0], data=make_folder(num_classes, size).source, device="cpu")
    assert "\n" not in str(caught.value)


def test_a_directory_of_something_else(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="must hold a completed training"):
        radars.evaluate(tmp_path)
    assert list(tmp_path.iterdir()) == []
