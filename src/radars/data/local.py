"""Data in files: parquet, or folders of images."""

from pathlib import Path

from PIL import Image

from radars.data.split_names import SPLIT_NAMES
from radars.data.stored_split import ImageList, StoredSplit
from radars.errors import DataError


def open_local(path: Path, in_memory_bytes: int) -> dict[str, StoredSplit]:
    """Opens a parquet file, a folder of them, or a folder of images: a table a split.

    Args:
        path: the path of the file or folder; it exists.
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
            return _open_parquet(path, [path], in_memory_bytes)
        files = sorted(path.glob("*.parquet")) or sorted(path.glob("*/*.parquet"))
        if files:
            return _open_parquet(path, files, in_memory_bytes)
        return dict(_open_images(path))
    except OSError as error:
        raise DataError(f"{path} must be readable, but: {error}; check its permissions") from error


def _open_parquet(root: Path, files: list[Path], in_memory_bytes: int) -> dict[str, StoredSplit]:
    try:
        from radars.data.parquet import open_parquet
    except ImportError as error:
        raise DataError(
            f"reading parquet files such as {files[0]} needs {error.name}, which is not installed; "
            f'pip install "radars-nas[hub]", or give a folder of images'
        ) from error
    return dict(open_parquet(root, files, in_memory_bytes))


def _open_images(root: Path) -> dict[str, ImageList]:
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


def _list_images(root: Path, class_names: list[str]) -> ImageList:
    """The table of the images of a split; they are opened only when they are needed."""
    known = set(Image.registered_extensions())
    images: list[str] = []
    labels: list[int] = []
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
            images.append(str(path))
            labels.append(class_names.index(folder.name))
    return ImageList(images, labels, class_names)


def _is_text(path: Path) -> bool:
    try:
        str(path).encode()
    except UnicodeEncodeError:  # other bytes, which Python keeps as lone surrogates
        return False
    return True


def _subfolders(root: Path) -> list[Path]:
    return sorted(path for path in root.iterdir() if path.is_dir() and path.name[0] != ".")
