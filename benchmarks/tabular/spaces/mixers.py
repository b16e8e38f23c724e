"""A small transformer: each layer mixes patches by attention, a convolution, or a dense layer.

Shapes: B batch, P patches in raster order, C channels of a patch.
"""

import torch
from torch import Tensor, nn

from radars import Choose

_SIDE = 4  # patches in a row of the image


def mixers(choose: Choose, width: int = 24) -> nn.Module:
    """Three layers of a mixer and an MLP, each added to its input, or left out: 512.

    (B, 1, 8, 8) to (B, 10).
    """
    layers: list[nn.Module] = [Patches(width)]
    for index in range(3):
        mixer = choose(
            f"mixer{index}",
            {
                "skip": nn.Identity,
                "attention": lambda: Added(width, Attention(width, num_heads=4)),
                "conv": lambda: Added(width, Convolution(width)),
                "dense": lambda: Added(width, Dense(_SIDE**2)),
            },
        )
        mlp = choose(f"mlp{index}", {"skip": nn.Identity, "mlp": lambda: Added(width, _mlp(width))})
        layers += [mixer, mlp]
    return nn.Sequential(*layers, Mean(), nn.LayerNorm(width), nn.Linear(width, 10))


class Patches(nn.Module):
    """Cuts images into patches of 2x2 pixels and adds a learnt position: (B, P, C)."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.cut = nn.Conv2d(1, width, 2, 2)
        self.position = nn.Parameter(0.5 * torch.randn(_SIDE**2, width))

    def forward(self, image: Tensor) -> Tensor:
        patches: Tensor = self.cut(image).flatten(2).transpose(1, 2)
        return patches + self.position


class Added(nn.Module):
    """Adds what a module makes of its normalised input: (B, P, C) to (B, P, C)."""

    def __init__(self, width: int, module: nn.Module) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(width)
        self.module = module

    def forward(self, patches: Tensor) -> Tensor:
        added: Tensor = self.module(self.norm(patches))
        return patches + added


class Attention(nn.Module):
    """Multi-head self-attention over all patches."""

    def __init__(self, width: int, num_heads: int) -> None:
        super().__init__()
        self.num_heads = num_heads
        self.inward = nn.Linear(width, 3 * width)
        self.outward = nn.Linear(width, width)

    def forward(self, patches: Tensor) -> Tensor:
        heads = self.inward(patches).unflatten(-1, (3, self.num_heads, -1)).permute(2, 0, 3, 1, 4)
        mixed = nn.functional.scaled_dot_product_attention(heads[0], heads[1], heads[2])
        outward: Tensor = self.outward(mixed.transpose(1, 2).flatten(2))
        return outward


class Convolution(nn.Module):
    """A depthwise 3x3 convolution over the grid of patches, then a linear layer."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.depthwise = nn.Conv2d(width, width, 3, padding=1, groups=width)
        self.outward = nn.Linear(width, width)

    def forward(self, patches: Tensor) -> Tensor:
        grid = patches.transpose(1, 2).reshape(len(patches), -1, _SIDE, _SIDE)
        outward: Tensor = self.outward(self.depthwise(grid).flatten(2).transpose(1, 2))
        return outward


class Dense(nn.Module):
    """An MLP over the patches, the same for every channel (as in MLP-Mixer)."""

    def __init__(self, num_patches: int) -> None:
        super().__init__()
        self.layers = _mlp(num_patches)

    def forward(self, patches: Tensor) -> Tensor:
        mixed: Tensor = self.layers(patches.transpose(1, 2))
        return mixed.transpose(1, 2)


class Mean(nn.Module):
    """The mean over the patches: (B, P, C) to (B, C)."""

    def forward(self, patches: Tensor) -> Tensor:
        return patches.mean(1)


def _mlp(width: int) -> nn.Module:
    return nn.Sequential(nn.Linear(width, 2 * width), nn.GELU(), nn.Linear(2 * width, width))
