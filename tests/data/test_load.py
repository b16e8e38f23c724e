import pickle
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest
import torch

from radars.data import Data, DataConfig, Split, load_data
from radars.errors import DataError

WriteParquet = Callable[..., Path]


def pixels(split: Split) -> torch.Tensor:
    """Every example of a split, back in values from 0 to 1."""
    example_N = torch.cat([batch.example_B for batch in split.evaluation_batches(100)])
    mean_C, std_C, _ = split.normalisation
    value_N: torch.Tensor = example_N * std_C[:, None, None] + mean_C[:, None, None]
    return value_N


def load(path: Path | str, seed: int = 0, **settings: object) -> Data:
    return load_data(DataConfig.model_validate({"source": str(path), **settings}), seed)


def test_parts_are_balanced_and_share_nothing(write_parquet: WriteParquet) -> None:
    data = load(write_parquet())
    parts = [data.train, data.validation, data.test.open()]
    assert [torch.bincount(part.label_N).tolist() for part in parts] == [[4, 4], [4, 4], [2, 2]]
    images = [tuple(image.flatten().tolist()) for part in parts for image in pixels(part)]
    assert len(set(images)) == 20


def test_the_seed_draws_the_parts_but_not_the_test_split(write_parquet: WriteParquet) -> None:
    path = write_parquet(labels=[0, 1] * 50)
    one, same, other = (load(path, seed) for seed in (0, 0, 1))
    assert torch.equal(pixels(one.train), pixels(same.train))
    assert not torch.equal(pixels(one.train), pixels(other.train))
    tests = [pixels(data.test.open()) for data in (one, other)]
    assert torch.allclose(tests[0], tests[1], atol=1e-5)


def test_the_normalisation_is_of_the_training_part(write_parquet: WriteParquet) -> None:
    data = load(write_parquet())
    example_N = next(data.train.evaluation_batches(100)).example_B
    assert example_N.mean((0, 2, 3)).abs().max() < 1e-5
    assert (example_N.std((0, 2, 3), correction=0) - 1).abs().max() < 1e-5


def test_a_mean_that_is_given_is_taken(write_parquet: WriteParquet) -> None:
    mean, std = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
    path = write_parquet()
    own, given = load(path), load(path, mean=mean, std=std)
    first, other = (next(data.train.evaluation_batches(100)).example_B for data in (own, given))
    assert torch.allclose(pixels(own.train), pixels(given.train), atol=1e-5)
    by_hand = (pixels(own.train) - torch.tensor(mean)[:, None, None]) / (
        torch.tensor(std)[:, None, None]
    )
    assert torch.allclose(other, by_hand, atol=1e-5)
    assert not torch.allclose(first, other)
    assert given.test.open().normalisation == given.normalisation
    with pytest.raises(DataError, match="got 1 for 3; give as many"):
        load(path, mean=(0.5,), std=(0.2,))


def test_a_subset_counts_both_parts(write_parquet: WriteParquet) -> None:
    data = load(write_parquet(labels=[0, 1] * 50), num_train=40, validation_fraction=0.25)
    assert torch.bincount(data.train.label_N).tolist() == [15, 15]
    assert torch.bincount(data.validation.label_N).tolist() == [5, 5]


def test_no_validation_part_trains_on_everything(image_folder: Path) -> None:
    data = load(image_folder, validation_fraction=0)
    assert (len(data.train), len(data.validation), len(data.test.open())) == (12, 0, 4)
    with pytest.raises(DataError, match="batch_size"):
        data.validation.batches(1, augment=False, seed=0)


def test_images_of_one_colour_stay_finite(tmp_path: Path, encode: Callable[..., bytes]) -> None:
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
        for index in range(10):
            (tmp_path / name / f"{index}.png").write_bytes(encode(0))
    batch = load(tmp_path).train.batches(4, augment=True, seed=0).next()
    assert batch.example_B.isfinite().all()


def test_mixed_sizes_need_image_size(
    write_parquet: WriteParquet, encode: Callable[..., bytes]
) -> None:
    images = [encode(index, (8 + index % 3, 8)) for index in range(20)]
    path = write_parquet(images=images)
    with pytest.raises(DataError, match="set image_size"):
        load(path)
    assert load(path, image_size=6).input_shape == (3, 6, 6)


@pytest.mark.parametrize(
    ("num_examples", "in_colour", "channels"),
    [(20, [], 1), (20, [19], 3), (20, range(5, 20), 3), (640, [630], 3), (640, [631], 1)],
)
def test_images_are_greyscale_where_64_that_are_spread_over_all_are(
    num_examples: int,
    in_colour: Sequence[int],
    channels: int,
    write_parquet: WriteParquet,
    encode: Callable[..., bytes],
) -> None:
    grey, coloured = encode(mode="L"), encode(mode="RGB")
    images = [coloured if index in in_colour else grey for index in range(num_examples)]
    path = write_parquet(labels=[0, 1] * (num_examples // 2), images=images)
    assert load(path).input_shape == (channels, 8, 8)


def test_the_test_split_is_not_looked_at(write_parquet: WriteParquet) -> None:
    write_parquet("test.parquet", labels=[7], images=[b"no image"])
    data = load(write_parquet("train.parquet").parent)
    with pytest.raises(DataError, match=r"\[test\] is 7"):
        data.test.open()


def test_test_images_that_are_damaged(write_parquet: WriteParquet) -> None:
    write_parquet("test.parquet", labels=[1], images=[b"no image"])
    data = load(write_parquet("train.parquet").parent)
    with pytest.raises(DataError, match=r"example 0 of .*\[test\] must be an image"):
        data.test.open()


def test_too_many_wanted(write_parquet: WriteParquet) -> None:
    with pytest.raises(DataError, match="16, but got 17; lower it"):
        load(write_parquet(), num_train=17)


def test_data_can_be_sent_to_another_process(image_folder: Path) -> None:
    data = load(image_folder)
    copied = pickle.loads(pickle.dumps(data))
    assert torch.equal(pixels(copied.train), pixels(data.train))
    assert len(copied.test.open()) == 4


def test_cifar10(data_dir: Path) -> None:
    data = load(data_dir / "cifar10", num_train=1000)
    assert data.input_shape == (3, 32, 32)
    assert data.class_names[:2] == ("airplane", "automobile")
    assert torch.bincount(data.train.label_N).tolist() == [50] * 10
    assert torch.bincount(data.validation.label_N).tolist() == [50] * 10
    assert data.train.batches(64, augment=True, seed=0).next().example_B.shape == (64, 3, 32, 32)


@pytest.mark.parametrize("in_memory_bytes", [2**31, 40 * 2**20])
def test_imagenet(data_dir: Path, in_memory_bytes: int) -> None:
    data = load(
        data_dir / "imagenet-sample",
        image_size=224,
        num_train=400,
        in_memory_bytes=in_memory_bytes,
        num_workers=1,
    )
    assert data.num_classes == 1000
    assert data.input_shape == (3, 224, 224)
    assert data.train.batches(8, augment=True, seed=0).next().example_B.shape == (8, 3, 224, 224)
    assert len(data.test.open()) == 200
