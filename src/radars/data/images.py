"""One encoded image to pixels. Shapes: C channels, H height, W width."""

import io
import os
from collections.abc import Iterable, Mapping
from contextlib import suppress
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageOps, UnidentifiedImageError

from radars.errors import DataError, first_line
from radars.reading import MIB, read_file

Pixel = npt.NDArray[np.uint8]

# those that Pillow decodes by itself: for others it starts programs that it finds, as for EPS
_FORMATS = ("PNG", "JPEG", "WEBP", "GIF", "BMP", "DIB", "TIFF", "PPM", "JPEG2000", "AVIF")
_MOST_BYTES = 256 * MIB
_GREYSCALE_MODES = ("1", "L")
_EIGHT_BIT_MODES = (*_GREYSCALE_MODES, "P", "LA", "PA", "La", "RGB", "RGBA", "RGBa", "RGBX",
                    "CMYK", "YCbCr", "HSV", "LAB")  # fmt: skip


class ImageFormat(NamedTuple):
    """What every image of a data set is converted to.

    Attributes:
        channels: 1 for greyscale, 3 for RGB.
        height: the height in pixels.
        width: the width in pixels.
        resize: whether images of another size are resized and cropped, rather than refused.
    """

    channels: int
    height: int
    width: int
    resize: bool


def format_of(
    encoded: Mapping[str, Any],
    others: Iterable[Mapping[str, Any]],
    image_size: int | None,
    where: str,
) -> ImageFormat:
    """The format of a data set: the size is that of an image, or what the user wants.

    Args:
        encoded: the first image.
        others: some of the others, looked at where the first is greyscale: where one is in colour,
            all are RGB.
        image_size: the side of a square; None for the size of the first image.
        where: names the first image in errors.

    Raises:
        DataError: the first image cannot be used.
    """
    image = open_image(encoded, None, where)
    is_in_colour = image.mode not in _GREYSCALE_MODES or any(map(_is_in_colour, others))
    channels = 3 if is_in_colour else 1
    if image_size is not None:
        return ImageFormat(channels, image_size, image_size, resize=True)
    return ImageFormat(channels, image.height, image.width, resize=False)


def image_to_pixels(
    image: Image.Image | str | os.PathLike[str], shape: tuple[int, int, int]
) -> Pixel:
    """Any image as examples of a shape (C, H, W) are: resized, its centre kept, uint8 (H, W, C).

    Args:
        image: opened, or the path of a file.
        shape: channels (1 for greyscale, 3 for RGB), height, width.

    Raises:
        DataError: it is not an image, or has more than 8 bits a channel.
    """
    where = "the image"
    if isinstance(image, Image.Image):
        _check_bits(image.mode, where)
        image = _convert(image, _mode(shape[0]))
    else:
        image = open_image({"bytes": None, "path": os.fspath(image)}, shape[0], where)
    return to_pixels(image, ImageFormat(*shape, resize=True), where)


def open_image(encoded: Mapping[str, Any], channels: int | None, where: str) -> Image.Image:
    """Decodes an image, and converts it to 1 or 3 channels of 8 bits where `channels` says so.

    Args:
        encoded: `bytes`, or else the `path` of a file.
        channels: 1, 3, or None to keep the image's own mode.
        where: names the image in errors.

    Raises:
        DataError: it is not an image, is damaged, or has more than 8 bits a channel.
    """
    path = encoded["path"]
    if encoded["bytes"] is None and path is None:
        raise DataError(f"{where} must be an image, but is missing; remove it")
    try:
        image = _opened(encoded)
        with image:
            image.load()
            ImageOps.exif_transpose(image, in_place=True)  # the right way up
            mode = image.mode
            if mode in _EIGHT_BIT_MODES and channels is not None:
                image = _convert(image, _mode(channels))
    except Exception as error:  # decoders raise whatever the damaged bytes lead them to
        raise DataError(
            f"{_name(path, where)} must be an image, but cannot be decoded "
            f"({_reason(error)}); repair or remove it"
        ) from error
    _check_bits(mode, _name(path, where))
    return image


def to_pixels(image: Image.Image, image_format: ImageFormat, where: str) -> Pixel:
    """An opened image in the format of its data set: uint8 (H, W, C).

    Where it must be resized, its short side becomes that of the format, and the centre is kept.
    """
    height, width = image_format.height, image_format.width
    if image.size != (width, height):
        if not image_format.resize:
            raise DataError(
                f"images must all have one size, but {where} is {image.width}x{image.height} and "
                f"the first one {width}x{height}; set image_size"
            )
        side = min(image.size) * 1.0
        left, top = (image.width - side) / 2, (image.height - side) / 2
        return crop_to_pixels(image, (left, top, left + side, top + side), image_format)
    return np.asarray(image).reshape(height, width, image_format.channels)


def crop_to_pixels(
    image: Image.Image, box: tuple[float, float, float, float], image_format: ImageFormat
) -> Pixel:
    """The part of an image in `box` (left, top, right, bottom), resized: uint8 (H, W, C)."""
    height, width = image_format.height, image_format.width
    resized = image.resize((width, height), Image.Resampling.BILINEAR, box)
    return np.asarray(resized).reshape(height, width, image_format.channels)


def _opened(encoded: Mapping[str, Any]) -> Image.Image:
    """An image of which only the header is read."""
    content = encoded["bytes"]
    if content is None:
        content = read_file(Path(encoded["path"]), _MOST_BYTES)
    return Image.open(io.BytesIO(content), formats=_known_formats())


@cache
def _known_formats() -> tuple[str, ...]:
    """Those of the formats that this Pillow was built with."""
    Image.init()
    return tuple(name for name in _FORMATS if name in Image.OPEN)


def _is_in_colour(encoded: Mapping[str, Any]) -> bool:
    """Whether an image's header says so; one that cannot be read says nothing."""
    with suppress(Exception), _opened(encoded) as image:
        return image.mode in _EIGHT_BIT_MODES and image.mode not in _GREYSCALE_MODES
    return False


def _check_bits(mode: str, where: str) -> None:
    if mode not in _EIGHT_BIT_MODES:
        raise DataError(
            f"{where} must have 8 bits a channel, but its mode is {mode}; "
            f"convert it to 8-bit greyscale or RGB"
        )


def _mode(channels: int) -> str:
    return "L" if channels == 1 else "RGB"


def _convert(image: Image.Image, mode: str) -> Image.Image:
    if image.mode == mode:
        return image
    if "transparency" in image.info:  # a palette with transparency warns unless it goes by RGBA
        image = image.convert("RGBA")
    return image.convert(mode)


def _name(path: str | None, where: str) -> str:
    return f"{where} ({path})" if path else where


def _reason(error: Exception) -> str:
    if isinstance(error, UnidentifiedImageError):  # its message is the address of a buffer
        return "the format is not known"
    return first_line(error)
