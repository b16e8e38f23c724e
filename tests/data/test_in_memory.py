from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from radars.data import DataConfig
from radars.data.images import ImageFormat
from radars.data.in_memory import decode_rows
from radars.data.order import Position
from radars.data.pixels import Request
from radars.data.source import open_source
from radars.data.stored_split import Rows
from radars.errors import DataError


def rows_of(path: Path) -> Rows:
    return open_source(DataConfig(source=str(path))).train


def test_rows_are_decoded_in_the_order_of_the_index(image_folder: Path) -> None:
    index_N = torch.tensor([5, 0, 11])
    pixels = decode_rows(rows_of(image_folder), index_N, ImageFormat(3, 8, 8, resize=False))
    assert pixels.image_NCHW.shape == (3, 3, 8, 8)
    assert pixels.image_NCHW.dtype == torch.uint8
    with Image.open(image_folder / "train" / "cat" / "5.png") as image:
        expected = torch.from_numpy(np.array(image)).permute(2, 0, 1)
    assert torch.equal(pixels.image_NCHW[0], expected)
    assert torch.equal(pixels.read(Request([0]))[0], expected)


def test_reading_depends_on_the_request_alone(image_folder: Path) -> None:
    index_N = torch.arange(12)
    pixels = decode_rows(rows_of(image_folder), index_N, ImageFormat(3, 8, 8, resize=False))
    one, other = Request([1, 2], Position(0)), Request([1, 2], Position(0, 1))
    first = pixels.read(one)
    assert not torch.equal(first, pixels.read(other))
    assert torch.equal(first, pixels.read(one))


def test_a_damaged_image_is_named(image_folder: Path) -> None:
    (image_folder / "train" / "dog" / "3.png").write_bytes(b"no image")
    with pytest.raises(DataError, match=r"dog/3\.png\) must be an image"):
        decode_rows(rows_of(image_folder), torch.arange(12), ImageFormat(3, 8, 8, resize=False))


def test_an_image_that_is_null(write_parquet: Callable[..., Path]) -> None:
    path = write_parquet(labels=[0, 1], images=[None, None])
    with pytest.raises(DataError, match="example 0 of"):
        decode_rows(rows_of(path), torch.arange(2), ImageFormat(3, 8, 8, resize=False))
