"""Data sets that are wrong, each written into an empty folder; for `tests/test_bad_inputs.py`."""

import io
import os
import struct
import zlib
from collections.abc import Callable, Sequence
from pathlib import Path

import datasets
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from PIL import Image


def png(value: int = 0, size: tuple[int, int] = (8, 8), mode: str = "L") -> bytes:
    """An image of noise."""
    noise = np.random.default_rng(value).integers(0, 256, (size[1], size[0]), np.uint8)
    file = io.BytesIO()
    Image.fromarray(noise).convert(mode).save(file, "PNG")
    return file.getvalue()


def _chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def _parquet(
    folder: Path,
    labels: object = (0, 1) * 10,
    images: Sequence[object] | None = None,
    classes: list[str] | None = None,
) -> Path:
    """A parquet file of images and labels; with `classes`, as the hub writes it."""
    count = len(labels) if isinstance(labels, Sequence) else 20
    if images is None:
        images = [{"bytes": png(index), "path": None} for index in range(count)]
    table = pa.table({"image": images, "label": labels})
    if classes is not None:
        features = datasets.Features(
            image=datasets.Image(), label=datasets.ClassLabel(names=classes)
        )
        table = table.replace_schema_metadata(datasets.Dataset.from_dict(
            {"image": [], "label": []}, features=features
        ).data.schema.metadata)  # fmt: skip
    pq.write_table(table, folder / "train.parquet")
    return folder / "train.parquet"


def _images(
    folder: Path, names: Sequence[str] = ("a/0.png", "a/1.png", "b/0.png", "b/1.png")
) -> Path:
    for index, name in enumerate(names):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(png(index))
    return folder


def truncated_parquet(folder: Path) -> None:
    file = _parquet(folder)
    file.write_bytes(file.read_bytes()[:-200])


def parquet_with_its_middle_flipped(folder: Path) -> None:
    file = _parquet(folder)
    content = bytearray(file.read_bytes())
    for index in range(100, len(content) - 1000, 7):
        content[index] ^= 0xFF
    file.write_bytes(bytes(content))


def parquet_that_is_text(folder: Path) -> None:
    (folder / "train.parquet").write_text("image,label\n")


def parquet_that_is_empty(folder: Path) -> None:
    (folder / "train.parquet").touch()


def parquet_that_is_a_folder(folder: Path) -> None:
    (folder / "train.parquet").mkdir()


def parquet_that_is_a_loop_of_links(folder: Path) -> None:
    (folder / "train.parquet").symlink_to("other.parquet")
    (folder / "other.parquet").symlink_to("train.parquet")


def parquet_without_rows(folder: Path) -> None:
    table = pa.table({"image": pa.array([], pa.binary()), "label": pa.array([], pa.int64())})
    pq.write_table(table, folder / "train.parquet")


def parquet_without_images(folder: Path) -> None:
    pq.write_table(pa.table({"label": [0, 1] * 10}), folder / "train.parquet")


def parquet_without_labels(folder: Path) -> None:
    pq.write_table(pa.table({"image": [png(n) for n in range(20)]}), folder / "train.parquet")


def parquet_with_two_label_columns(folder: Path) -> None:
    table = {"image": [png(n) for n in range(20)], "coarse": [0, 1] * 10, "fine": [0, 1] * 10}
    pq.write_table(pa.table(table), folder / "train.parquet")


def parquet_of_two_schemas(folder: Path) -> None:
    _parquet(folder)
    pq.write_table(pa.table({"other": [1]}), folder / "train-00001-of-00002.parquet")


def labels_missing(folder: Path) -> None:
    _parquet(folder, [0, 1, None] * 6)


def labels_with_a_gap(folder: Path) -> None:
    _parquet(folder, [0, 2] * 10)


def labels_negative(folder: Path) -> None:
    _parquet(folder, [0, 1, -7] * 6)


def labels_huge(folder: Path) -> None:
    _parquet(folder, [0, 1, 2**62] * 6)


def labels_beyond_the_signed(folder: Path) -> None:
    _parquet(folder, pa.array([0, 1, 2**64 - 1] * 7, pa.uint64())[:20])


def labels_that_are_fractions(folder: Path) -> None:
    _parquet(folder, [0.5, 1.5] * 10)


def labels_that_are_text(folder: Path) -> None:
    _parquet(folder, ["cat", "dog"] * 10)


def labels_beyond_the_declared_classes(folder: Path) -> None:
    _parquet(folder, [0, 1, 2] * 6, classes=["cat", "dog"])


def declared_class_without_examples(folder: Path) -> None:
    _parquet(folder, [0, 1] * 10, classes=["cat", "dog", "cow"])


def one_class(folder: Path) -> None:
    _parquet(folder, [0] * 20)


def one_example_a_class(folder: Path) -> None:
    _parquet(folder, [0, 1])


def images_that_are_garbage(folder: Path) -> None:
    _parquet(folder, images=[{"bytes": b"garbage", "path": None}] * 20)


def images_that_are_missing(folder: Path) -> None:
    _parquet(folder, images=[{"bytes": png(), "path": None}] * 19 + [None])


def images_that_are_text(folder: Path) -> None:
    _parquet(folder, images=["x"] * 20)


def images_of_two_sizes(folder: Path) -> None:
    images = [png(n, (8, 8) if n < 19 else (9, 8)) for n in range(20)]
    _parquet(folder, images=[{"bytes": image, "path": None} for image in images])


def images_of_sixteen_bits(folder: Path) -> None:
    file = io.BytesIO()
    Image.fromarray(np.zeros((8, 8), np.uint16)).save(file, "PNG")
    _parquet(folder, images=[{"bytes": file.getvalue(), "path": None}] * 20)


def images_of_floats(folder: Path) -> None:
    file = io.BytesIO()
    Image.fromarray(np.full((8, 8), np.nan, np.float32)).save(file, "TIFF")
    _parquet(folder, images=[{"bytes": file.getvalue(), "path": None}] * 20)


def image_that_is_a_bomb(folder: Path) -> None:
    """50,000 by 50,000 pixels, it says."""
    parts = {
        b"IHDR": struct.pack(">IIBBBBB", 50_000, 50_000, 8, 0, 0, 0, 0),
        b"IDAT": zlib.compress(b""),
        b"IEND": b"",
    }
    content = b"\x89PNG\r\n\x1a\n" + b"".join(map(_chunk, parts, parts.values()))
    _parquet(folder, images=[{"bytes": content, "path": None}] * 20)


def image_cut_short(folder: Path) -> None:
    (_images(folder) / "a" / "0.png").write_bytes(png()[:50])


def image_that_is_empty(folder: Path) -> None:
    (_images(folder) / "a" / "0.png").write_bytes(b"")


def image_that_is_a_pickle(folder: Path) -> None:
    """As a data set of another tool may hold it: it is never loaded."""
    (_images(folder) / "a" / "x.npy").write_bytes(b"cos\nsystem\n(S'touch made'\ntR.")


def image_that_links_to_nothing(folder: Path) -> None:
    (_images(folder) / "a" / "2.png").symlink_to("nothing.png")


def image_that_links_to_a_file_of_the_system(folder: Path) -> None:
    (_images(folder) / "a" / "2.png").symlink_to("/etc/passwd")


def image_in_a_loop_of_links(folder: Path) -> None:
    (_images(folder) / "a" / "2.png").symlink_to("2.png")


def image_whose_name_is_not_text(folder: Path) -> None:
    _images(folder)
    with open(os.fsencode(folder / "a") + b"/\xff.png", "wb") as file:  # noqa: PTH123
        file.write(b"x")


def class_without_images(folder: Path) -> None:
    (_images(folder) / "c").mkdir()


def class_of_the_test_split_alone(folder: Path) -> None:
    _images(folder / "train")
    _images(folder / "test", ["a/0.png", "c/0.png"])


def folder_without_anything(folder: Path) -> None:
    return None


def folder_of_notes(folder: Path) -> None:
    (_images(folder) / "a" / "notes.txt").write_text("notes")


BAD_DATA: dict[str, Callable[[Path], None]] = {
    name: function
    for name, function in list(globals().items())
    if callable(function) and getattr(function, "__module__", "") == __name__
    if not name.startswith("_") and name != "png"
}
