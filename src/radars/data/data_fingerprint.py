"""`data_fingerprint`: tells data apart by their content, in bounded time."""

import hashlib

import torch
from torch import Tensor

from radars.data.load import Data
from radars.data.split import Split

_NUM_READ = 64  # examples of each part


def data_fingerprint(data: Data) -> str:
    """A digest of what a search reads: all labels, the statistics, and some examples of each part.

    The statistics are of all training examples (of the first ones, where there are many), so that
    a change in any of them shows. The test split is not opened.
    """
    digest = hashlib.sha256(repr((data.input_shape, data.class_names)).encode())
    for tensor in data.normalisation[:2]:
        digest.update(_bytes(tensor))
    for split in (data.train, data.validation):
        digest.update(_bytes(split.label_N))
        digest.update(_bytes(_some_examples(split)))
    return digest.hexdigest()


def _some_examples(split: Split) -> Tensor:
    """Evenly spaced examples, as they are."""
    number = min(_NUM_READ, len(split))
    return split.read([step * len(split) // number for step in range(number)])


def _bytes(tensor: Tensor) -> bytes:
    contiguous = tensor.detach().cpu().contiguous()
    return (
        str(tuple(tensor.shape)).encode()
        + contiguous.reshape(-1).view(torch.uint8).numpy().tobytes()
    )
