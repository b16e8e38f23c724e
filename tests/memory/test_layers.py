"""All layers of `torch.nn` that train: what they hold on fake tensors, and on real ones."""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, nullcontext
from functools import partial
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from radars.memory.fake import tracing
from radars.memory.tracker import MemoryTracker, Part
from radars.nn.memory_saving.activation_checkpointing import checkpointed
from radars.nn.memory_saving.selective_checkpointing import selective

C = 16
LINE, IMAGE, VOLUME = (4, C, 12), (4, C, 8, 8), (4, C, 6, 6, 6)
SEQUENCE = (4, 12, C)
BY_SIZE = {1: LINE, 2: IMAGE, 3: VOLUME}

Layer = tuple[str, Callable[[], nn.Module], tuple[int, ...]]


class Of(nn.Module):
    """A function of an input and the layer that it is given to."""

    def __init__(self, layer: nn.Module, function: Callable[[nn.Module, Tensor], Tensor]) -> None:
        super().__init__()
        self.layer, self.function = layer, function

    def forward(self, values: Tensor) -> Tensor:
        return self.function(self.layer, values)


def unrolled(cell: nn.Module, sequence: Tensor) -> Tensor:
    state, outputs = None, []
    for step in sequence.unbind(1):
        state = cell(step, state)
        outputs.append(state[0] if isinstance(state, tuple) else state)
    return torch.stack(outputs, 1)


def unpooled(pool: nn.Module, image: Tensor) -> Tensor:
    output: Tensor = nn.MaxUnpool2d(2)(*pool(image))
    return output


ELEMENTWISE = (
    *("ReLU", "ReLU6", "GELU", "SiLU", "Mish", "Softplus", "Sigmoid", "Tanh", "ELU", "SELU"),
    *("CELU", "Hardswish", "Hardsigmoid", "Hardtanh", "Hardshrink", "Softshrink", "Tanhshrink"),
    *("LeakyReLU", "LogSigmoid", "PReLU", "RReLU", "Softsign", "Softmax2d", "Dropout"),
    *("Dropout2d", "AlphaDropout", "FeatureAlphaDropout"),
)


def simple_layers() -> Iterator[Layer]:
    for name in ELEMENTWISE:
        yield name, getattr(nn, name), IMAGE
    for name in ("GLU", "Softmax", "LogSoftmax", "Softmin"):
        yield name, lambda name=name: getattr(nn, name)(1), IMAGE  # type: ignore[misc]
    yield "Threshold", lambda: nn.Threshold(0.1, 0.0), IMAGE
    yield "Dropout1d", nn.Dropout1d, LINE
    yield "Dropout3d", nn.Dropout3d, VOLUME
    yield "Linear", lambda: nn.Linear(C, C), SEQUENCE
    yield "Bilinear", lambda: Of(nn.Bilinear(C, C, C), lambda m, x: m(x, x)), SEQUENCE
    for norm in (nn.LayerNorm, nn.RMSNorm):
        yield norm.__name__, lambda norm=norm: norm(C), SEQUENCE  # type: ignore[misc]
    yield "GroupNorm", lambda: nn.GroupNorm(4, C), IMAGE
    yield "LocalResponseNorm", lambda: nn.LocalResponseNorm(5), IMAGE
    yield "CrossMapLRN2d", lambda: nn.CrossMapLRN2d(5), IMAGE
    for sparse in (False, True):
        yield (
            f"Embedding {sparse}",
            lambda sparse=sparse: Of(  # type: ignore[misc]
                nn.Embedding(10, C, sparse=sparse), lambda m, x: m(x[:, 0].long()) + x.sum()
            ),
            SEQUENCE,
        )
    embed = nn.EmbeddingBag
    yield (
        "EmbeddingBag",
        lambda: Of(embed(10, C), lambda m, x: m(x[:, 0].long()) + x.sum()),
        SEQUENCE,
    )
    for shuffle in (nn.PixelShuffle(2), nn.PixelUnshuffle(2), nn.ChannelShuffle(4)):
        yield type(shuffle).__name__, lambda shuffle=shuffle: shuffle, IMAGE  # type: ignore[misc]
    for mode in ("nearest", "bilinear", "bicubic"):
        upsample = nn.Upsample(scale_factor=2, mode=mode)
        yield f"Upsample {mode}", lambda upsample=upsample: upsample, IMAGE  # type: ignore[misc]
    for lay in (nn.CosineSimilarity(1), nn.PairwiseDistance()):
        yield (
            type(lay).__name__,
            lambda lay=lay: Of(lay, lambda m, x: m(x, x.flip(1))),  # type: ignore[misc]
            IMAGE,
        )
    yield (
        "Unfold",
        lambda: Of(nn.Linear(9 * C, C), lambda m, x: m(nn.Unfold(3)(x).transpose(1, 2))),
        IMAGE,
    )
    yield (
        "Fold",
        lambda: Of(nn.Fold((8, 8), 3, padding=1), lambda m, x: m(nn.Unfold(3, padding=1)(x) * 2)),
        IMAGE,
    )


def of_each_size() -> Iterator[Layer]:
    options: tuple[dict[str, Any], ...] = (
        {},
        {"groups": C},
        {"stride": 2, "dilation": 2},
        {"padding_mode": "reflect"},
    )
    for size, shape in BY_SIZE.items():

        def build(name: str, *args: object, size: int = size, **kwargs: object) -> nn.Module:
            layer: nn.Module = getattr(nn, f"{name}{size}d")(*args, **kwargs)
            return layer

        for more in options:
            yield (
                f"Conv{size}d {more}",
                lambda build=build, more=more: build("Conv", C, C, 3, padding=1, **more),  # type: ignore[misc]
                shape,
            )
        yield f"ConvT{size}d", lambda build=build: build("ConvTranspose", C, C, 3, 2), shape  # type: ignore[misc]
        for name in (
            *("MaxPool", "AvgPool", "AdaptiveAvgPool", "AdaptiveMaxPool"),
            *("ReflectionPad", "ReplicationPad", "CircularPad", "ZeroPad"),
        ):
            yield f"{name}{size}d", lambda build=build, name=name: build(name, 2), shape  # type: ignore[misc]
        yield f"LPPool{size}d", lambda build=build: build("LPPool", 2, 2), shape  # type: ignore[misc]
        for name in ("BatchNorm", "InstanceNorm"):
            yield f"{name}{size}d", lambda build=build, name=name: build(name, C), shape  # type: ignore[misc]
    yield "FractionalMaxPool2d", lambda: nn.FractionalMaxPool2d(2, 3), IMAGE
    yield "MaxUnpool2d", lambda: Of(nn.MaxPool2d(2, return_indices=True), unpooled), IMAGE


def of_sequences() -> Iterator[Layer]:
    settings: tuple[dict[str, object], ...] = (
        {"batch_first": True},
        {},
        {"batch_first": True, "num_layers": 2, "dropout": 0.1, "bidirectional": True},
        {"batch_first": True, "bias": False},
    )
    for name in ("LSTM", "GRU", "RNN"):
        for more in settings:
            yield (
                f"{name} {more}",
                lambda name=name, more=more: Of(getattr(nn, name)(C, C, **more), first),  # type: ignore[misc]
                SEQUENCE,
            )
        yield (
            f"{name}Cell",
            lambda name=name: Of(getattr(nn, f"{name}Cell")(C, C), unrolled),  # type: ignore[misc]
            SEQUENCE,
        )
    yield "LSTM proj", lambda: Of(nn.LSTM(C, C, batch_first=True, proj_size=8), first), SEQUENCE
    for dropout in (0.0, 0.1):
        yield (
            f"MultiheadAttention {dropout}",
            lambda dropout=dropout: Of(  # type: ignore[misc]
                nn.MultiheadAttention(C, 4, dropout, batch_first=True),
                lambda m, x: m(x, x, x, need_weights=False)[0],
            ),
            SEQUENCE,
        )
    yield (
        "attention weights",
        lambda: Of(nn.MultiheadAttention(C, 4), lambda m, x: m(x, x, x)[0]),
        SEQUENCE,
    )
    encoder = partial(nn.TransformerEncoderLayer, C, 4, 32, batch_first=True)
    yield "Encoder", lambda: nn.TransformerEncoder(encoder(), 2), SEQUENCE
    yield (
        "Decoder",
        lambda: Of(nn.TransformerDecoderLayer(C, 4, 32), lambda m, x: m(x, x)),
        SEQUENCE,
    )


def first(layer: nn.Module, values: Tensor) -> Tensor:
    output: Tensor = layer(values)[0]
    return output


LAYERS = [*simple_layers(), *of_each_size(), *of_sequences()]


def recomputed(layer: nn.Module, values: Tensor) -> Tensor:
    output: Tensor = checkpointed(layer, layer, values)
    return output


def plain(layer: nn.Module, values: Tensor) -> Tensor:
    output: Tensor = layer(values)
    return output


def held_bytes(
    build: Callable[[], nn.Module],
    shape: tuple[int, ...],
    run: Callable[[nn.Module, Tensor], Tensor],
    within: Callable[[], AbstractContextManager[None]],
) -> tuple[int, int]:
    """After a forward pass, and at the peak of a step."""
    layer = build()
    values = torch.zeros(shape).requires_grad_()
    resident = {Part.PARAMETERS: [*layer.parameters(), *layer.buffers()], Part.ACTIVATIONS: []}
    with MemoryTracker(resident, values.device) as tracker:
        with within():
            output = run(layer, values * 1.0)
        kept_bytes = tracker.now_bytes
        output.backward(torch.empty_like(output))  # type: ignore[no-untyped-call]
    return kept_bytes, tracker.peak_bytes


@pytest.mark.filterwarnings("ignore:LSTM with projections")  # of which oneDNN has none
@pytest.mark.parametrize(
    ("run", "within"),
    [
        (plain, nullcontext),
        (plain, selective),
        (recomputed, nullcontext),
        (plain, lambda: torch.autocast("cpu", torch.bfloat16)),
    ],
    ids=["plain", "selective", "recompute", "bf16"],
)
def test_what_layers_hold_is_what_is_traced(
    run: Callable[[nn.Module, Tensor], Tensor],
    within: Callable[[], AbstractContextManager[None]],
) -> None:
    for name, build, shape in LAYERS:
        real = held_bytes(build, shape, run, within)
        with tracing():
            traced = held_bytes(build, shape, run, within)
        assert real == pytest.approx(traced, rel=0.02), name
