from collections.abc import Callable
from functools import partial
from unittest.mock import patch

import pytest
import torch
from torch import Tensor, nn

from radars.memory.cuda_operators import cuda_operators
from radars.memory.predict import TrainingSpec, predict
from radars.nn.steps import Precision, StepKind
from radars.space import Choose, SearchSpace

NARROW = torch.randn(4, 8, 8, 8).bfloat16()
OPERATORS: dict[str, Callable[[], Tensor]] = {
    "layer_norm": lambda: nn.functional.layer_norm(NARROW, (8,)),
    "group_norm": lambda: nn.functional.group_norm(NARROW, 2),
    "softmax": lambda: NARROW.softmax(-1),
    "log_softmax": lambda: nn.functional.log_softmax(NARROW, -1),
    "sum": lambda: NARROW.sum(1),
    "exp": lambda: NARROW.exp(),
    "pow": lambda: NARROW**2,
    "norm": lambda: torch.linalg.vector_norm(NARROW, dim=1),
    "upsample": lambda: nn.functional.interpolate(NARROW, scale_factor=2),
}


@pytest.mark.parametrize("name", OPERATORS)
def test_autocast_takes_float32_where_a_gpu_does_and_only_within(name: str) -> None:
    with torch.autocast("cpu", torch.bfloat16):
        with cuda_operators():
            assert OPERATORS[name]().dtype is torch.float32
        assert OPERATORS[name]().dtype is torch.bfloat16
    with cuda_operators():
        assert OPERATORS[name]().dtype is torch.bfloat16  # without autocast


def test_a_matrix_product_stays_narrow() -> None:
    with torch.autocast("cpu", torch.bfloat16), cuda_operators():
        assert (NARROW.float() @ NARROW.float()).dtype is torch.bfloat16


class Attention(nn.Module):
    """Normalised tokens attend to each other."""

    def __init__(self, mask: str = "", heads_of_keys: int = 4, dropout: float = 0.0) -> None:
        super().__init__()
        self.norm, self.project = nn.LayerNorm(64), nn.Linear(64, 64 + 2 * 16 * heads_of_keys)
        self.mask, self.dropout, self.heads_of_keys = mask, dropout, heads_of_keys

    def forward(self, token_BTC: Tensor) -> Tensor:
        sizes = [64, 16 * self.heads_of_keys, 16 * self.heads_of_keys]
        query, key, value = [
            part.unflatten(-1, (-1, 16)).transpose(1, 2)
            for part in self.project(self.norm(token_BTC)).split(sizes, -1)
        ]
        square = torch.ones(token_BTC.shape[1], token_BTC.shape[1], device=token_BTC.device)
        mask = {"bool": square.tril() > 0, "float": square.tril().to(query.dtype)}
        attended = nn.functional.scaled_dot_product_attention(
            query,
            key,
            value,
            attn_mask=mask.get(self.mask),
            is_causal=self.mask == "causal",
            dropout_p=self.dropout,
            enable_gqa=self.heads_of_keys != 4,
        )
        return token_BTC + attended.transpose(1, 2).flatten(2)


def attended(choose: Choose, attend: Callable[[], nn.Module]) -> nn.Module:
    return nn.Sequential(
        nn.Linear(64, 64),
        choose("first", {"attend": attend, "skip": nn.Identity}),
        choose("second", {"attend": attend, "skip": nn.Identity}),
        nn.Flatten(),
        nn.Linear(48 * 64, 10),
    )


def enlarged(choose: Choose) -> nn.Module:
    """Maps, enlarged and normalised in groups."""
    return nn.Sequential(
        nn.Conv2d(3, 16, 3, padding=1),
        nn.Upsample(scale_factor=2, mode="bilinear"),
        choose("norm", {"group": lambda: nn.GroupNorm(4, 16), "skip": nn.Identity}),
        nn.Conv2d(16, 16, 3, padding=1),
        nn.AdaptiveAvgPool2d(1),
        nn.Flatten(),
        nn.Linear(16, 10),
    )


def encoder_layer() -> nn.Module:
    return nn.TransformerEncoderLayer(64, 4, 64, dropout=0.1, batch_first=True)


TOKENS = (48, 64)
SPACES: dict[str, tuple[Callable[[Choose], nn.Module], tuple[int, ...]]] = {
    "enlarged": (enlarged, (3, 16, 16)),
    "plain": (partial(attended, attend=Attention), TOKENS),
    "bool": (partial(attended, attend=partial(Attention, "bool")), TOKENS),
    "float": (partial(attended, attend=partial(Attention, "float")), TOKENS),
    "causal": (partial(attended, attend=partial(Attention, "causal")), TOKENS),
    "dropout": (partial(attended, attend=partial(Attention, dropout=0.1)), TOKENS),
    "groups": (partial(attended, attend=partial(Attention, heads_of_keys=2)), TOKENS),
    "encoder": (partial(attended, attend=encoder_layer), TOKENS),
}


def predicted(name: str, device_type: str, precision: Precision) -> int:
    make, shape = SPACES[name]
    space = SearchSpace(make)
    spec = TrainingSpec(shape, 16, precision=precision, device_type=device_type)
    return predict(space, space.full, spec, kinds=[StepKind.WEIGHTS]).peak_bytes


@pytest.mark.parametrize("name", ["enlarged", "plain"])
def test_in_bfloat16_a_step_for_a_gpu_that_is_not_here_holds_more(name: str) -> None:
    with patch("torch.cuda.is_available", return_value=False):
        on_gpu, on_cpu = (predicted(name, device, "bf16-mixed") for device in ("cuda", "cpu"))
        assert on_gpu > 1.05 * on_cpu


def test_attention_with_dropout_holds_no_matrix_of_all_pairs_there() -> None:
    with patch("torch.cuda.is_available", return_value=False):
        on_gpu, on_cpu = (predicted("dropout", device, "32-true") for device in ("cuda", "cpu"))
        matrix_bytes = 16 * 4 * 48 * 48 * 4
        assert on_gpu < on_cpu - 2 * matrix_bytes


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
@pytest.mark.parametrize("precision", ["32-true", "bf16-mixed"])
@pytest.mark.parametrize("name", SPACES)
def test_it_holds_what_a_trace_for_a_gpu_says(name: str, precision: Precision) -> None:
    on_gpu = predicted(name, "cuda", precision)
    with patch("torch.cuda.is_available", return_value=False):
        assert predicted(name, "cuda", precision) == pytest.approx(on_gpu, rel=0.02)
