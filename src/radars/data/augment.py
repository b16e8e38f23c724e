"""Random changes to training images, drawn for each image, computed for the whole batch.

torchvision's transforms draw one set of parameters a call, and from the global generator; here the
draw is an argument, save for RandAugment, which is torchvision's own.

Shapes: B batch, C channels, H height, W width.
"""

from collections.abc import Iterable
from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn import functional as F
from torchvision.transforms import v2

LARGE_IMAGE_SIZE = 64
SMALL_IMAGE_SIZE = 16
_AREA = (0.08, 1.0)
_ASPECT_RATIO = (3 / 4, 4 / 3)


class Augmentation(NamedTuple):
    """What is done to the images of one data set.

    Attributes:
        resized_crop: cut out a random box and resize it, as is usual for ImageNet.
        shift: else, shift by up to this many pixels each way; what comes in is black.
        flip: mirror half of the images left to right.
    """

    resized_crop: bool
    shift: int
    flip: bool


class RandAugment(NamedTuple):
    """Random operations on each image, after the usual changes (Cubuk et al., NeurIPS 2020).

    Attributes:
        num_ops: how many.
        magnitude: how strong, from 0 to 30.
    """

    num_ops: int
    magnitude: int


def augmentation_for(channels: int, height: int, width: int) -> Augmentation:
    """The usual augmentation for images of a size; greyscale ones may be text and are not flipped.

    From 64 pixels on: a random resized crop. Below: shifts by up to 1/8 of the size, and by one
    pixel up to 16 pixels.
    """
    size = min(height, width)
    shift = 1 if size <= SMALL_IMAGE_SIZE else size // 8
    return Augmentation(size >= LARGE_IMAGE_SIZE, shift, flip=channels == 3)


class Changes(NamedTuple):
    """What was drawn for each image of a batch.

    Attributes:
        flip_B: which are mirrored left to right: bool (B,).
        place_BK: where each is cut out. With a resized crop left, top, width and height in pixels,
            float64 (B, 4); else how far down and to the right, int64 (B, 2).
    """

    flip_B: Tensor  # noqa: N815
    place_BK: Tensor  # noqa: N815


def draw_changes(
    num_images: int,
    height: int,
    width: int,
    augmentation: Augmentation,
    generator: torch.Generator,
) -> Changes:
    """Draws what is done to each image, with `generator` as the only source of randomness."""
    flip_B = draw_flips(num_images, augmentation, generator)
    if augmentation.resized_crop:
        return Changes(flip_B, draw_boxes(num_images, height, width, generator))
    size = (2, num_images)
    return Changes(flip_B, torch.randint(2 * augmentation.shift + 1, size, generator=generator).T)


def changed(image_BCHW: Tensor, augmentation: Augmentation, changes: Changes) -> Tensor:
    """Changes decoded images, each in its own way.

    Args:
        image_BCHW: values from 0 to 255, of any type, on any device.
        augmentation: what is done.
        changes: what was drawn for each, on the same device.

    Returns:
        Images of the same shape; float32 where they were resized.
    """
    if augmentation.resized_crop:
        return _resized_crop(image_BCHW, *changes)
    return _shifted(image_BCHW, augmentation.shift, *changes)


def augment_batch(
    image_BCHW: Tensor, augmentation: Augmentation, generator: torch.Generator
) -> Tensor:
    """Draws changes of decoded images, and changes them. Arguments as for both."""
    batch_size, _, height, width = image_BCHW.shape
    changes = draw_changes(batch_size, height, width, augmentation, generator)
    return changed(image_BCHW, augmentation, changes)


def rand_augment(image_BCHW: Tensor, policy: RandAugment, seeds: Iterable[int]) -> Tensor:
    """Images of values from 0 to 255, each changed as its seed says: uint8 (B, C, H, W)."""
    transform = v2.RandAugment(policy.num_ops, policy.magnitude)
    pixel_BCHW = image_BCHW.round().clamp(0, 255).to(torch.uint8)
    with torch.random.fork_rng(devices=[]):
        changed = []
        for image_CHW, seed in zip(pixel_BCHW, seeds, strict=True):
            torch.default_generator.manual_seed(seed)  # the transform draws from there
            changed.append(transform(image_CHW))
    return torch.stack(changed)


def draw_flips(num_images: int, augmentation: Augmentation, generator: torch.Generator) -> Tensor:
    """Which images are mirrored: bool (B,)."""
    flip_B = torch.rand(num_images, generator=generator) < 0.5
    return flip_B & augmentation.flip


def draw_boxes(num_images: int, height: int, width: int, generator: torch.Generator) -> Tensor:
    """Random boxes of 8% to 100% of an image's area, with an aspect ratio of 3/4 to 4/3.

    Returns:
        Left, top, width and height in pixels, float64 (B, 4). A side that would be longer than
        the image is shortened to it.
    """
    area_B, ratio_B, left_B, top_B = torch.rand(
        4, num_images, generator=generator, dtype=torch.float64
    )
    area_B = (_AREA[0] + (_AREA[1] - _AREA[0]) * area_B) * height * width
    ratio_B = _ASPECT_RATIO[0] * (_ASPECT_RATIO[1] / _ASPECT_RATIO[0]) ** ratio_B
    width_B = (area_B * ratio_B).sqrt().clamp(1, width)
    height_B = (area_B / ratio_B).sqrt().clamp(1, height)
    left_B, top_B = left_B * (width - width_B), top_B * (height - height_B)
    return torch.stack([left_B, top_B, width_B, height_B], dim=1)


def _shifted(image_BCHW: Tensor, shift: int, flip_B: Tensor, place_B2: Tensor) -> Tensor:
    height, width = image_BCHW.shape[2:]
    device = image_BCHW.device
    shifted = F.pad(image_BCHW, (shift, shift, shift, shift))
    top_B, left_B = place_B2.unbind(1)
    row_BH = top_B[:, None] + torch.arange(height, device=device)
    column_BW = left_B[:, None] + torch.arange(width, device=device)
    column_BW = torch.where(flip_B[:, None], column_BW.flip(1), column_BW)
    # one after the other, as a GPU would make an index of both for every pixel
    size = [*shifted.shape]
    for dim, index in ((2, row_BH[:, None, :, None]), (3, column_BW[:, None, None, :])):
        size[dim] = index.shape[dim]
        shifted = shifted.gather(dim, index.expand(size))
    return shifted


def _resized_crop(image_BCHW: Tensor, flip_B: Tensor, box_B4: Tensor) -> Tensor:
    batch_size, _, height, width = image_BCHW.shape
    left_B, top_B, width_B, height_B = box_B4.unbind(1)
    # output coordinates in [-1, 1] to those of the box; a box is never larger than the image, so
    # that this only ever enlarges and bilinear interpolation needs no smoothing first
    transform_B23 = torch.zeros(batch_size, 2, 3, device=image_BCHW.device)
    transform_B23[:, 0, 0] = width_B / width * torch.where(flip_B, -1, 1)
    transform_B23[:, 0, 2] = (2 * left_B + width_B) / width - 1
    transform_B23[:, 1, 1] = height_B / height
    transform_B23[:, 1, 2] = (2 * top_B + height_B) / height - 1
    grid_BHW2 = F.affine_grid(transform_B23, list(image_BCHW.shape), align_corners=False)
    cropped = F.grid_sample(
        image_BCHW.float(), grid_BHW2, padding_mode="border", align_corners=False
    )
    return cropped.contiguous(memory_format=torch.channels_last)
