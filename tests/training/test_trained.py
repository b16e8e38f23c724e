import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from PIL import Image
from torch import nn

import radars
from radars.data import Data
from radars.errors import ConfigError, DataError
from radars.settings import parse_yaml
from radars.space import Choose, SearchSpace
from radars.training import TrainConfig, TrainResult, load_trained, train_architecture

BOMB = Path(__file__).parents[1] / "bad_inputs" / "configurations" / "bomb.yaml"


@pytest.fixture
def copied(completed: tuple[Path, TrainResult], tmp_path: Path) -> Path:
    """A completed training that a test may damage."""
    return Path(shutil.copytree(completed[0], tmp_path / "copy"))


def test_outputs_are_the_same_after_loading(
    completed: tuple[Path, TrainResult], architecture: dict[str, str], small_data: Data
) -> None:
    path, result = completed
    before = torch.get_rng_state()
    trained = load_trained(path)
    assert torch.equal(torch.get_rng_state(), before)
    assert dict(trained.architecture) == architecture
    assert not trained.network.training
    assert torch.equal(trained.normalisation.mean_C, small_data.normalisation.mean_C)
    assert torch.equal(trained.normalisation.std_C, small_data.normalisation.std_C)
    batch = next(small_data.train.evaluation_batches(100))
    with torch.no_grad():
        assert torch.equal(trained.network(batch.example_B), result.network(batch.example_B))


def test_an_image_is_classified(completed: tuple[Path, TrainResult]) -> None:
    trained = radars.load(completed[0])
    assert trained.class_names == tuple(map(str, range(10)))
    file = Path(__file__).parents[2] / "examples" / "digit.png"
    image = Image.open(file)
    of_file, of_image = trained.classify(file), trained.classify(image.convert("RGBA"))
    assert of_file == of_image
    assert sum(of_file.values()) == pytest.approx(1, abs=1e-5)
    assert list(of_file.values()) == sorted(of_file.values(), reverse=True)
    wide = Image.new("L", (80, 40))
    wide.paste(image.resize((40, 40), Image.Resampling.NEAREST), (20, 0))
    example_B = trained.preprocess(image, wide)
    assert example_B.shape == (2, 1, 8, 8)
    assert float((example_B[0] - example_B[1]).abs().mean()) < 0.3  # resized, and the centre kept
    with pytest.raises(DataError, match="8 bits"):
        trained.classify(Image.new("F", (8, 8)))
    with pytest.raises(DataError, match="must be an image"):
        trained.preprocess(completed[0] / "config.yaml")


def test_a_training_that_does_not_name_its_classes(copied: Path) -> None:
    result = json.loads((copied / "result.json").read_text())
    del result["class_names"]
    (copied / "result.json").write_text(json.dumps(result))
    assert load_trained(copied).class_names == tuple(map(str, range(10)))


def test_a_directory_of_something_else(tmp_path: Path) -> None:
    (tmp_path / "search").mkdir()
    (tmp_path / "search" / "result.json").write_text('{"status": "completed", "method": "radars"}')
    for path in (tmp_path, tmp_path / "missing", tmp_path / "search"):
        with pytest.raises(ConfigError, match="must hold a completed training") as caught:
            load_trained(path)
        assert "\n" not in str(caught.value)


def test_aliases_that_stand_for_more_than_there_is_room_for(copied: Path) -> None:
    shutil.copy(BOMB, copied / "config.yaml")
    with pytest.raises(ConfigError, match="its aliases stand for more than 100000 values"):
        load_trained(copied)


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("config.yaml", None),
        ("config.yaml", "a: [1"),
        ("config.yaml", "method: radars"),
        ("config.yaml", "- 1"),
        ("architecture.json", None),
        ("architecture.json", "{"),
        ("architecture.json", '{"layer0": "conv3"}'),
        ("weights.safetensors", None),
        ("weights.safetensors", "nothing"),
        ("result.json", '{"status": "completed", "kind": "train"}'),
        ("result.json", '{"status": "failed", "kind": "train"}'),
    ],
)
def test_a_damaged_directory_is_one_line(copied: Path, name: str, content: str | None) -> None:
    if content is None:
        (copied / name).unlink()
    else:
        (copied / name).write_text(content)
    with pytest.raises(ConfigError) as caught:
        load_trained(copied)
    assert "\n" not in str(caught.value)


def test_weights_of_another_architecture(copied: Path, architecture: dict[str, str]) -> None:
    other = json.dumps(architecture | {"layer0": "mb4_k3"})
    (copied / "architecture.json").write_text(other)
    with pytest.raises(ConfigError, match="must be those of the architecture"):
        load_trained(copied)


def test_a_space_that_was_given_in_code(
    make_config: Callable[..., TrainConfig], small_data: Data, tmp_path: Path
) -> None:
    def network(choose: Choose) -> nn.Module:
        linear = {"linear": lambda: nn.Linear(64, 10)}
        return nn.Sequential(nn.Flatten(), choose("layer", linear))

    space, out = SearchSpace(network, name="mine"), tmp_path / "run"
    train_architecture(
        {"layer": "linear"}, make_config(epochs=1), space=space, data=small_data, out=out
    )
    with pytest.raises(ConfigError, match="'mine' is one; pass it again from Python"):
        load_trained(out)
    with pytest.raises(ConfigError, match="of the space 'mine', but got 'digits'"):
        load_trained(out, space=radars.load_space("digits"))
    assert dict(load_trained(out, space=space).architecture) == {"layer": "linear"}


def test_data_that_were_an_object_are_evaluated_again_and_no_other_data_in_their_place(
    tmp_path: Path,
) -> None:
    def colours(choose: Choose) -> nn.Module:
        layers = {"plain": nn.Identity, "relu": nn.ReLU}
        return nn.Sequential(nn.Linear(6, 8), choose("layer", layers), nn.Linear(8, 3))

    generator = torch.Generator().manual_seed(0)
    row_NC, label_N = torch.randn(200, 6, generator=generator), torch.arange(200) % 3
    data, space = radars.tensor_data(row_NC, label_N), SearchSpace(colours, input_shape=(6,))

    def trained_in(folder: Path, *, resume: bool = False) -> radars.TrainedNetwork:
        return radars.train(
            {"layer": "relu"}, data, space=space, epochs=1, out=folder, resume=resume
        )

    trained = trained_in(tmp_path / "run")
    evaluated = trained.evaluate()
    assert (evaluated.source, evaluated.num_examples) == ("tensors", len(data.test.open()))
    again = trained_in(tmp_path / "run", resume=True)
    assert again.evaluate().test_accuracy == evaluated.test_accuracy

    config = TrainConfig.model_validate(parse_yaml((tmp_path / "run/config.yaml").read_text()))
    assert (config.space, config.data.source) == ("object:colours", "object:tensors")
    loaded = radars.load(tmp_path / "run", space=space)
    with pytest.raises(ConfigError, match=r"'tensors' is one; pass it again .* evaluate"):
        loaded.evaluate()
    assert loaded.evaluate(data).test_accuracy == evaluated.test_accuracy
    with pytest.raises(ConfigError, match="'colours' is one"):
        radars.load(tmp_path / "run")
