"""`digits`: the real handwritten digits that ship inside scikit-learn."""

import io

import datasets
import numpy as np
from PIL import Image

_LARGEST_VALUE = 16


def open_digits() -> dict[str, datasets.Dataset]:
    """1,797 greyscale images of 8x8 pixels, ten classes, one split; values scaled to 0..255."""
    from sklearn.datasets import load_digits  # takes a second, which other data need not wait for

    digits = load_digits()
    image_NHW = np.rint(digits.images * (255 / _LARGEST_VALUE)).astype(np.uint8)
    features = datasets.Features(
        image=datasets.Image(),
        label=datasets.ClassLabel(names=[str(name) for name in digits.target_names]),
    )
    rows = {
        "image": [{"bytes": _png(image_HW), "path": None} for image_HW in image_NHW],
        "label": digits.target.tolist(),
    }
    return {"train": datasets.Dataset.from_dict(rows, features=features)}


def _png(image_HW: np.ndarray) -> bytes:
    file = io.BytesIO()
    Image.fromarray(image_HW).save(file, "PNG")
    return file.getvalue()
