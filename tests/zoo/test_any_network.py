"""Networks of others, made searchable: planned, and trained for a step that holds what was said.

Some of torchvision's classification networks, of all kinds, and some of timm and of transformers by
name, where these are installed; with random weights, and the smallest images that they take. All of
them with `RADARS_THOROUGH=1`, which takes some ten minutes.
"""

import os
from collections.abc import Callable
from functools import partial
from typing import Any

import pytest
import torch
import torchvision
from torch import Tensor, nn
from torchvision.models import get_model, list_models

from radars.cost import count_parameters
from radars.memory import Planner, TrainingSpec, measure
from radars.memory.predict import run_step
from radars.nn.steps import StepKind
from radars.nn.supernet import Supernet
from radars.space import SearchSpace, building, built
from radars.zoo import searchable

pytestmark = pytest.mark.slow

MOST_PARAMETERS = 30_000_000  # of a network that is trained here
BATCH_SIZE = 2
SIDES = {"inception_v3": 96, "maxvit_t": 224, "alexnet": 64}  # others take 32
OPTIONS: dict[str, dict[str, Any]] = {
    "inception_v3": {"aux_logits": False, "init_weights": False},
    "googlenet": {"aux_logits": False, "init_weights": False},
}
HAS_ALL = bool(os.environ.get("RADARS_THOROUGH"))
FAMILIES = (
    "alexnet", "convnext_tiny", "densenet121", "efficientnet_b0", "googlenet", "mobilenet_v3_small",
    "regnet_x_400mf", "resnet18", "shufflenet_v2_x0_5", "squeezenet1_0", "swin_v2_t", "vit_b_16",
)  # fmt: skip
TORCHVISION = list_models(module=torchvision.models) if HAS_ALL else FAMILIES
TIMM = (
    "resnet18", "resnet50d", "vit_tiny_patch16_224", "deit_tiny_patch16_224",
    "swin_tiny_patch4_window7_224", "convnext_atto", "convnextv2_atto", "efficientnet_b0",
    "mobilenetv3_small_050", "mobilenetv4_conv_small", "regnetx_002", "regnety_002",
    "maxvit_nano_rw_256",
    "mixer_s32_224", "ghostnet_100", "densenet121", "levit_128s", "edgenext_xx_small",
    "mobilevit_xxs",
    "poolformer_s12", "pvt_v2_b0", "xcit_nano_12_p16_224", "coat_lite_tiny", "fastvit_t8",
)  # fmt: skip
QUICK_TIMM = ("convnext_atto", "mobilenetv3_small_050", "vit_tiny_patch16_224")
TRANSFORMERS = {
    "bert": ("BertConfig", "BertForSequenceClassification"),
    "distilbert": ("DistilBertConfig", "DistilBertForSequenceClassification"),
    "roberta": ("RobertaConfig", "RobertaForSequenceClassification"),
    "electra": ("ElectraConfig", "ElectraForSequenceClassification"),
    "gpt2": ("GPT2Config", "GPT2ForSequenceClassification"),
    "albert": ("AlbertConfig", "AlbertForSequenceClassification"),
}


def thinner(layer: nn.Module) -> nn.Module:
    """A layer with a quarter of the channels in between."""
    if isinstance(layer, nn.Linear):
        inside = max(1, min(layer.in_features, layer.out_features) // 4)
        return nn.Sequential(
            nn.Linear(layer.in_features, inside), nn.Linear(inside, layer.out_features)
        )
    assert isinstance(layer, nn.Conv2d)
    inside = max(1, layer.out_channels // 4)
    return nn.Sequential(
        nn.Conv2d(
            layer.in_channels, inside, layer.kernel_size,  # type: ignore[arg-type]
            layer.stride, layer.padding, layer.dilation,  # type: ignore[arg-type]
        ),
        nn.Conv2d(inside, layer.out_channels, 1),
    )  # fmt: skip


def called_layers(network: nn.Module, example: Tensor) -> list[str]:
    """Names of the layers that are called, once each, in order, and that `thinner` knows."""
    calls: dict[str, int] = {}

    def note(name: str, *_: object) -> None:
        calls[name] = calls.get(name, 0) + 1

    for name, module in network.named_modules():
        is_dense = type(module) is nn.Conv2d and module.groups == 1
        if is_dense or type(module) is nn.Linear:
            module.register_forward_hook(partial(note, name))
    with torch.no_grad():
        network.eval()(example)
    return [name for name, number in calls.items() if number == 1]


def assert_searchable(
    build: Callable[[], nn.Module], shape: tuple[int, ...], dtype: torch.dtype = torch.float32
) -> None:
    """It is made searchable, planned and, where it is small, trained for a step as predicted."""
    with building(torch.device("meta")):
        network = built(build)
        layers = called_layers(network, torch.zeros(1, *shape, dtype=dtype))
    candidates = {"full": lambda layer: layer, "thin": thinner}
    space = SearchSpace(
        searchable(build, dict.fromkeys(layers[-2:], candidates)),
        input_shape=shape,
        input_dtype=dtype,
    )
    assert space.num_architectures == 4
    spec = TrainingSpec(shape, BATCH_SIZE, input_dtype=dtype)
    planner = Planner(space, spec, 2**40)
    assert not planner.plan().is_pruned
    if count_parameters(network) > MOST_PARAMETERS:
        return
    path = space.best()
    predicted = planner.predict(path, kind=StepKind.WEIGHTS).peak_bytes
    supernet = Supernet(space)
    supernet.activate(path)
    batch = spec.batch()
    step = partial(run_step, StepKind.WEIGHTS, supernet, batch)
    step()  # makes the state of the optimizers
    _, peak_bytes = measure(step, supernet, batch)
    assert peak_bytes == pytest.approx(predicted, rel=0.02)


@pytest.mark.parametrize("name", TORCHVISION)
def test_torchvision(name: str) -> None:
    options = {"num_classes": 10} | OPTIONS.get(name, {})
    if name.startswith("vit"):
        side = 28 if name == "vit_h_14" else 32
        options["image_size"] = side
    else:
        side = SIDES.get(name, 32)
    assert_searchable(partial(get_model, name, **options), (3, side, side))


@pytest.mark.parametrize(
    "name", TIMM if HAS_ALL else ("convnext_atto", "mobilenetv3_small_050", "vit_tiny_patch16_224")
)
def test_timm(name: str) -> None:
    timm = pytest.importorskip("timm")
    build = partial(timm.create_model, name, num_classes=10)
    with building(torch.device("meta")):
        shape = built(build).default_cfg["input_size"]  # type: ignore[index]
    assert_searchable(build, tuple(shape))


class Scores(nn.Module):
    """A network of transformers, without what its outputs are wrapped in."""

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = network

    def forward(self, token_BT: Tensor) -> Tensor:
        scores: Tensor = self.network(token_BT).logits
        return scores


@pytest.mark.parametrize("name", TRANSFORMERS)
def test_transformers(name: str) -> None:
    transformers = pytest.importorskip("transformers")
    config_name, network_name = TRANSFORMERS[name]
    config = getattr(transformers, config_name)(num_labels=10, pad_token_id=0)
    network = getattr(transformers, network_name)
    assert_searchable(lambda: Scores(network(config)), (16,), torch.int64)
