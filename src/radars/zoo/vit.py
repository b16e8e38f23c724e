"""A small vision transformer whose layers mix pixels by attention, by convolution, or not at all.

Dosovitskiy et al., "An Image is Worth 16x16 Words", ICLR 2021, with two changes that let it take
images of any size and learn from few: positions come from a depthwise convolution (Chu et al.,
"Conditional Positional Encodings for Vision Transformers", ICLR 2023), and the classifier sees the
mean of all patches instead of a token of its own.

Patches stay where they are, (B, C, H, W), so that a linear layer is a 1x1 convolution. What adds
to its input, and attention itself, are `torch.fx` graphs over plain modules (see `cell_graphs`).
"""

from functools import partial
from typing import Annotated, Any

from pydantic import Field, PositiveInt
from torch import fx, nn
from torch.nn import functional
from torchvision.models.convnext import LayerNorm2d

from radars.nn.operations import classifier
from radars.space import Choose, Factory
from radars.zoo.cell_graphs import added
from radars.zoo.zoo_entry import ZooEntry

_NUM_HEADS = (2, 4, 8)
_KERNEL_SIZES = (3, 5)
_MLP_RATIOS = (1, 2, 4)

Width = Annotated[int, Field(gt=0, multiple_of=max(_NUM_HEADS))]


def vit(
    choose: Choose,
    *,
    num_classes: PositiveInt = 10,
    in_channels: PositiveInt = 3,
    width: Width = 96,
    depth: PositiveInt = 8,
    patch_size: PositiveInt = 4,
) -> nn.Module:
    """Layers of a mixer and an MLP, each added to its input, or left out by a `skip`.

    Args:
        choose: what the space calls for each layer: `mixer0` (attention with 2, 4 or 8 heads, a
            depthwise convolution of 3 or 5 patches, or `skip`) and `mlp0` (1, 2 or 4 times as many
            channels inside, or `skip`), `mixer1`, ...
        num_classes: K; the network maps (B, `in_channels`, H, W) to (B, K).
        in_channels: channels of an image.
        width: channels of a patch; a multiple of 8, the most heads.
        depth: the most layers.
        patch_size: the side of a patch in pixels; that of an image is a multiple of it.
    """
    layers: list[nn.Module] = [
        nn.Conv2d(in_channels, width, patch_size, patch_size),
        added(nn.Conv2d(width, width, 3, padding=1, groups=width)),
    ]
    for index in range(depth):
        layers.append(choose(f"mixer{index}", _mixers(width)))
        layers.append(choose(f"mlp{index}", _mlps(width)))
    return nn.Sequential(*layers, _norm(width), classifier(width, num_classes))


def _mixers(width: int) -> dict[str, Factory]:
    attentions = {f"heads{number}": partial(_attention, width, number) for number in _NUM_HEADS}
    convolutions = {f"conv{size}": partial(_convolution, width, size) for size in _KERNEL_SIZES}
    return {"skip": nn.Identity, **attentions, **convolutions}


def _mlps(width: int) -> dict[str, Factory]:
    return {"skip": nn.Identity} | {
        f"mlp{ratio}": partial(_mlp, width, ratio) for ratio in _MLP_RATIOS
    }


def _attention(width: int, num_heads: int) -> nn.Module:
    """Multi-head self-attention over all patches."""
    modules = {"inward": nn.Conv2d(width, 3 * width, 1), "outward": nn.Conv2d(width, width, 1)}
    graph = fx.Graph()
    image = graph.placeholder("image")

    def call(method: str, *arguments: Any) -> fx.Node:
        return graph.call_method(method, arguments)

    inward = call("flatten", graph.call_module("inward", (image,)), 2)
    heads = call("unflatten", inward, 1, (3, num_heads, width // num_heads))
    query_key_value = call("transpose", heads, -1, -2)  # (B, 3, heads, patches, C / heads)
    parts = [call("select", query_key_value, 1, index) for index in range(3)]
    mixed = graph.call_function(functional.scaled_dot_product_attention, tuple(parts))
    mixed = call("reshape_as", call("transpose", mixed, -1, -2), image)
    graph.output(graph.call_module("outward", (mixed,)))
    attention = fx.GraphModule(modules, graph, "Attention")
    return added(nn.Sequential(_norm(width), attention))


def _convolution(width: int, kernel_size: int) -> nn.Module:
    depthwise = nn.Conv2d(width, width, kernel_size, padding=kernel_size // 2, groups=width)
    return added(nn.Sequential(_norm(width), depthwise, nn.Conv2d(width, width, 1)))


def _mlp(width: int, ratio: int) -> nn.Module:
    inside = ratio * width
    layers = nn.Conv2d(width, inside, 1), nn.GELU(), nn.Conv2d(inside, width, 1)
    return added(nn.Sequential(_norm(width), *layers))


def _norm(width: int) -> nn.Module:
    module: nn.Module = LayerNorm2d(width, eps=1e-6)
    return module


ENTRY = ZooEntry("vit", vit, (3, 32, 32), "8 transformer layers: 6 mixers, 4 MLPs each")
