"""`data_fingerprint`: tells data apart by their content, in bounded time."""

import hashlib

import torch
from torch import Tensor

from radars.data.load import Data
from radars.example import parts_of

_NUM_READ = 64  # examples of each part that are not in memory
_AT_ONCE = 4096


def data_fingerprint(data: Data) -> str:
    """A digest of what a search reads: the statistics, and all labels and examples of each part.

    Of examples that must be decoded first, some are read, evenly spaced; the statistics are of all
    of the training part (of the first ones, where there are many), so that a change in any of these
    shows. The test split is not opened.
    """
    digest = hashlib.sha256(repr((data.input_shape, data.class_names)).encode())
    for normalisation in parts_of(data.normalisation):
        for tensor in normalisation[:2]:
            digest.update(_bytes(tensor))
    for split in (data.train, data.validation):
        digest.update(_bytes(split.label_N))
        number = len(split) if split.is_in_memory else min(_NUM_READ, len(split))
        indices = [step * len(split) // number for step in range(number)]
        for first in range(0, number, _AT_ONCE):
            for part in parts_of(split.read(indices[first : first + _AT_ONCE])):
                digest.update(_bytes(part))
    return digest.hexdigest()


def _bytes(tensor: Tensor) -> bytes:
    contiguous = tensor.detach().cpu().contiguous()
    return (
        str(tuple(tensor.shape)).encode()
        + contiguous.reshape(-1).view(torch.uint8).numpy().tobytes()
    )
