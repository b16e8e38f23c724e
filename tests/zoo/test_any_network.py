"""Networks of others, made searchable: planned, trained for a step as predicted, and searched.

Some of torchvision's classification networks, of most kinds, some of timm and of transformers by
name, where these are installed; with random weights, and the smallest images that they take. With
`RADARS_THOROUGH=1` all of them, which takes some hours and 16 GiB, and BERT, GPT-2 and ViT as large
as they are published.
"""

import math
import os
from collections.abc import Callable
from functools import partial
from typing import Any, cast

import pytest
import torch
from torch import Tensor, nn
from torchvision import models
from torchvision.models import get_model, list_models
from torchvision.models.swin_transformer import PatchMergingV2, SwinTransformerBlockV2

import radars
from radars.cost import count_parameters
from radars.example import Example, InputShape, Named, arguments_of, blank, call, mapped
from radars.memory import Planner, TrainingSpec, measure
from radars.memory.predict import run_step
from radars.nn.steps import StepKind
from radars.nn.supernet import Supernet
from radars.space import SearchSpace, building, built, run_without_values
from radars.zoo import searchable

pytestmark = pytest.mark.slow

BATCH_SIZE = 8  # BatchNorm over the two values of a batch of 2 has gradients that overflow
NUM_CLASSES = 10
SIDES = {"inception_v3": 96, "maxvit_t": 224, "alexnet": 64}  # others take 32
OPTIONS: dict[str, dict[str, Any]] = {
    "inception_v3": {"aux_logits": False, "init_weights": False},
    "googlenet": {"aux_logits": False, "init_weights": False},
}
HAS_ALL = bool(os.environ.get("RADARS_THOROUGH"))
MOST_PARAMETERS = math.inf if HAS_ALL else 30_000_000  # of a network that is trained here
FAMILIES = (
    "alexnet", "efficientnet_b0", "googlenet", "mobilenet_v3_small", "regnet_x_400mf", "resnet18",
    "shufflenet_v2_x0_5", "squeezenet1_0", "vit_b_16",
)  # fmt: skip
SMALL: dict[str, Callable[[], nn.Module]] = {  # of kinds whose published networks take long
    "DenseNet": partial(models.DenseNet, 8, (2, 2, 2), 16, num_classes=NUM_CLASSES),
    "Swin V2": partial(
        models.SwinTransformer, [2, 2], 24, [2, 2], [2, 4], [4, 4], num_classes=NUM_CLASSES,
        block=SwinTransformerBlockV2, downsample_layer=PatchMergingV2,
    ),
}  # fmt: skip
TORCHVISION = list_models(module=models) if HAS_ALL else FAMILIES
TIMM = (
    "resnet18", "resnet50d", "vit_tiny_patch16_224", "deit_tiny_patch16_224",
    "swin_tiny_patch4_window7_224", "convnext_atto", "convnextv2_atto", "efficientnet_b0",
    "mobilenetv3_small_050", "mobilenetv4_conv_small", "regnetx_002", "regnety_002",
    "maxvit_nano_rw_256",
    "mixer_s32_224", "ghostnet_100", "densenet121", "levit_128s", "edgenext_xx_small",
    "mobilevit_xxs",
    "poolformer_s12", "pvt_v2_b0", "xcit_nano_12_p16_224", "coat_lite_tiny",
)  # fmt: skip
QUICK_TIMM = ("convnext_atto", "mobilenetv3_small_050", "vit_tiny_patch16_224")
TEXT = {"vocab_size": 100, "num_labels": 10, "pad_token_id": 0, "num_hidden_layers": 2}
NARROW = {"hidden_size": 64, "num_attention_heads": 4, "intermediate_size": 128}
IMAGES = {"num_labels": 10, "image_size": 64}
TRANSFORMERS: dict[str, tuple[str, dict[str, Any]]] = {
    "Bert": ("ForSequenceClassification", TEXT | NARROW),
    "Roberta": ("ForSequenceClassification", TEXT | NARROW),
    "Electra": ("ForSequenceClassification", TEXT | NARROW | {"embedding_size": 32}),
    "Albert": ("ForSequenceClassification", TEXT | NARROW | {"embedding_size": 32}),
    "DebertaV2": ("ForSequenceClassification", TEXT | NARROW),
    "Llama": ("ForSequenceClassification", TEXT | NARROW | {"num_key_value_heads": 2}),
    "DistilBert": (
        "ForSequenceClassification", TEXT | {"dim": 64, "n_heads": 4, "hidden_dim": 128}
    ),
    "GPT2": ("ForSequenceClassification", TEXT | {"n_embd": 64, "n_head": 4}),
    "T5": ("EncoderModel", {"vocab_size": 100, "d_model": 64, "d_kv": 16, "d_ff": 128,
                            "num_layers": 2, "num_heads": 4}),
    "ViT": ("ForImageClassification", IMAGES | NARROW | {"num_hidden_layers": 2}),
    "DeiT": ("ForImageClassification", IMAGES | NARROW | {"num_hidden_layers": 2}),
    "Swin": (
        "ForImageClassification",
        IMAGES | {"embed_dim": 24, "depths": [1, 1, 2], "num_heads": [1, 2, 4], "window_size": 4},
    ),
    "ConvNext": (
        "ForImageClassification",
        IMAGES | {"hidden_sizes": [16, 32, 48, 64], "depths": [1, 1, 2, 1]},
    ),
    "ResNet": ("ForImageClassification", {"num_labels": 10, "hidden_sizes": [16, 32, 48, 64],
                                          "embedding_size": 16, "depths": [1, 1, 1, 1]}),
    "MobileNetV2": (  # whose padding as in TensorFlow reads the strides of the layers
        "ForImageClassification", IMAGES | {"depth_multiplier": 0.35, "tf_padding": False}
    ),
    "MobileViT": (
        "ForImageClassification",
        IMAGES | {"hidden_sizes": [16, 24, 32], "neck_hidden_sizes": [8, 16, 24, 32, 40, 48, 64]},
    ),
}  # fmt: skip
QUICK_TRANSFORMERS = ("Bert", "GPT2", "ConvNext")
FULL_SIZE = {  # the first linear layers of the last two of 12 blocks
    "Bert": "*.layer.1[01].intermediate.dense",
    "GPT2": "*.h.1[01].mlp.c_fc",
    "ViT": "*.layers.1[01].mlp.fc1",
}
SEARCH: dict[str, Any] = {
    "budget": "16GiB",
    "num_rounds": 1,
    "device": "cpu",
    "explore": {"steps": 4, "tuning_steps": 1, "reward_batches": 1, "ranker_draws": 2},
    "differentiate": {"steps": 2, "proposals": 1},
    "select": {"finalists": 2, "halving_steps": [2]},
}


def thinner(layer: nn.Module) -> nn.Module:
    """A layer with a quarter of the channels in between."""
    if isinstance(layer, nn.Linear):
        inside = max(1, min(layer.in_features, layer.out_features) // 4)
        return nn.Sequential(
            nn.Linear(layer.in_features, inside), nn.Linear(inside, layer.out_features)
        )
    if type(layer).__name__ == "Conv1D":  # of GPT-2: a linear layer under another name
        [width, out] = cast("Tensor", layer.weight).shape
        inside = max(1, min(width, out) // 4)
        return nn.Sequential(nn.Linear(width, inside), nn.Linear(inside, out))
    assert isinstance(layer, nn.Conv2d)
    inside = max(1, layer.out_channels // 4)
    return nn.Sequential(
        nn.Conv2d(
            layer.in_channels, inside, layer.kernel_size,  # type: ignore[arg-type]
            layer.stride, layer.padding, layer.dilation,  # type: ignore[arg-type]
        ),
        nn.Conv2d(inside, layer.out_channels, 1),
    )  # fmt: skip


CANDIDATES: dict[str, Callable[[nn.Module], nn.Module]] = {
    "full": lambda layer: layer,
    "thin": thinner,
}


def called_layers(network: nn.Module, example_B: Example) -> list[str]:
    """Names of the layers that are called, once each, in order, and that `thinner` knows."""
    calls: dict[str, int] = {}

    def note(name: str, *_: object) -> None:
        calls[name] = calls.get(name, 0) + 1

    def attempt() -> None:
        calls.clear()
        call(network.eval(), mapped(torch.empty_like, example_B))

    for name, module in network.named_modules():
        is_dense = type(module) is nn.Conv2d and module.groups == 1
        if is_dense or type(module) is nn.Linear or type(module).__name__ == "Conv1D":
            module.register_forward_hook(partial(note, name))
    with torch.no_grad():
        run_without_values(attempt)
    is_read = ".wo"  # whose weight the layer around it, of T5, reads
    return [name for name, n in calls.items() if n == 1 and not name.endswith(is_read)]


def assert_searchable(
    build: Callable[[], nn.Module], shape: InputShape, dtype: torch.dtype = torch.float32
) -> None:
    """It is made searchable, planned and, where it is small, trained for a step and searched."""
    with building(torch.device("meta")):
        network = built(build)
        layers = called_layers(network, blank(1, shape, dtype))
    replacements = dict.fromkeys(layers[-2:], CANDIDATES)
    space = SearchSpace(searchable(build, replacements), input_shape=shape, input_dtype=dtype)
    planner = planned(space, BATCH_SIZE)
    if count_parameters(network) <= MOST_PARAMETERS:
        assert_step_as_predicted(space, planner)
        assert isinstance(searched(space, BATCH_SIZE), nn.Module)


def planned(space: SearchSpace, batch_size: int) -> Planner:
    """A planner with room for all of a space of two choices."""
    assert space.num_architectures == 4
    spec = TrainingSpec(space.input_shape, batch_size, input_dtype=space.input_dtype)
    planner = Planner(space, spec, 2**40)
    assert not planner.plan().is_pruned
    return planner


def searched(space: SearchSpace, batch_size: int) -> nn.Module:
    """The network that a search of a few steps finds, within its budget."""
    torch.manual_seed(0)
    label_N = torch.arange(4 * NUM_CLASSES) % NUM_CLASSES
    example_N = examples_of(space, len(label_N))
    found = radars.search(space, (example_N, label_N), batch_size=batch_size, **SEARCH)
    assert 0 < found.measured_peak_bytes <= found.budget_bytes
    return found.build()


def examples_of(space: SearchSpace, number: int) -> Example:
    """As many examples, in which there is nothing to learn."""
    return mapped(values_of, blank(number, space.input_shape, space.input_dtype))


def values_of(blank_N: Tensor) -> Tensor:
    """Noise for images; ones for numbers of tokens and for attention masks."""
    return torch.randn_like(blank_N) if blank_N.is_floating_point() else blank_N + 1


def assert_step_as_predicted(space: SearchSpace, planner: Planner) -> None:
    """A step of the largest network holds what was predicted, within 2%."""
    path = space.best()
    predicted = planner.predict(path, kind=StepKind.WEIGHTS).peak_bytes
    supernet = Supernet(space)
    supernet.activate(path)
    batch = planner.spec.batch()
    step = partial(run_step, StepKind.WEIGHTS, supernet, batch)
    step()  # makes the state of the optimizers
    _, peak_bytes = measure(step, supernet, batch)
    print(f"measured / predicted: {peak_bytes / predicted:.4f} of {predicted / 2**20:.1f} MiB")
    assert peak_bytes == pytest.approx(predicted, rel=0.02)


@pytest.mark.parametrize("name", TORCHVISION)
def test_torchvision(name: str) -> None:
    options = {"num_classes": NUM_CLASSES} | OPTIONS.get(name, {})
    if name.startswith("vit"):
        side = 28 if name == "vit_h_14" else 32
        options["image_size"] = side
    else:
        side = SIDES.get(name, 32)
    assert_searchable(partial(get_model, name, **options), (3, side, side))


@pytest.mark.parametrize("kind", SMALL)
def test_torchvision_small(kind: str) -> None:
    assert_searchable(SMALL[kind], (3, 32, 32))


@pytest.mark.parametrize("name", TIMM if HAS_ALL else QUICK_TIMM)
def test_timm(name: str) -> None:
    timm = pytest.importorskip("timm")
    build = partial(timm.create_model, name, num_classes=NUM_CLASSES)
    with building(torch.device("meta")):
        given: Any = built(build).default_cfg
    side = given["input_size"][1] if given.get("fixed_input_size") else 96
    assert_searchable(build, (3, side, side))


class Scores(nn.Module):
    """A network of transformers, without what its outputs are wrapped in."""

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = network

    def forward(self, **inputs: Tensor) -> Tensor:
        scores: Tensor = self.network(**inputs).logits
        return scores


class PooledScores(nn.Module):
    """An encoder of texts, with the mean over the tokens and a classifier behind it."""

    def __init__(self, encoder: nn.Module, width: int) -> None:
        super().__init__()
        self.encoder = encoder
        self.head = nn.Linear(width, NUM_CLASSES)

    def forward(self, input_ids: Tensor, attention_mask: Tensor) -> Tensor:
        output = self.encoder(input_ids=input_ids, attention_mask=attention_mask)
        scores: Tensor = self.head(output.last_hidden_state.mean(1))
        return scores


def of_transformers(name: str, options: dict[str, Any]) -> Callable[[], nn.Module]:
    """A function that builds a network of a configuration."""
    transformers = pytest.importorskip("transformers")
    kind, _ = TRANSFORMERS[name]
    config = getattr(transformers, f"{name}Config")(**options)

    def build() -> nn.Module:
        model = getattr(transformers, name + kind)(config)
        return PooledScores(model, config.d_model) if kind == "EncoderModel" else Scores(model)

    return build


def inputs_of(name: str, side: int) -> tuple[InputShape, torch.dtype]:
    """Images of a size, or texts of 16 tokens."""
    if TRANSFORMERS[name][0] == "ForImageClassification":
        return Named({"pixel_values": (3, side, side)}), torch.float32
    return Named({"input_ids": (16,), "attention_mask": (16,)}), torch.int64


@pytest.mark.parametrize("name", TRANSFORMERS if HAS_ALL else QUICK_TRANSFORMERS)
def test_transformers(name: str) -> None:
    assert_searchable(of_transformers(name, TRANSFORMERS[name][1]), *inputs_of(name, 64))


@pytest.mark.skipif(not HAS_ALL, reason="takes minutes; RADARS_THOROUGH=1 runs it")
@pytest.mark.parametrize("name", FULL_SIZE)
def test_transformers_as_large_as_published(name: str) -> None:
    build = of_transformers(name, {"num_labels": NUM_CLASSES, "pad_token_id": 0})
    network, (shape, dtype) = searchable(build, {FULL_SIZE[name]: CANDIDATES}), inputs_of(name, 224)
    space = SearchSpace(network, input_shape=shape, input_dtype=dtype)
    assert_step_as_predicted(space, planned(space, 2))
    found = searched(space, 2).eval()
    example_B = examples_of(space, 2)
    program = torch.export.export(found, *arguments_of(example_B)).module()
    with torch.no_grad():
        torch.testing.assert_close(call(program, example_B), call(found, example_B))
