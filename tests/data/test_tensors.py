import pickle
from typing import Any

import pytest
import torch
from torch import Tensor

from radars.data import tensor_data
from radars.errors import DataError, TestSplitError

TABLE = torch.randn(100, 3, generator=torch.Generator().manual_seed(0)) * 5 + 2
CLASSES = torch.arange(100) % 4


def test_every_part_is_balanced_and_holds_examples_of_its_own() -> None:
    numbered = torch.arange(100.0)[:, None].repeat(1, 2)
    data = tensor_data(numbered, CLASSES, class_names="abcd")
    assert (data.num_classes, data.class_names, data.input_shape) == (4, ("a", "b", "c", "d"), (2,))
    with pytest.raises(TestSplitError):
        len(data.test)
    parts = data.train, data.validation, data.test.open()
    assert [len(part) for part in parts] == [40, 40, 20]
    seen: list[int] = []
    for part in parts:
        assert part.label_N.bincount().tolist() == [len(part) // 4] * 4
        [batch] = part.evaluation_batches(100)
        mean_C, std_C, _ = data.normalisation
        number_N = (batch.example_B * std_C + mean_C)[:, 0].round().to(torch.int64)
        assert torch.equal(number_N % 4, batch.label_B)
        seen += number_N.tolist()
    assert sorted(seen) == list(range(100))


def test_the_test_split_is_the_same_for_every_seed() -> None:
    one, two = (tensor_data(TABLE, CLASSES, seed=seed) for seed in (0, 1))
    assert torch.equal(one.test.open().label_N, two.test.open().label_N)
    assert not torch.equal(one.train.label_N, two.train.label_N)


@pytest.mark.parametrize("shape", [(100, 3), (100, 2, 9), (100, 2, 4, 4)])
def test_channels_are_normalised_over_the_training_part(shape: tuple[int, ...]) -> None:
    generator = torch.Generator().manual_seed(1)
    example_N = 7 + 3 * torch.randn(shape, generator=generator)
    example_N[:, 1] = 5.0  # always the same
    data = tensor_data(example_N, CLASSES, validation_fraction=0.25)
    [batch] = data.train.evaluation_batches(100)
    channel = batch.example_B.transpose(0, 1).flatten(1)
    torch.testing.assert_close(channel.mean(1), torch.zeros(len(channel)), atol=1e-5, rtol=0)
    assert channel.std(1, correction=0).tolist() == pytest.approx([1.0, 0.0, 1.0][: len(channel)])


def test_training_batches_are_changed_as_asked_and_alike_when_resumed() -> None:
    def flip(example_B: Tensor, generator: torch.Generator) -> Tensor:
        sign_B = torch.randint(2, (len(example_B), 1), generator=generator) * 2 - 1
        return example_B * sign_B

    data = tensor_data(TABLE.abs() + 1, CLASSES, augment=flip)
    stream, again = (data.train.batches(8, augment=True, seed=3) for _ in range(2))
    first = stream.next()
    state = stream.state_dict()
    second = stream.next()
    plain = data.train.batches(8, augment=False, seed=3).next()
    assert torch.equal(first.label_B, plain.label_B)
    assert not torch.equal(first.example_B, plain.example_B)
    again.load_state_dict(state)
    assert torch.equal(again.next().example_B, second.example_B)


def test_labels_need_not_be_classes() -> None:
    data = tensor_data(TABLE, TABLE.sum(1), num_outputs=1)
    assert data.num_classes == 1
    assert data.train.label_N.dtype == torch.float32


def test_one_output_can_tell_two_classes_apart() -> None:
    data = tensor_data(TABLE, CLASSES % 2, num_outputs=1)
    assert data.train.label_N.bincount().tolist() == [20, 20]


def test_data_can_be_sent_to_another_process() -> None:
    data = tensor_data(TABLE, CLASSES)
    copied = pickle.loads(pickle.dumps(data))
    for part, other in ((data.train, copied.train), (data.test.open(), copied.test.open())):
        [batch], [same] = part.evaluation_batches(100), other.evaluation_batches(100)
        assert torch.equal(batch.example_B, same.example_B)
        assert torch.equal(batch.label_B, same.label_B)


@pytest.mark.parametrize(
    ("example_N", "label_N", "options", "message"),
    [
        (TABLE, CLASSES[:50], {}, "as many labels"),
        (TABLE[:, 0], CLASSES, {}, "as many labels"),
        (TABLE[:0], CLASSES[:0], {}, "got none; add examples"),
        (TABLE, CLASSES - 1, {}, "got -1"),
        (TABLE, CLASSES, {"num_outputs": 3}, "num_outputs, 3, but got 3"),
        (TABLE, TABLE[:, 0], {}, "num_outputs"),
        (TABLE / 0, CLASSES, {}, "finite"),
        (TABLE, CLASSES, {"validation_fraction": 1.0}, "less than 1, but got 1.0"),
        (TABLE, CLASSES, {"validation_fraction": -0.1}, "at least 0 .* got -0.1"),
        (TABLE, CLASSES, {"class_names": "abc"}, "as outputs, 4, but got 3"),
    ],
)
def test_tensors_that_are_refused(
    example_N: Tensor, label_N: Tensor, options: dict[str, Any], message: str
) -> None:
    with pytest.raises(DataError, match=message):
        tensor_data(example_N, label_N, **options)
