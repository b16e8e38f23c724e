from typing import Any

import pytest
import torch
from torch import nn

from radars.nn.optimizer import (
    OptimizerConfig,
    load_named_state,
    named_state,
    state_tensors,
    step_together,
)

CONFIGS = [
    OptimizerConfig(name="sgd", learning_rate=0.1),
    OptimizerConfig(name="sgd", learning_rate=0.1, momentum=0.0),
    OptimizerConfig(name="adamw", learning_rate=0.01),
]


def train(optimizer: torch.optim.Optimizer, layer: nn.Module) -> list[torch.Tensor]:
    generator = torch.Generator().manual_seed(0)
    for _ in range(3):
        layer(torch.randn(4, 3, generator=generator)).square().sum().backward()
        optimizer.step()
        optimizer.zero_grad()
    return [parameter.detach().clone() for parameter in layer.parameters()]


@pytest.mark.parametrize("config", CONFIGS, ids=str)
def test_state_that_is_made_at_once_trains_as_state_that_is_made_in_the_first_step(
    config: OptimizerConfig,
) -> None:
    torch.manual_seed(0)
    layer, lazy = nn.Linear(3, 2), nn.Linear(3, 2)
    lazy.load_state_dict(layer.state_dict())
    optimizer = config.build(layer.parameters())
    plain = config.build(lazy.parameters())
    plain.state.clear()
    for here, there in zip(train(optimizer, layer), train(plain, lazy), strict=True):
        assert torch.equal(here, there)
    states: list[dict[str, Any]] = [dict(each.state_dict()["state"]) for each in (optimizer, plain)]
    assert str(states[0]) == str(states[1])


@pytest.mark.parametrize("config", CONFIGS, ids=str)
def test_no_step_adds_state(config: OptimizerConfig) -> None:
    layer = nn.Linear(3, 2)
    optimizer = config.build(layer.parameters())
    before = sum(tensor.nbytes for tensor in state_tensors(optimizer))
    train(optimizer, layer)
    assert sum(tensor.nbytes for tensor in state_tensors(optimizer)) == before


def test_frozen_parameters_have_no_state() -> None:
    layer = nn.Linear(3, 2).requires_grad_(False)
    assert state_tensors(OptimizerConfig().build(layer.parameters())) == []


@pytest.mark.parametrize("config", CONFIGS, ids=str)
def test_state_is_loaded_onto_the_device_of_its_parameter(config: OptimizerConfig) -> None:
    layer = nn.Linear(3, 2)
    names = {parameter: name for name, parameter in layer.named_parameters()}
    saved = named_state(config.build(layer.parameters()), names)
    elsewhere = nn.Linear(3, 2, device="meta")
    optimizer = torch.optim.SGD(elsewhere.parameters())
    load_named_state(optimizer, dict(elsewhere.named_parameters()), saved)
    loaded = state_tensors(optimizer)
    assert len(loaded) == len(saved)
    assert all(tensor.device == torch.device("meta") for tensor in loaded)


@pytest.mark.parametrize("config", CONFIGS, ids=lambda config: config.name)
def test_a_step_together_is_a_step_of_each(config: OptimizerConfig) -> None:
    def trained(together: bool) -> list[torch.Tensor]:
        torch.manual_seed(0)
        layers = [nn.Linear(3, 4), nn.Linear(4, 2)]
        frozen = nn.Parameter(torch.empty(0), requires_grad=False)  # as of a candidate without any
        optimizers = [config.build(layer.parameters()) for layer in layers]
        optimizers.append(config.build([frozen]))
        for step in range(4):
            layers[1](layers[0](torch.randn(5, 3))).square().mean().backward()
            if together:
                step_together(optimizers, torch.tensor(step != 2))  # one changes nothing
            elif step != 2:
                for optimizer in optimizers:
                    optimizer.step()
            for optimizer in optimizers:
                optimizer.zero_grad()
            assert [len(each.param_groups[0]["params"]) for each in optimizers] == [2, 2, 1]
        state = [tensor for optimizer in optimizers for tensor in state_tensors(optimizer)]
        weights = [weight.detach() for layer in layers for weight in layer.parameters()]
        return [*weights, *state]

    for one, other in zip(trained(True), trained(False), strict=True):
        torch.testing.assert_close(one, other, rtol=0, atol=0)
