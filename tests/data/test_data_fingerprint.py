from dataclasses import replace

import pytest
import torch
from tests.tiny import tiny_data
from torch import Tensor

from radars.data import Data, Split, data_fingerprint
from radars.data.in_memory import MemoryPixels


def changed(data: Data, part: str, images: Tensor, label_N: Tensor) -> Data:
    """The same data, but for one part; the statistics are those of before."""
    split = Split(MemoryPixels(images), label_N, data.normalisation)
    return replace(data, train=split) if part == "train" else replace(data, validation=split)


@pytest.mark.parametrize("part", ["train", "validation"])
def test_every_example_label_and_their_order_counts(part: str) -> None:
    data = tiny_data()
    split: Split = getattr(data, part)
    images, label_N = split.read(list(range(len(split)))), split.label_N
    same = data_fingerprint(changed(data, part, images.clone(), label_N.clone()))
    assert same == data_fingerprint(data)
    others = {same}
    for index in range(len(split)):
        other = images.clone()
        other[index, 0, 7, 7] ^= 1
        others.add(data_fingerprint(changed(data, part, other, label_N)))
        labels = label_N.clone()
        labels[index] = (labels[index] + 1) % 4
        others.add(data_fingerprint(changed(data, part, images, labels)))
    others.add(data_fingerprint(changed(data, part, images[:-1], label_N[:-1])))
    others.add(data_fingerprint(changed(data, part, images.flip(0), label_N.flip(0))))
    others.add(data_fingerprint(changed(data, part, images, label_N.flip(0))))
    assert len(others) == 2 * len(split) + 4


def test_many_examples_are_read_in_parts() -> None:
    data, number = tiny_data(), 10_000
    images = torch.zeros(number, 1, 2, 2, dtype=torch.uint8)
    label_N = torch.zeros(number, dtype=torch.int64)
    before = data_fingerprint(changed(data, "train", images, label_N))
    for index in (0, 4095, 4096, number - 1):
        other = images.clone()
        other[index] = 1
        assert data_fingerprint(changed(data, "train", other, label_N)) != before
