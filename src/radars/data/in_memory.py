"""Images that are decoded once and kept in host memory."""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import final

import numpy as np
import torch
from torch import Tensor

from radars.data.augment import augmentation_for, changed, draw_changes
from radars.data.images import ImageFormat, open_image, to_pixels
from radars.data.order import seeded
from radars.data.pixels import Pixels, Request
from radars.data.raw_images import RawImages
from radars.data.stored_split import Rows
from radars.data.take_rows import rows_of
from radars.machine import usable_processors

_IMAGES_PER_TASK = 256
_NUM_THREADS = 2


@final
class MemoryPixels(Pixels):
    """Images in one tensor.

    Attributes:
        image_NCHW: uint8, channels last in memory.
    """

    is_in_memory = True

    def __init__(self, image_NCHW: Tensor) -> None:
        self.image_NCHW = image_NCHW
        self.shape = (image_NCHW.shape[1], image_NCHW.shape[2], image_NCHW.shape[3])
        self.num_workers = 0
        self._augmentation = augmentation_for(*self.shape)

    def __len__(self) -> int:
        return len(self.image_NCHW)

    def read_augmented(self, request: Request) -> Tensor | RawImages:
        """See `Pixels`."""
        image_BCHW = rows_of(self.image_NCHW, torch.tensor(request.indices, dtype=torch.int64))
        if request.position is not None:  # drawn for the whole batch at once
            generator = seeded("batch", *request.position)
            _, height, width = self.shape
            changes = draw_changes(len(image_BCHW), height, width, self._augmentation, generator)
            if request.is_raw and request.policy is None:
                return RawImages(image_BCHW, self._augmentation, changes)[request.part]
            image_BCHW = changed(image_BCHW, self._augmentation, changes)
        return image_BCHW[request.part]


def decode_rows(rows: Rows, index_N: Tensor, image_format: ImageFormat) -> MemoryPixels:
    """Decodes some rows of a split, in threads.

    Raises:
        DataError: an image cannot be decoded, or has another size than the format allows.
    """
    indices = index_N.tolist()
    channels, height, width, _ = image_format
    image_NHWC = np.empty((len(indices), height, width, channels), np.uint8)

    def decode(start: int) -> None:
        chunk: Sequence[int] = indices[start : start + _IMAGES_PER_TASK]
        for offset, (index, encoded) in enumerate(zip(chunk, rows.encoded(chunk), strict=True)):
            where = rows.name_of(index)
            image = open_image(encoded, channels, where)
            image_NHWC[start + offset] = to_pixels(image, image_format, where)

    with ThreadPoolExecutor(min(_NUM_THREADS, usable_processors())) as threads:
        tasks = [
            threads.submit(decode, start) for start in range(0, len(indices), _IMAGES_PER_TASK)
        ]
        try:
            for task in tasks:
                task.result()
        finally:
            threads.shutdown(cancel_futures=True)
    return MemoryPixels(torch.from_numpy(image_NHWC).permute(0, 3, 1, 2))
