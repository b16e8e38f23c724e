"""From a configuration to splits that give batches. Shapes: N examples, C channels."""

import functools
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor

from radars.data.balanced_draws import divide, hold_out
from radars.data.data_config import DataConfig
from radars.data.images import ImageFormat, format_of
from radars.data.in_memory import MemoryPixels, decode_rows
from radars.data.normalisation import Normalisation
from radars.data.pixels import Pixels, Request
from radars.data.source import Source, open_source
from radars.data.split import SealedSplit, Split
from radars.data.stored_split import Rows
from radars.data.streaming import StreamedPixels
from radars.errors import DataError
from radars.example import InputDtype

_COLOUR_EXAMPLES = 64
_STATISTICS_BATCH_SIZE = 128
_STATISTICS_STREAMED_EXAMPLES = 1024


@dataclass(frozen=True)
class Data:
    """A data set, ready to be searched, trained and evaluated on.

    Attributes:
        name: the source, as the user wrote it.
        num_classes: how many classes there are; how many numbers a network returns for an
            example, where the task is another than classification.
        class_names: their names, in the order of their labels.
        input_shape: the shape of an example: channels, height, width of an image; a tuple or a dict
            of shapes where an example has several inputs.
        train: the training part.
        validation: the validation part; empty where `validation_fraction` is 0.
        test: the test split, sealed.
        normalisation: the normalisation of every example, or of each input of it, computed over the
            training part only.
        input_dtype: the dtype of an example as a network takes it: float32, or int64 of tokens and
            the like; in the form of `input_shape` where inputs differ in it.
    """

    name: str
    num_classes: int
    class_names: tuple[str, ...]
    input_shape: Any
    train: Split
    validation: Split
    test: SealedSplit
    normalisation: Any
    input_dtype: InputDtype = torch.float32

    def on(self, device: torch.device) -> "Data":
        """The same for a device; see `Split.on`. The test split is as it was."""
        if device.type != "cuda":
            return self
        return replace(self, train=self.train.on(device), validation=self.validation.on(device))


def load_stored(config: DataConfig, seed: int) -> Data:
    """Opens a data set and divides its training split into the parts of a search.

    With `validation_fraction=0` the training part is the whole training split. The test split is
    not read before it is opened; where the source has none, a fixed, class-balanced fifth of the
    only split is held out as such, the same for every seed.

    Args:
        config: which data, and how they are read.
        seed: the seed of the draw of `num_train` examples and of the division.

    Raises:
        DataError: the data are not found, damaged, or not what the configuration says.
    """
    source = open_source(config)
    rows = source.train
    label_N = rows.labels(len(source.class_names))
    index_N, held_out_N = torch.arange(len(rows)), None
    if not source.has_test:
        index_N, held_out_N = hold_out(label_N)
    parts = divide(label_N[index_N], config.num_train, config.validation_fraction, seed)
    train_N, validation_N = (index_N[part] for part in parts)

    [first], others = rows.encoded([0]), _spread(rows, _COLOUR_EXAMPLES)
    image_format = format_of(first, others, config.image_size, rows.name_of(0))
    train_pixels, validation_pixels = _read(rows, [train_N, validation_N], image_format, config)
    normalisation = Normalisation.given(config, train_pixels.shape[0])
    normalisation = normalisation or _normalisation_of(train_pixels)
    return Data(
        name=source.name,
        num_classes=len(source.class_names),
        class_names=source.class_names,
        input_shape=train_pixels.shape,
        train=Split(train_pixels, label_N[train_N], normalisation),
        validation=Split(validation_pixels, label_N[validation_N], normalisation),
        test=SealedSplit(
            functools.partial(_open_test, source, held_out_N, image_format, normalisation)
        ),
        normalisation=normalisation,
    )


def _spread(rows: Rows, number: int) -> Iterator[Mapping[str, Any]]:
    """Encoded images of so many rows, or of all, evenly spaced; each is read when it is wanted."""
    number = min(number, len(rows))
    return (rows.encoded([step * len(rows) // number])[0] for step in range(number))


def _open_test(
    source: Source,
    held_out_N: Tensor | None,
    image_format: ImageFormat,
    normalisation: Normalisation,
) -> Split:
    rows = source.train if held_out_N is not None else source.test()
    index_N = held_out_N if held_out_N is not None else torch.arange(len(rows))
    label_N = rows.labels(len(source.class_names))[index_N]
    if not len(label_N):
        raise DataError(
            f"a test split must have an example, but the fifth held out of the {len(rows)} of "
            f"{rows.where} has none; add examples"
        )
    pixels = _read(rows, [index_N], image_format, source.config)[0]
    return Split(pixels, label_N, normalisation)


def _read(
    rows: Rows, parts: list[Tensor], image_format: ImageFormat, config: DataConfig
) -> list[Pixels]:
    """The pixels of each part: all in memory where they fit, or else all streamed."""
    bytes_per_image = image_format.channels * image_format.height * image_format.width
    if sum(map(len, parts)) * bytes_per_image <= config.in_memory_bytes:
        return [decode_rows(rows, part_N, image_format) for part_N in parts]
    return [StreamedPixels(rows, part_N, image_format, config.num_workers) for part_N in parts]


def _normalisation_of(pixels: Pixels) -> Normalisation:
    """Statistics of all examples in memory, or of the first of those that are streamed."""
    num_examples = len(pixels)
    if not isinstance(pixels, MemoryPixels):
        num_examples = min(num_examples, _STATISTICS_STREAMED_EXAMPLES)
    requests = [
        Request(list(range(start, min(start + _STATISTICS_BATCH_SIZE, num_examples))))
        for start in range(0, num_examples, _STATISTICS_BATCH_SIZE)
    ]
    total_C = torch.zeros(pixels.shape[0], dtype=torch.float64)
    total_squares_C = torch.zeros_like(total_C)
    for image_BCHW in pixels.read_each(requests):
        value_BCHW = image_BCHW.float()
        total_C += value_BCHW.sum((0, 2, 3), dtype=torch.float64)
        total_squares_C += value_BCHW.square().sum((0, 2, 3), dtype=torch.float64)
    count = num_examples * pixels.shape[1] * pixels.shape[2]
    mean_C = total_C / count
    variance_C = total_squares_C / count - mean_C.square()
    std_C = variance_C.clamp(min=1.0).sqrt()  # of values up to 255: images of one colour have none
    return Normalisation((mean_C / 255).float(), (std_C / 255).float())
