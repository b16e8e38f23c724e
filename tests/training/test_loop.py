from collections.abc import Callable, Mapping
from pathlib import Path

import torch
from safetensors.torch import load_file
from torch import Tensor, nn

from radars.data import Data
from radars.runs.events import read_events
from radars.space import Choose, Factory, SearchSpace
from radars.training import TrainConfig, TrainResult, train_architecture
from radars.training.loop import mix_of


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
            epochs=1, warmup_fraction=0.0, optimizer={
                "learning_rate": 0.1, "weight_decay": 0.0, "max_gradient_norm": max_gradient_norm,
            },
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


def test_images_and_labels_are_mixed_alike() -> None:
    example_B = torch.arange(4.0)[:, None, None, None].expand(4, 1, 16, 16).contiguous()
    label_B = torch.arange(4)
    assert mix_of(TrainConfig(), 4) is None
    seen = set()
    for settings in ({"mixup_alpha": 1.0}, {"cutmix_alpha": 1.0}):
        mix = mix_of(TrainConfig(**settings), 4)
        assert mix is not None
        torch.manual_seed(2)
        mixed_B, target_BK = mix(example_B, label_B)
        assert torch.allclose(target_BK.sum(-1), torch.ones(4))
        assert ((target_BK > 0).sum(-1) == 2).all()
        # an image's mean is that of its two labels, weighted as the label is
        assert torch.allclose(mixed_B.mean((1, 2, 3)), target_BK @ torch.arange(4.0), atol=1e-5)
        seen.add(bool(mixed_B[1].min() < mixed_B[1].max()))
    assert seen == {False, True}  # mixed in each pixel; pasted as a box


def test_the_average_and_the_best_are_what_counts(
    architecture: dict[str, str], make_config: Callable[..., TrainConfig], tmp_path: Path
) -> None:
    def trained(**settings: float) -> TrainResult:
        config = make_config(epochs=3, held_out_fraction=0.25, **settings)
        return train_architecture(architecture, config, out=tmp_path / f"run{len(settings)}")

    plain, averaged = trained(), trained(ema_decay=0.99)
    assert plain.train_loss == averaged.train_loss
    assert not torch.equal(weights(plain)["6.2.weight"], weights(averaged)["6.2.weight"])
    for result, folder in ((plain, "run0"), (averaged, "run1")):
        events = read_events(tmp_path / folder / "events.jsonl")
        accuracies = [e["validation_accuracy"] for e in events if e["event"] == "epoch_ended"]
        assert result.validation_accuracy == max(accuracies)
        assert result.best_epoch == accuracies.index(max(accuracies)) + 1
        best, last = (
            load_file(tmp_path / folder / name)
            for name in ("weights.safetensors", "last.safetensors")
        )
        is_same = all(torch.equal(best[name], last[name]) for name in best)
        assert is_same == (result.best_epoch == 3)
        assert all(torch.equal(best[name], tensor) for name, tensor in weights(result).items())
