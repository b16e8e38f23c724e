from collections.abc import Callable, Mapping

import torch
from torch import Tensor, nn

from radars.data import Data
from radars.space import Choose, Factory, SearchSpace
from radars.train import TrainConfig, TrainResult, train_architecture


def with_dropout(choose: Choose) -> nn.Module:
    rates: dict[str, Factory] = {"none": nn.Identity, "half": lambda: nn.Dropout(0.5)}
    return nn.Sequential(nn.Flatten(), choose("dropout", rates), nn.Linear(64, 10))


def weights(result: TrainResult) -> Mapping[str, Tensor]:
    tensors: Mapping[str, Tensor] = result.network.state_dict()
    return tensors


def test_dropout_depends_on_the_seed_alone(
    make_config: Callable[..., TrainConfig], small_data: Data
) -> None:
    def trained(seed: int) -> Tensor:
        result = train_architecture(
            {"dropout": "half"},
            make_config(seed=seed, epochs=1),
            space=SearchSpace(with_dropout),
            data=small_data,
        )
        return weights(result)["2.weight"]

    first = trained(0)
    torch.rand(3)
    assert torch.equal(first, trained(0))
    assert not torch.equal(first, trained(1))


def test_large_gradients_are_scaled_down(
    architecture: dict[str, str], make_config: Callable[..., TrainConfig], small_data: Data
) -> None:
    def trained(max_gradient_norm: float) -> Mapping[str, Tensor]:
        config = make_config(
            epochs=1, warmup_fraction=0.0, max_gradient_norm=max_gradient_norm,
            optimizer={"learning_rate": 0.1, "weight_decay": 0.0},
        )  # fmt: skip
        return weights(train_architecture(architecture, config, data=small_data))

    tiny, tinier, usual = trained(1e-6), trained(1e-7), trained(5.0)
    name = "6.2.weight"
    assert torch.allclose(tiny[name], tinier[name], atol=1e-5)
    assert not torch.allclose(tiny[name], usual[name], atol=1e-3)


def test_a_bfloat16_training_keeps_float32_weights(
    architecture: dict[str, str], make_config: Callable[..., TrainConfig], small_data: Data
) -> None:
    result = train_architecture(architecture, make_config(precision="bf16-mixed"), data=small_data)
    full = train_architecture(architecture, make_config(), data=small_data)
    assert all(p.dtype == torch.float32 for p in result.network.parameters())
    assert result.train_accuracy > 0.3
    assert abs(result.train_loss - full.train_loss) < 0.1
    assert result.train_loss != full.train_loss
