import copy
import math
from collections.abc import Callable
from typing import Any

import pytest
import torch

from radars.data import Data
from radars.execution.fabric import fabric_on
from radars.nn.optimizer import OptimizerConfig
from radars.nn.task import CLASSIFICATION
from radars.runs.state import State, split_state
from radars.training import TrainConfig
from radars.training.loop import mix_of, train_steps
from radars.training.training_setup import TrainSetup
from radars.training.training_state import TrainState


def train(state: TrainState, config: TrainConfig, tick: Callable[[], None]) -> None:
    fabric = fabric_on(torch.device("cpu"), config.precision)
    mix = mix_of(config, 10)
    train_steps(fabric, state, config, CLASSIFICATION, steps_per_epoch=4, tick=tick, mix=mix)


EVERYTHING = {
    "rand_augment_ops": 2, "mixup_alpha": 0.2, "cutmix_alpha": 1.0, "ema_decay": 0.9,
}  # fmt: skip


@pytest.mark.parametrize(
    ("name", "precision", "recipe"),
    [
        ("sgd", "32-true", {}),
        ("adamw", "32-true", {}),
        ("sgd", "bf16-mixed", {}),
        ("adamw", "bf16-mixed", EVERYTHING),
    ],
)
def test_it_goes_on_bit_for_bit_from_any_step(
    architecture: dict[str, str],
    make_config: Callable[..., TrainConfig],
    small_data: Data,
    name: Any,
    precision: str,
    recipe: dict[str, Any],
) -> None:
    optimizer = OptimizerConfig(name=name, learning_rate=0.01)
    config = make_config(optimizer=optimizer, precision=precision, **recipe)
    setup = TrainSetup.of(architecture, config, data=small_data)
    state = setup.state()
    saved: list[State] = []
    train(state, config, lambda: saved.append(copy.deepcopy(state.state_dict())))
    assert len(saved) == 8
    for step in (1, 4, 7):
        resumed = setup.state()
        resumed.load_state_dict(saved[step - 1])
        assert resumed.step == step
        train(resumed, config, lambda: None)
        assert resumed.means() == state.means()
        tensors, _ = split_state(state.state_dict())
        resumed_tensors, _ = split_state(resumed.state_dict())
        for tensor_name, tensor in tensors.items():
            assert torch.equal(resumed_tensors[tensor_name], tensor), tensor_name


def test_the_best_epoch_is_kept(
    architecture: dict[str, str], make_config: Callable[..., TrainConfig], small_data: Data
) -> None:
    state = TrainSetup.of(architecture, make_config(), data=small_data).state()
    tensors: list[torch.Tensor] = []
    for epoch, accuracy in enumerate([0.4, 0.6, 0.5, 0.6], start=1):
        with torch.no_grad():
            next(state.network.parameters()).fill_(epoch)
        state.note_epoch(epoch, accuracy)
        assert state.best is not None
        tensors.append(next(iter(state.best.weights.values())))
    assert state.best is not None
    assert state.best[:3] == (2, 0.6, 0.6)
    assert [float(tensor.mean()) for tensor in tensors] == [1, 2, 2, 2]
    resumed = TrainSetup.of(architecture, make_config(), data=small_data).state()
    resumed.load_state_dict(state.state_dict())
    assert resumed.best is not None
    assert resumed.best[:3] == state.best[:3]
    assert torch.equal(next(iter(resumed.best.weights.values())), tensors[1])


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
