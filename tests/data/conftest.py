import io
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from PIL import Image

Encode = Callable[..., bytes]
WriteParquet = Callable[..., Path]


@pytest.fixture(scope="session")
def encode() -> Encode:
    """Encodes an image of one colour, or of noise."""

    def _encode(value: int = 0, size: tuple[int, int] = (8, 8), mode: str = "RGB") -> bytes:
        file = io.BytesIO()
        noise = np.random.default_rng(value).integers(0, 256, (size[1], size[0], 3), np.uint8)
        Image.fromarray(noise).convert(mode).save(file, "PNG")
        return file.getvalue()

    return _encode


@pytest.fixture
def write_parquet(tmp_path: Path, encode: Encode) -> WriteParquet:
    """Writes a parquet file without Hugging Face metadata; columns can be replaced or added."""

    def _write(
        name: str = "train.parquet",
        labels: Sequence[int | None] = (0, 1) * 10,
        images: Sequence[bytes | None] | None = None,
        **columns: Any,
    ) -> Path:
        images = images or [encode(index) for index in range(len(labels))]
        table = {
            "picture": [{"bytes": image, "path": None} for image in images],
            "kind": labels,
            **columns,
        }
        path = tmp_path / "parquet" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        kept = {key: value for key, value in table.items() if value is not None}
        pq.write_table(pa.table(kept), path)
        return path

    return _write


@pytest.fixture
def image_folder(tmp_path: Path, encode: Encode) -> Path:
    """`train` and `test`, each with the classes `cat` and `dog`."""
    root = tmp_path / "images"
    for split, count in (("train", 6), ("test", 2)):
        for label, name in enumerate(("cat", "dog")):
            folder = root / split / name
            folder.mkdir(parents=True)
            for index in range(count):
                (folder / f"{index}.png").write_bytes(encode(10 * index + label))
    return root
