"""`digits`: the real handwritten digits that ship inside scikit-learn."""

import io
from functools import cache
from importlib.util import find_spec
from pathlib import Path

import numpy as np
from PIL import Image

from radars.data.stored_split import ImageList

_LARGEST_VALUE = 16


def open_digits() -> dict[str, ImageList]:
    """1,797 greyscale images of 8x8 pixels, ten classes, one split; values scaled to 0..255."""
    images, labels = _digits()
    return {"train": ImageList(images, labels, [str(name) for name in range(10)])}


@cache
def _digits() -> tuple[tuple[bytes, ...], tuple[int, ...]]:
    """Encoded images, and the class of each."""
    value_NP = _values()  # N images; P pixels, and the class
    image_NHW = np.rint(value_NP[:, :-1] * (255 / _LARGEST_VALUE)).astype(np.uint8)
    images = tuple(_png(image_HW) for image_HW in image_NHW.reshape(-1, 8, 8))
    return images, tuple(value_NP[:, -1].astype(int).tolist())


def _values() -> np.ndarray:
    """What is in scikit-learn's file, which is found without an import: that takes a second."""
    package = find_spec("sklearn")
    for folder in (package and package.submodule_search_locations) or ():
        file = Path(folder, "datasets", "data", "digits.csv.gz")
        if file.is_file():
            return np.loadtxt(file, delimiter=",")
    from sklearn.datasets import load_digits  # wherever it keeps them

    digits = load_digits()
    return np.column_stack((digits.data, digits.target))


def _png(image_HW: np.ndarray) -> bytes:
    file = io.BytesIO()
    Image.fromarray(image_HW).save(file, "PNG")
    return file.getvalue()
