import copy
import math
from collections.abc import Callable
from typing import Any

import pytest
import torch

from radars.data import Data
from radars.nn.optimizer import OptimizerConfig
from radars.nn.task import CLASSIFICATION
from radars.run.device import fabric_on
from radars.train import TrainConfig
from radars.train.loop import train_steps
from radars.train.setup import TrainSetup
from radars.train.state import TrainState


def train(state: TrainState, config: TrainConfig, tick: Callable[[], None]) -> None:
    fabric = fabric_on(torch.device("cpu"), config.precision)
    train_steps(fabric, state, config, CLASSIFICATION, steps_per_epoch=4, tick=tick)


@pytest.mark.parametrize("name", ["sgd", "adamw"])
@pytest.mark.parametrize("precision", ["32-true", "bf16-mixed"])
def test_it_goes_on_bit_for_bit_from_any_step(
    architecture: dict[str, str],
    make_config: Callable[..., TrainConfig],
    small_data: Data,
    name: Any,
    precision: str,
) -> None:
    optimizer = OptimizerConfig(name=name, learning_rate=0.01)
    config = make_config(optimizer=optimizer, precision=precision)
    setup = TrainSetup.of(architecture, config, data=small_data)
    state = setup.state()
    saved: list[tuple[dict[str, torch.Tensor], dict[str, Any]]] = []
    train(state, config, lambda: saved.append(copy.deepcopy((state.tensors(), state.values()))))
    assert len(saved) == 8
    for step in (1, 4, 7):
        resumed = setup.state()
        resumed.load(*saved[step - 1])
        assert resumed.step == step
        train(resumed, config, lambda: None)
        assert resumed.means() == state.means()
        for tensor_name, tensor in state.tensors().items():
            assert torch.equal(resumed.tensors()[tensor_name], tensor), tensor_name


def test_means_are_of_the_epoch_that_runs(
    architecture: dict[str, str], make_config: Callable[..., TrainConfig], small_data: Data
) -> None:
    config = make_config(label_smoothing=0.0)
    state = TrainSetup.of(architecture, config, data=small_data).state()
    assert math.isnan(state.means().loss)
    counts: list[float] = []
    train(state, config, lambda: counts.append(float(state.totals[2])))
    assert counts == [64, 128, 192, 256] * 2
    assert 0 < state.means().accuracy <= 1
    assert not state.network.training


def test_a_weight_that_is_not_finite_is_seen(
    architecture: dict[str, str], make_config: Callable[..., TrainConfig], small_data: Data
) -> None:
    state = TrainSetup.of(architecture, make_config(), data=small_data).state()
    assert state.is_finite()
    with torch.no_grad():
        next(state.network.parameters()).view(-1)[0] = math.inf
    assert not state.is_finite()
