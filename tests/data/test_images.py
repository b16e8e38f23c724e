import io
import struct
import zlib

import numpy as np
import pytest
from PIL import Image

from radars.data.images import ImageFormat, crop_to_pixels, format_of, open_image, to_pixels
from radars.errors import DataError


def encoded(image: Image.Image, kind: str = "PNG") -> dict[str, bytes | None]:
    file = io.BytesIO()
    image.save(file, kind)
    return {"bytes": file.getvalue(), "path": None}


@pytest.mark.parametrize(
    ("mode", "channels"), [("L", 1), ("1", 1), ("RGB", 3), ("RGBA", 3), ("P", 3), ("LA", 3)]
)
def test_one_image_in_colour_makes_a_data_set_that_is_in_colour(mode: str, channels: int) -> None:
    image, grey = encoded(Image.new(mode, (6, 4))), encoded(Image.new("L", (6, 4)))
    assert format_of(image, [], None, "it") == ImageFormat(channels, 4, 6, resize=False)
    assert format_of(image, [grey], 5, "it") == ImageFormat(channels, 5, 5, resize=True)
    assert format_of(grey, [grey, image], 5, "it") == ImageFormat(channels, 5, 5, resize=True)


def test_other_images_that_cannot_be_used_do_not_decide_the_channels() -> None:
    grey = encoded(Image.new("L", (6, 4)))
    others: list[dict[str, bytes | None]] = [
        encoded(Image.fromarray(np.zeros((4, 6), np.uint16))),
        {"bytes": b"no image", "path": None},
        {"bytes": None, "path": None},
    ]
    assert format_of(grey, others, None, "it").channels == 1
    assert format_of(grey, [*others, encoded(Image.new("RGB", (6, 4)))], None, "it").channels == 3


@pytest.mark.parametrize("mode", ["L", "1", "RGB", "RGBA", "P", "LA"])
@pytest.mark.parametrize("channels", [1, 3])
def test_every_8_bit_mode_is_converted(mode: str, channels: int) -> None:
    image = open_image(encoded(Image.new(mode, (6, 4))), channels, "it")
    pixels = to_pixels(image, ImageFormat(channels, 4, 6, resize=False), "it")
    assert pixels.shape == (4, 6, channels)
    assert pixels.dtype == np.uint8


def test_a_palette_with_transparency_does_not_warn() -> None:
    image = Image.new("P", (2, 2))
    image.info["transparency"] = bytes(range(256))
    assert open_image(encoded(image), 3, "it").mode == "RGB"


def test_resizing_keeps_the_centre() -> None:
    image = Image.new("RGB", (12, 4))
    image.paste((255, 0, 0), (4, 0, 8, 4))
    pixels = to_pixels(image, ImageFormat(3, 2, 2, resize=True), "it")
    assert (pixels[..., 0] > 200).all()  # a filter reaches a little beyond the crop


def test_a_box_is_cut_out() -> None:
    image = Image.new("L", (8, 8))
    image.paste(200, (0, 0, 4, 4))
    assert (crop_to_pixels(image, (0, 0, 2, 2), ImageFormat(1, 4, 4, resize=True)) == 200).all()


def test_another_size_needs_image_size() -> None:
    image_format = ImageFormat(3, 4, 4, resize=False)
    with pytest.raises(DataError, match=r"example 3 is 6x4 .*set image_size"):
        to_pixels(Image.new("RGB", (6, 4)), image_format, "example 3")


def truncated() -> bytes:
    noise = np.random.default_rng(0).integers(0, 256, (64, 64, 3), np.uint8)
    content = encoded(Image.fromarray(noise), "JPEG")["bytes"]
    assert content is not None
    return content[: len(content) // 2]


def bomb() -> bytes:
    """The header of a PNG of 10**10 pixels."""
    header = b"IHDR" + struct.pack(">IIBBBBB", 10**5, 10**5, 8, 2, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n"
        + struct.pack(">I", 13)
        + header
        + struct.pack(">I", zlib.crc32(header))
    )


@pytest.mark.parametrize(
    "content", [b"", b"not an image", truncated(), bomb(), b"\x89PNG\r\n\x1a\n", None]
)
def test_damaged_images(content: bytes | None) -> None:
    with pytest.raises(DataError, match=r"example 3 .*remove it") as caught:
        open_image({"bytes": content, "path": None}, 3, "example 3")
    assert "\n" not in str(caught.value)


def test_16_bit_images_are_refused() -> None:
    image = encoded(Image.fromarray(np.zeros((4, 4), np.uint16)))
    with pytest.raises(DataError, match=r"8 bits a channel, but its mode is I;16"):
        open_image(image, 1, "it")


def test_formats_that_need_other_programs_are_not_decoded() -> None:
    image = Image.new("RGB", (6, 4))
    with pytest.raises(DataError, match="the format is not known"):
        open_image(encoded(image, "EPS"), 3, "the image")
    for kind in ("PNG", "JPEG", "WEBP", "GIF", "BMP", "TIFF", "PPM"):
        assert open_image(encoded(image, kind), 3, "the image").size == (6, 4)
