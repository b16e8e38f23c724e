"""`digits`: the real handwritten digits that ship inside scikit-learn."""

import io

import numpy as np
from PIL import Image

from radars.data.stored_split import ImageList

_LARGEST_VALUE = 16


def open_digits() -> dict[str, ImageList]:
    """1,797 greyscale images of 8x8 pixels, ten classes, one split; values scaled to 0..255."""
    from sklearn.datasets import load_digits  # takes a second, which other data need not wait for

    digits = load_digits()
    image_NHW = np.rint(digits.images * (255 / _LARGEST_VALUE)).astype(np.uint8)
    images = [_png(image_HW) for image_HW in image_NHW]
    class_names = [str(name) for name in digits.target_names]
    return {"train": ImageList(images, digits.target.tolist(), class_names)}


def _png(image_HW: np.ndarray) -> bytes:
    file = io.BytesIO()
    Image.fromarray(image_HW).save(file, "PNG")
    return file.getvalue()
