"""Data in files: parquet, or folders of images. Small ones are read without touching any cache."""

import re
from pathlib import Path

import datasets
import pyarrow as pa
import pyarrow.parquet as pq
from PIL import Image

from radars.errors import DataError, first_line

SPLIT_NAMES = {
    "train": "train", "training": "train",
    "validation": "validation", "valid": "validation", "val": "validation", "dev": "validation",
    "test": "test", "testing": "test",
}  # fmt: skip
"""What a file or a folder may be called, and the split that it is."""


def open_local(path: Path, in_memory_bytes: int) -> dict[str, datasets.Dataset]:
    """Opens a parquet file, a folder of them, or a folder of images: a table a split.

    Args:
        path: of the file or folder; it exists.
        in_memory_bytes: parquet files of more bytes than this go through the Hugging Face cache.

    Raises:
        DataError: there is no data, or it cannot be read.
    """
    try:
        if path.is_file():
            if path.suffix != ".parquet":
                raise DataError(
                    f"a file of data must be a .parquet file, but got {path}; convert it, or give "
                    f"a folder of images"
                )
            return _open_parquet({"train": [path]}, in_memory_bytes)
        files = sorted(path.glob("*.parquet")) or sorted(path.glob("*/*.parquet"))
        if files:
            return _open_parquet(_by_split(path, files), in_memory_bytes)
        return _open_images(path)
    except OSError as error:
        raise DataError(f"{path} must be readable, but: {error}; check its permissions") from error


def _by_split(root: Path, files: list[Path]) -> dict[str, list[Path]]:
    """`train-00000-of-00002.parquet` and `train/0000.parquet` are both of the split `train`."""
    found: dict[str, list[Path]] = {}
    for file in files:
        words = [re.split("[^a-z]", part.lower())[0] for part in file.relative_to(root).parts]
        names = [SPLIT_NAMES[word] for word in words if word in SPLIT_NAMES]
        found.setdefault(names[0] if names else "", []).append(file)
    unnamed = found.pop("", [])
    if unnamed and found:
        raise DataError(
            f"every parquet file of {root} must be named after its split, as {', '.join(found)} "
            f"are, but {unnamed[0].name} is not; rename or remove it"
        )
    return found or {"train": unnamed}


def _open_parquet(
    files: dict[str, list[Path]], in_memory_bytes: int
) -> dict[str, datasets.Dataset]:
    num_bytes = sum(path.stat().st_size for paths in files.values() for path in paths)
    if num_bytes <= in_memory_bytes:
        return {split: _read_parquet(paths) for split, paths in files.items()}
    for paths in files.values():
        for path in paths:
            _parquet_schema(path)  # names the damaged file, which the library does not
    names = {split: [str(path) for path in paths] for split, paths in files.items()}
    try:
        return dict(datasets.load_dataset("parquet", data_files=names))
    except Exception as error:  # the library raises errors of many kinds
        first = next(iter(files.values()))[0]
        raise DataError(
            f"the parquet files beside {first} must be readable, but are not "
            f"({first_line(error)}); write them again"
        ) from error


def _parquet_schema(path: Path) -> pa.Schema:
    try:
        return pq.read_schema(path)
    except (pa.ArrowException, OSError, ValueError) as error:
        raise _damaged(path, error) from error


def _read_parquet(paths: list[Path]) -> datasets.Dataset:
    tables = []
    for path in paths:
        try:
            # one file, not a data set of files: no columns are made up from the names of folders
            tables.append(pq.ParquetFile(path).read())
        except (pa.ArrowException, OSError, ValueError) as error:
            raise _damaged(path, error) from error
    try:
        return datasets.Dataset(pa.concat_tables(tables))
    except Exception as error:  # arrow's own errors, and those of malformed Hugging Face metadata
        raise DataError(
            f"the parquet files of a split must have one schema that can be read, but those of "
            f"{paths[0]} do not ({first_line(error)}); write them again"
        ) from error


def _damaged(path: Path, error: Exception) -> DataError:
    return DataError(
        f"{path} must be a parquet file, but cannot be read ({first_line(error)}); "
        f"download or write it again"
    )


def _open_images(root: Path) -> dict[str, datasets.Dataset]:
    """`<split>/<class>/<image>`, or `<class>/<image>` for one split."""
    folders = _subfolders(root)
    splits = {SPLIT_NAMES[path.name.lower()]: path for path in folders
              if path.name.lower() in SPLIT_NAMES} or {"train": root}  # fmt: skip
    first = splits.get("train", next(iter(splits.values())))
    class_names = [path.name for path in _subfolders(first)]
    if not class_names:
        raise DataError(
            f"a folder of data must hold parquet files, or a folder of images for each class, but "
            f"{first} holds neither; give another folder"
        )
    return {split: _list_images(path, class_names) for split, path in splits.items()}


def _list_images(root: Path, class_names: list[str]) -> datasets.Dataset:
    """The table of the images of a split; they are opened only when they are needed."""
    known = set(Image.registered_extensions())
    rows: dict[str, list[object]] = {"image": [], "label": []}
    for folder in _subfolders(root):
        if folder.name not in class_names:
            raise DataError(
                f"every class must be in the training split, but {folder} is a class of its own; "
                f"remove it, or add it to the training split"
            )
        for path in sorted(folder.rglob("*")):
            if path.is_dir() or path.name.startswith("."):
                continue
            if path.suffix.lower() not in known:
                raise DataError(
                    f"every file of a folder of images must be an image, but got {path}; remove it"
                )
            if not _is_text(path):
                raise DataError(
                    f"every file of a folder of images must have a name in UTF-8, but got "
                    f"{str(path)!a}; rename it"
                )
            rows["image"].append({"bytes": None, "path": str(path)})
            rows["label"].append(class_names.index(folder.name))
    features = datasets.Features(
        image=datasets.Image(), label=datasets.ClassLabel(names=class_names)
    )
    return datasets.Dataset.from_dict(rows, features=features)


def _is_text(path: Path) -> bool:
    try:
        str(path).encode()
    except UnicodeEncodeError:  # other bytes, which Python keeps as lone surrogates
        return False
    return True


def _subfolders(root: Path) -> list[Path]:
    return sorted(path for path in root.iterdir() if path.is_dir() and path.name[0] != ".")
