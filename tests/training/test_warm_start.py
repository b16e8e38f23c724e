import shutil
from pathlib import Path

import pytest
import torch
from tests.tiny import quick_config, shared_space, tiny_data, tiny_space
from torch import nn

from radars.engine.given import Given
from radars.engine.run import run_search
from radars.errors import ConfigError
from radars.runs.read_run import read_checkpoint
from radars.space import Architecture, SearchSpace
from radars.training import TrainConfig
from radars.training.training_setup import TrainSetup
from radars.training.warm_start import searched_weights


@pytest.fixture(scope="module")
def searched(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("searches") / "run"
    run_search(quick_config(), Given(space=tiny_space(), data=tiny_data()), out=path)
    return path


def start(path: Path, space: SearchSpace, architecture: dict[str, str]) -> nn.Module:
    config = TrainConfig(from_search=str(path), device="cpu")
    config = config.model_copy(update={"data": config.data.model_copy(update={"batch_size": 8})})
    return TrainSetup.of(architecture, config, space=space, data=tiny_data()).state().network


def test_a_training_starts_from_what_was_shared(searched: Path) -> None:
    network = start(searched, tiny_space(), {"a": "conv3", "b": "none", "c": "mb2"})
    checkpoint = read_checkpoint(searched)
    assert checkpoint is not None
    places = {"0.": "network|module|0.", "1.": "a#0/conv3|module|", "4.": "c#0/mb2|module|"}
    own = network.state_dict()
    compared = 0
    for place, key in places.items():
        for name, tensor in own.items():
            if name.startswith(place):
                shared = checkpoint.state["method"]["supernet"][f"{key}{name.removeprefix(place)}"]
                assert torch.equal(tensor, shared), name
                compared += 1
    assert compared > 20
    assert int(own["0.1.num_batches_tracked"]) > 0  # it was trained


def test_a_choice_in_several_places(tmp_path: Path) -> None:
    run_search(quick_config(), Given(space=shared_space(), data=tiny_data()), out=tmp_path / "run")
    space = shared_space()
    architecture = Architecture({name: names[-1] for name, names in space.full.items()})
    weights = searched_weights(tmp_path / "run", space, architecture)
    missing = space.build(architecture).load_state_dict(weights, strict=False)
    assert missing.unexpected_keys == []
    assert len(missing.missing_keys) < len(weights)


def test_what_is_no_such_search(searched: Path, tmp_path: Path) -> None:
    architecture = {"a": "conv3", "b": "none", "c": "mb2"}
    with pytest.raises(ConfigError, match="a search that has ended"):
        start(tmp_path, tiny_space(), architecture)
    run_search(
        quick_config("random"), Given(space=tiny_space(), data=tiny_data()), out=tmp_path / "run"
    )
    with pytest.raises(ConfigError, match=r"\(random on tiny\) are not there"):
        start(tmp_path / "run", tiny_space(), architecture)
    copied = Path(shutil.copytree(searched, tmp_path / "copy"))
    wider = tiny_space().with_options(width=5)
    with pytest.raises(ConfigError, match="differ from those of the network") as caught:
        start(copied, wider, architecture)
    assert "\n" not in str(caught.value)
