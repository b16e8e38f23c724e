from itertools import pairwise
from typing import Any

import pytest
from pydantic import ValidationError

from radars.data import DataConfig
from radars.nn.optimizer import OptimizerConfig
from radars.renamed_settings import RenamedSetting
from radars.training import TrainConfig


@pytest.mark.parametrize(
    "settings",
    [
        {"epochs": 0}, {"epoch": 3}, {"warmup_fraction": 1.0}, {"label_smoothing": 1.0},
        {"optimizer": {"max_gradient_norm": 0.0}}, {"precision": "16"}, {"device": "gpu"},
        {"seed": -1},
    ],
)  # fmt: skip
def test_a_wrong_setting_is_refused(settings: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        TrainConfig(**settings)


@pytest.mark.parametrize("optimizer", [{"learning_rate": 0.3}, OptimizerConfig(learning_rate=0.3)])
def test_the_gradient_norm_is_taken_where_it_was_before(optimizer: Any) -> None:
    with pytest.warns(RenamedSetting, match="optimizer.max_gradient_norm"):
        config = TrainConfig(optimizer=optimizer, max_gradient_norm=2.0)  # type: ignore[call-arg]
    assert config.optimizer == OptimizerConfig(learning_rate=0.3, max_gradient_norm=2.0)


def test_nothing_is_held_out_unless_asked_for() -> None:
    assert TrainConfig().data.validation_fraction == 0
    config = TrainConfig(data=DataConfig(validation_fraction=0.5, batch_size=32))
    assert config.data == DataConfig(validation_fraction=0.0, batch_size=32)
    assert TrainConfig(held_out_fraction=0.2).data.validation_fraction == 0.2


def test_it_survives_json() -> None:
    config = TrainConfig(space_options={"width": 8}, seed=3)
    assert TrainConfig.model_validate_json(config.model_dump_json()) == config


def test_the_learning_rate_rises_and_falls() -> None:
    config = TrainConfig(warmup_fraction=0.2)
    rates = [config.learning_rate_at(step, 50) for step in range(50)]
    highest = config.optimizer.learning_rate
    assert rates[0] == pytest.approx(highest / 10)
    assert rates[9] == rates[10] == pytest.approx(highest)
    assert all(before < after for before, after in pairwise(rates[:10]))
    assert all(before > after > 0 for before, after in pairwise(rates[10:]))
    assert rates[-1] < highest / 100


def test_a_training_of_one_step_learns() -> None:
    assert TrainConfig().learning_rate_at(0, 1) > 0
