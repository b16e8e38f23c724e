"""A U-Net for segmentation: the blocks of each level, and which levels have a skip connection.

Real photographs, those of scikit-learn (a temple below the sky, a dahlia), in tiles of 32x32. The
masks are ours and not drawn by hand: a pixel's class is read off its colour. The network sees the
brightness alone, so it has to go by texture and surroundings. Tiles that are held out are of the
same two photographs: what is measured says nothing of others.
"""

from itertools import pairwise

import torch
from sklearn.datasets import load_sample_images
from torch import Tensor, nn

import radars
from radars.nn.operations import conv_bn_relu

SIZE = 32
CLASSES = ("other", "sky and water", "petals")
WIDTHS = (12, 24, 48)  # of each level


def tiles_of_photographs() -> tuple[Tensor, Tensor]:
    """Brightness (N, 1, 32, 32) as floats from 0 to 1, and the class of each pixel (N, 32, 32)."""
    images, masks = [], []
    for photograph in load_sample_images().images:
        colour_HWC = torch.tensor(photograph).float()
        height, width = (side // SIZE * SIZE for side in colour_HWC.shape[:2])
        colour_HWC = colour_HWC[:height, :width]
        red, green, blue = colour_HWC.unbind(-1)
        bright_HW = colour_HWC.mean(-1)
        mask_HW = torch.zeros_like(bright_HW, dtype=torch.int64)
        mask_HW[(blue >= red) & (blue >= green) & (bright_HW > 150)] = 1
        mask_HW[(red > green + 25) & (bright_HW > 90) & (red > 150)] = 2
        images.append(tiles(bright_HW / 255)[:, None])
        masks.append(tiles(mask_HW))
    return torch.cat(images), torch.cat(masks)


def tiles(map_HW: Tensor) -> Tensor:
    """Cuts (H, W) into tiles (N, 32, 32) that do not overlap."""
    return map_HW.unfold(0, SIZE, SIZE).unfold(1, SIZE, SIZE).reshape(-1, SIZE, SIZE)


def separable(channels: int) -> nn.Module:
    return nn.Sequential(
        nn.Conv2d(channels, channels, 3, padding=1, groups=channels, bias=False),
        nn.Conv2d(channels, channels, 1, bias=False),
        nn.BatchNorm2d(channels),
        nn.ReLU(),
    )


def dilated(channels: int) -> nn.Module:
    return nn.Sequential(
        nn.Conv2d(channels, channels, 3, padding=2, dilation=2, bias=False),
        nn.BatchNorm2d(channels),
        nn.ReLU(),
    )


def block(choose: radars.Choose, name: str, channels: int) -> nn.Module:
    module: nn.Module = choose(name, {
        "conv3": lambda: conv_bn_relu(channels, channels, 3),
        "separable": lambda: separable(channels),
        "dilated": lambda: dilated(channels),
    })  # fmt: skip
    return module


class Zeros(nn.Module):
    """A skip connection that is left out."""

    def forward(self, feature: Tensor) -> Tensor:
        """Zeros of the shape of a feature map."""
        return torch.zeros_like(feature)


class UNet(nn.Module):
    """Three levels down and up again; a skip connection of a level is a choice."""

    def __init__(self, choose: radars.Choose) -> None:
        super().__init__()
        self.stem = conv_bn_relu(1, WIDTHS[0])
        self.down, self.up = nn.ModuleList(), nn.ModuleList()
        self.wider, self.skips, self.joined = nn.ModuleList(), nn.ModuleList(), nn.ModuleList()
        for level, (width, next_width) in enumerate(pairwise(WIDTHS)):
            self.down.append(block(choose, f"down{level}", width))
            self.wider.append(conv_bn_relu(width, next_width, stride=2))
            self.skips.append(choose(f"skip{level}", {"none": Zeros, "taken": nn.Identity}))
            self.joined.append(conv_bn_relu(width + next_width, width, 1))
            self.up.append(block(choose, f"up{level}", width))
        self.bottom = block(choose, "bottom", WIDTHS[-1])
        self.larger = nn.Upsample(scale_factor=2)
        self.head = nn.Conv2d(WIDTHS[0], len(CLASSES), 1)

    def forward(self, image_B1HW: Tensor) -> Tensor:
        """Images (B, 1, H, W) to a score of each class for each pixel, (B, 3, H, W)."""
        feature, earlier = self.stem(image_B1HW), []
        for down, wider in zip(self.down, self.wider, strict=True):
            feature = down(feature)
            earlier.append(feature)
            feature = wider(feature)
        feature = self.bottom(feature)
        for level in reversed(range(len(earlier))):
            skip = self.skips[level](earlier[level])
            feature = self.joined[level](torch.cat([self.larger(feature), skip], 1))
            feature = self.up[level](feature)
        score_BKHW: Tensor = self.head(feature)
        return score_BKHW


def main() -> None:
    images, masks = tiles_of_photographs()
    data = radars.tensor_data(images, masks, name="photographs", class_names=CLASSES)
    task = radars.segmentation(SIZE, SIZE)
    found = radars.search(
        radars.SearchSpace(UNet),
        data,
        task=task,
        budget="64MiB",
        constraints=["macs<=6M"],  # of 2 to 9 million
        batch_size=16,
        num_rounds=1,
        explore={"steps": 40, "ranker_draws": 4},
        differentiate={"steps": 4},
        select={"finalists": 2, "halving_steps": [20]},
    )
    trained = radars.train(found, data, task=task, epochs=3)  # more of them for more than a try
    tested = trained.evaluate(data).test_accuracy
    print(dict(found.architecture), f"{found.macs / 1e6:.1f} M multiply-accumulates")
    print(f"mean IoU of tiles that were held out: {tested:.1%}")


if __name__ == "__main__":
    main()
