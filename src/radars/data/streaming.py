"""Images that are decoded batch by batch, because all of them do not fit in memory."""

from collections.abc import Mapping
from typing import Any, final

import numpy as np
import torch
from torch import Tensor

from radars.data.augment import augment_batch, augmentation_for, draw_boxes, draw_flips
from radars.data.images import ImageFormat, Pixel, crop_to_pixels, open_image, to_pixels
from radars.data.order import Position, seeded
from radars.data.pixels import Pixels, Request
from radars.data.stored_split import Rows


@final
class StreamedPixels(Pixels):
    """Images that stay encoded until they are asked for.

    A random resized crop is cut out of the image as it was stored, so that no detail is lost.
    """

    def __init__(
        self, rows: Rows, index_N: Tensor, image_format: ImageFormat, num_workers: int
    ) -> None:
        self.shape = (image_format.channels, image_format.height, image_format.width)
        self.num_workers = num_workers
        self._rows = rows
        self._index_N = index_N
        self._format = image_format
        self._augmentation = augmentation_for(*self.shape)

    def __len__(self) -> int:
        return len(self._index_N)

    def read_augmented(self, request: Request) -> Tensor:
        """See `Pixels`."""
        indices = request.indices[request.part]
        rows = self._index_N[torch.tensor(indices, dtype=torch.int64)].tolist()
        image_BHWC = np.stack(
            [
                self._decode(row, encoded, request.position)
                for row, encoded in zip(rows, self._rows.encoded(rows), strict=True)
            ]
        )
        return torch.from_numpy(image_BHWC).permute(0, 3, 1, 2)

    def _decode(self, row: int, encoded: Mapping[str, Any], position: Position | None) -> Pixel:
        where = self._rows.name_of(row)
        image = open_image(encoded, self._format.channels, where)
        if position is None:
            return to_pixels(image, self._format, where)
        # seeded by the example, not by the batch: any worker draws the same
        generator = seeded("example", position.seed, position.epoch, row)
        if not self._augmentation.resized_crop:
            image_1HWC = torch.from_numpy(to_pixels(image, self._format, where).copy())[None]
            image_1CHW = image_1HWC.permute(0, 3, 1, 2)
            augmented = augment_batch(image_1CHW, self._augmentation, generator)
            return augmented[0].permute(1, 2, 0).numpy()
        flip = bool(draw_flips(1, self._augmentation, generator))
        left, top, width, height = draw_boxes(1, image.height, image.width, generator)[0].tolist()
        box = (left, top, min(left + width, image.width), min(top + height, image.height))
        pixels = crop_to_pixels(image, box, self._format)
        return pixels[:, ::-1] if flip else pixels
