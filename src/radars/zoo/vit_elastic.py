"""A vision transformer whose embedding, depth, heads and MLPs are chosen, as values.

Chen, Peng, Fu, Ling, "AutoFormer: Searching Transformers for Visual Recognition", ICCV 2021, table
1, the supernet of tiny networks. The network is that of Touvron et al., "Training Data-Efficient
Image Transformers", ICML 2021 (DeiT), and has its number of parameters. Not AutoFormer's: positions
relative to each other, and 320 channels of queries, keys and values; a head has 64 channels.
"""

from collections import OrderedDict
from typing import Any

import torch
from pydantic import PositiveInt
from torch import fx, nn
from torch.nn import functional

from radars.space import Choose
from radars.zoo.cell_graphs import added
from radars.zoo.zoo_entry import ZooEntry

_HEADS = (3, 4)
_RATIOS = (3.5, 4.0)
_DEEPER = (0, 1, 2)
_WIDER = (8, 9, 10)  # eighths of the smallest embedding
_HEAD_CHANNELS = 64
_STD = 0.02  # of positions and of the token, in the beginning


def vit_elastic(
    choose: Choose,
    *,
    num_classes: PositiveInt = 1000,
    in_channels: PositiveInt = 3,
    image_size: PositiveInt = 224,
    patch_size: PositiveInt = 16,
    width: PositiveInt = 192,
    depth: PositiveInt = 12,
) -> nn.Module:
    """Patches and a token for the class, then layers of attention and an MLP.

    DeiT-Tiny takes the embedding 192, depth 12, 3 heads and ratios of 4.

    Args:
        choose: what the space calls: `embedding`, `depth`, and for each layer `heads1` and
            `ratio1`, the channels inside the MLP in those outside.
        num_classes: K; the network maps (B, `in_channels`, `image_size`, `image_size`) to (B, K).
        in_channels: channels of an image.
        image_size: the side of an image in pixels, a multiple of `patch_size`.
        patch_size: the side of a patch.
        width: channels of the smallest embedding; the others have 9 and 10 eighths of that.
        depth: the fewest layers; the most are two more.
    """
    channels = choose("embedding", [width * part // _WIDER[0] for part in _WIDER])
    num_patches = (image_size // patch_size) ** 2
    parts: OrderedDict[str, nn.Module] = OrderedDict()
    parts["patches"] = nn.Conv2d(in_channels, channels, patch_size, patch_size)
    parts["tokens"] = _tokens(channels, num_patches)
    for index in range(1, choose("depth", [depth + more for more in _DEEPER]) + 1):
        num_heads = choose(f"heads{index}", _HEADS)
        inside = int(channels * choose(f"ratio{index}", _RATIOS))
        parts[f"attention{index}"] = added(
            nn.Sequential(_norm(channels), _attention(channels, num_heads))
        )
        mlp = nn.Linear(channels, inside), nn.GELU(), nn.Linear(inside, channels)
        parts[f"mlp{index}"] = added(nn.Sequential(_norm(channels), *mlp))
    parts["norm"] = _norm(channels)
    parts["token"] = _first_token()
    parts["classifier"] = nn.Linear(channels, num_classes)
    return nn.Sequential(parts)


def _tokens(channels: int, num_patches: int) -> nn.Module:
    """(B, C, H, W) to (B, 1 + H * W, C): a token for the class before all, and positions added."""
    token, position = torch.empty(1, 1, channels), torch.empty(1, 1 + num_patches, channels)
    parameters = {
        name: nn.Parameter(nn.init.trunc_normal_(tensor, std=_STD))
        for name, tensor in {"token": token, "position": position}.items()
    }
    graph = fx.Graph()
    image = graph.placeholder("image")
    patches = graph.call_method("transpose", (graph.call_method("flatten", (image, 2)), 1, 2))
    # -1 of an expansion stays, and there is one token: as many as examples
    count = graph.call_method("size", (image, 0))
    tokens = graph.call_method("expand", (graph.get_attr("token"), count, -1, -1))
    joined = graph.call_function(torch.cat, ([tokens, patches], 1))
    graph.output(graph.call_method("add", (joined, graph.get_attr("position"))))
    return fx.GraphModule(parameters, graph, "Tokens")


def _attention(channels: int, num_heads: int) -> nn.Module:
    """Multi-head self-attention: (B, N, C) to (B, N, C)."""
    inside = num_heads * _HEAD_CHANNELS
    modules: dict[str, nn.Module] = {
        name: nn.Linear(channels, inside) for name in ("query", "key", "value")
    }
    modules["outward"] = nn.Linear(inside, channels)
    graph = fx.Graph()
    token = graph.placeholder("token")

    def call(method: str, *arguments: Any) -> fx.Node:
        return graph.call_method(method, arguments)

    def heads(name: str) -> fx.Node:
        inward = graph.call_module(name, (token,))
        return call("transpose", call("unflatten", inward, -1, (num_heads, _HEAD_CHANNELS)), 1, 2)

    parts = tuple(heads(name) for name in ("query", "key", "value"))  # (B, heads, N, C / heads)
    mixed = graph.call_function(functional.scaled_dot_product_attention, parts)
    graph.output(
        graph.call_module("outward", (call("flatten", call("transpose", mixed, 1, 2), 2),))
    )
    return fx.GraphModule(modules, graph, "Attention")


def _first_token() -> nn.Module:
    """(B, N, C) to (B, C)."""
    graph = fx.Graph()
    graph.output(graph.call_method("select", (graph.placeholder("token"), 1, 0)))
    return fx.GraphModule({}, graph, "FirstToken")


def _norm(channels: int) -> nn.Module:
    return nn.LayerNorm(channels, eps=1e-6)


ENTRY = ZooEntry(
    "vit-elastic",
    vit_elastic,
    (3, 224, 224),
    "embedding and depth, heads and MLP ratio of each layer: AutoFormer around DeiT-Tiny",
)
