import json
from pathlib import Path

import pytest
import torch
from safetensors import safe_open
from safetensors.torch import load_file, save_file
from tests.isolated import run_without
from torch import Tensor

import radars
from radars.data import Data
from radars.errors import ConfigError
from radars.training import TrainResult

FACTS = ("class_names", "input", "output", "mean", "std", "architecture", "written_by")

_USE_WITHOUT_RADARS = """
import importlib.util
import json
import torch
from safetensors.torch import load_file, save_file

folder = sys.argv[1]
image = load_file(folder + "/images.safetensors")["image"]
facts = {"class_names": ""}
program = torch.export.load(folder + "/net.pt2", extra_files=facts).module()
assert len(json.loads(facts["class_names"])) == 10
spec = importlib.util.spec_from_file_location("net", folder + "/net.py")
net = importlib.util.module_from_spec(spec)
spec.loader.exec_module(net)
network = net.load()
assert len(net.CLASS_NAMES) == 10
with torch.no_grad():
    scores = {"program": program(image), "source": network(net.normalise(image))}
save_file(scores, folder + "/scores.safetensors")
sys.argv = ["net.py", sys.argv[2], sys.argv[2]]
net.main()
"""


@pytest.fixture(scope="module")
def images(small_data: Data) -> Tensor:
    """256 real images, as they are stored: uint8 (B, 1, 8, 8)."""
    example_B = next(small_data.test.open().evaluation_batches(256)).example_B
    mean_C, std_C, _ = small_data.normalisation
    pixels: Tensor = ((example_B * std_C + mean_C) * 255).round().to(torch.uint8)
    return pixels


@pytest.fixture(scope="module")
def scores(completed: tuple[Path, TrainResult], images: Tensor) -> Tensor:
    """What the trained network answers."""
    result = completed[1]
    with torch.no_grad():
        output: Tensor = result.network(result.normalisation(images))
    return output


@pytest.mark.slow
def test_onnxruntime_answers_as_the_network(
    completed: tuple[Path, TrainResult], images: Tensor, scores: Tensor, tmp_path: Path
) -> None:
    import onnxruntime  # and not where the tests are collected

    result = radars.export(completed[0], tmp_path / "net.onnx")
    assert result.files == (tmp_path / "net.onnx",)
    assert list(tmp_path.iterdir()) == [tmp_path / "net.onnx"]
    session = onnxruntime.InferenceSession(tmp_path / "net.onnx")
    [described] = session.get_inputs()
    assert (described.name, described.type) == ("image", "tensor(uint8)")
    assert described.shape == ["batch", 1, 8, 8]
    for batch_size in (256, 1):
        [got] = session.run(["scores"], {"image": images[:batch_size].numpy()})
        assert float((torch.from_numpy(got) - scores[:batch_size]).abs().max()) < 1e-4
    facts = session.get_modelmeta().custom_metadata_map
    assert json.loads(facts["class_names"]) == [str(digit) for digit in range(10)]
    assert set(FACTS) < set(facts)


@pytest.mark.slow
def test_files_work_where_radars_is_not_installed(
    completed: tuple[Path, TrainResult], images: Tensor, scores: Tensor, tmp_path: Path
) -> None:
    radars.export(completed[0], tmp_path / "net.pt2", format="torch-export")
    files = radars.export(completed[0], tmp_path / "net.safetensors", format="safetensors").files
    assert files == (tmp_path / "net.py", tmp_path / "net.safetensors")
    with safe_open(tmp_path / "net.safetensors", "pt") as file:
        assert set(FACTS) < set(file.metadata())
    trained = completed[1].network.state_dict()
    weights = load_file(tmp_path / "net.safetensors")
    assert weights.keys() == trained.keys()
    assert all(torch.equal(weights[name], tensor) for name, tensor in trained.items())

    save_file({"image": images}, tmp_path / "images.safetensors")
    digit = str(Path(__file__).parents[3] / "examples" / "digit.png")
    hidden = {"radars", "torchvision", "lightning_fabric", "torchmetrics", "pydantic"}
    printed = run_without(hidden, _USE_WITHOUT_RADARS, str(tmp_path), digit)
    answers = load_file(tmp_path / "scores.safetensors")
    assert torch.allclose(answers["program"], scores, atol=1e-5)
    assert torch.allclose(answers["source"], scores, atol=1e-5)
    likeliest = completed[1].class_names
    assert len(printed.splitlines()) == 2
    assert any(printed.startswith(f"{digit}: {name} (") for name in likeliest)


def test_what_is_written_is_compared_with_the_network(
    completed: tuple[Path, TrainResult], tmp_path: Path
) -> None:
    assert radars.export(completed[0], tmp_path / "net.safetensors").largest_difference < 1e-5


@pytest.mark.parametrize(
    ("name", "format", "rule"),
    [
        ("net.onnx", "torch-export", r"ends in \.pt2"),
        ("net.onnx", "tflite", "the formats are"),
        ("net.tflite", None, "the formats are"),
        ("missing/net.onnx", None, "there is no"),
        ("taken.safetensors", None, "another file of that name"),
        ("folder.onnx", None, "is a folder"),
    ],
)
def test_a_file_that_cannot_be(
    completed: tuple[Path, TrainResult], tmp_path: Path, name: str, format: str | None, rule: str
) -> None:
    (tmp_path / "taken.py").write_text("mine = 1\n")
    (tmp_path / "folder.onnx").mkdir()
    before = sorted(tmp_path.rglob("*"))
    with pytest.raises(ConfigError, match=rule) as caught:
        radars.export(completed[0], tmp_path / name, format=format)
    assert "\n" not in str(caught.value)
    assert sorted(tmp_path.rglob("*")) == before


def test_an_export_may_be_repeated(completed: tuple[Path, TrainResult], tmp_path: Path) -> None:
    first = radars.export(completed[0], tmp_path / "net.safetensors")
    text = (tmp_path / "net.py").read_text()
    assert radars.export(completed[0], tmp_path / "net.safetensors") == first
    assert (tmp_path / "net.py").read_text() == text
    assert max(map(len, text.splitlines())) <= 100


def test_a_directory_of_something_else(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="must hold a completed training"):
        radars.export(tmp_path, tmp_path / "net.onnx")
    assert list(tmp_path.iterdir()) == []
