from collections.abc import Callable
from typing import Any

import pytest

from radars.data import Data, DataConfig, load_data
from radars.training import TrainConfig, TrainResult, train_architecture

ARCHITECTURE = {
    "layer0": "conv3",
    "layer1": "mb2_k3",
    "layer2": "skip",
    "layer3": "conv3",
    "layer4": "mb4_k3",
}

MakeConfig = Callable[..., TrainConfig]


@pytest.fixture(scope="session")
def architecture() -> dict[str, str]:
    return ARCHITECTURE


@pytest.fixture(scope="session")
def make_config() -> MakeConfig:
    """A training of four steps an epoch."""

    def _make(num_train: int | None = 256, **settings: Any) -> TrainConfig:
        data = DataConfig(num_train=num_train, batch_size=64)
        return TrainConfig(**{"data": data, "epochs": 2, "device": "cpu", **settings})

    return _make


@pytest.fixture(scope="session")
def small_data(make_config: MakeConfig) -> Data:
    return load_data(make_config().data, 0)


@pytest.fixture(scope="session")
def completed(
    tmp_path_factory: pytest.TempPathFactory, make_config: MakeConfig
) -> tuple[Any, TrainResult]:
    """A run directory of a completed training, for tests that only read it."""
    path = tmp_path_factory.mktemp("runs") / "run"
    return path, train_architecture(ARCHITECTURE, make_config(), out=path)
