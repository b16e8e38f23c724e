"""The images that the check carries: one file, which needs no network and no pyarrow to be read.

It holds 12,500 images of CIFAR-10 and 40 of ImageNet, encoded as they were. Shapes: N images, B
bytes of all of them.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np
from safetensors.numpy import load_file, save_file

PARTS = {
    "cifar10/train": ("cifar10/train.parquet", "img"),
    "cifar10/test": ("cifar10/test.parquet", "img"),
    "imagenet/train": ("imagenet-sample/train.parquet", "image"),
}
NUMBERS = {"cifar10/train": 10_000, "cifar10/test": 2_500, "imagenet/train": 40}


class Encoded(NamedTuple):
    """An image.

    Attributes:
        content: as it was in the file.
        label: its class.
    """

    content: bytes
    label: int


def pack(folder: Path, file: Path, numbers: dict[str, int] = NUMBERS) -> None:
    """Writes the bundle.

    Args:
        folder: the folder of the published data.
        file: what is written.
        numbers: part to how many images.
    """
    arrays = {}
    for part, (name, column) in PARTS.items():
        images = list(_rows(folder / name, column, numbers[part]))
        ends_N = np.cumsum([len(image.content) for image in images])
        arrays[f"{part}/bytes"] = np.frombuffer(b"".join(i.content for i in images), np.uint8)
        arrays[f"{part}/ends"] = ends_N.astype(np.int64)
        arrays[f"{part}/labels"] = np.array([image.label for image in images], np.int64)
    save_file(arrays, file)


def unpack(file: Path, folder: Path) -> None:
    """Writes the images of a bundle as `<data>/<split>/<class>/<number>`, as the library reads."""
    arrays = load_file(file)
    for part in PARTS:
        content_B = arrays[f"{part}/bytes"]
        ends_N, label_N = arrays[f"{part}/ends"].tolist(), arrays[f"{part}/labels"].tolist()
        for label in set(label_N):
            (folder / part / f"class{label:04}").mkdir(parents=True, exist_ok=True)
        starts = [0, *ends_N[:-1]]
        for index, (start, end, label) in enumerate(zip(starts, ends_N, label_N, strict=True)):
            path = folder / part / f"class{label:04}" / f"{index:05}.jpg"
            path.write_bytes(content_B[start:end].tobytes())


def _rows(path: Path, column: str, number: int) -> Iterator[Encoded]:
    """The first images of a parquet file."""
    import pyarrow.parquet as parquet

    missing = number
    for batch in parquet.ParquetFile(path).iter_batches(1000, columns=[column, "label"]):
        for row in batch.slice(0, missing).to_pylist():
            yield Encoded(row[column]["bytes"], row["label"])
        missing = max(0, missing - len(batch))
        if not missing:
            return
