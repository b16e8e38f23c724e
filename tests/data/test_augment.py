import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from radars.data.augment import (
    Augmentation,
    RandAugment,
    augment_batch,
    augmentation_for,
    draw_boxes,
    rand_augment,
)
from radars.data.order import seeded


@pytest.mark.parametrize(
    ("shape", "expected"),
    [
        ((1, 8, 8), Augmentation(False, 1, False)),
        ((1, 28, 28), Augmentation(False, 3, False)),
        ((3, 32, 32), Augmentation(False, 4, True)),
        ((3, 64, 64), Augmentation(True, 8, True)),
    ],
)
def test_the_size_decides(shape: tuple[int, int, int], expected: Augmentation) -> None:
    assert augmentation_for(*shape) == expected


@given(
    shift=st.integers(0, 3),
    flip=st.booleans(),
    channels=st.sampled_from([1, 3]),
    height=st.integers(4, 9),
    width=st.integers(4, 9),
    seed=st.integers(0, 1000),
)
def test_a_shifted_image_is_a_window_of_the_padded_one(
    shift: int, flip: bool, channels: int, height: int, width: int, seed: int
) -> None:
    image = torch.randint(1, 256, (5, channels, height, width), generator=seeded(seed)).byte()
    out = augment_batch(image, Augmentation(False, shift, flip), seeded(seed))
    assert out.shape == image.shape
    assert out.dtype == torch.uint8
    padded = torch.nn.functional.pad(image, (shift,) * 4)
    for before, after in zip(padded, out, strict=True):
        windows = [
            before[:, top : top + height, left : left + width]
            for top in range(2 * shift + 1)
            for left in range(2 * shift + 1)
        ]
        windows += [window.flip(2) for window in windows] if flip else []
        assert any(torch.equal(after, window) for window in windows)


def test_images_of_a_batch_are_changed_independently() -> None:
    image = torch.arange(64, dtype=torch.uint8).view(1, 1, 8, 8).repeat(200, 3, 1, 1)
    out = augment_batch(image, Augmentation(False, 1, True), seeded(0))
    assert len({tuple(one.flatten().tolist()) for one in out}) == 18  # 9 shifts, mirrored or not


@given(height=st.integers(64, 400), width=st.integers(64, 400), seed=st.integers(0, 1000))
def test_boxes_are_inside(height: int, width: int, seed: int) -> None:
    left, top, box_width, box_height = draw_boxes(20, height, width, seeded(seed)).unbind(1)
    assert (left >= 0).all()
    assert (top >= 0).all()
    assert (left + box_width <= width + 1e-9).all()
    assert (top + box_height <= height + 1e-9).all()
    assert (box_width * box_height >= 0.02 * height * width).all()


def test_a_resized_crop_stays_in_range_and_mirrors() -> None:
    ramp = torch.arange(64.0).expand(100, 3, 64, 64)
    out = augment_batch(ramp.byte(), Augmentation(True, 8, True), seeded(0))
    assert out.shape == ramp.shape
    assert out.min() >= 0
    assert out.max() <= 63
    rising = (out[:, 0, 0, -1] > out[:, 0, 0, 0]).sum()
    assert 30 < rising < 70


@pytest.mark.parametrize(
    "augmentation", [Augmentation(True, 1, True), Augmentation(False, 1, True)]
)
def test_the_generator_decides_all(augmentation: Augmentation) -> None:
    image = torch.randint(0, 256, (9, 3, 16, 16), generator=seeded(0)).byte()
    global_state = torch.get_rng_state()
    first, second, other = (augment_batch(image, augmentation, seeded(s)) for s in (1, 1, 2))
    assert torch.equal(first, second)
    assert not torch.equal(first, other)
    assert torch.equal(torch.get_rng_state(), global_state)


def test_rand_augment_changes_each_image_by_its_seed() -> None:
    image_BCHW = torch.randint(256, (4, 3, 16, 16), generator=torch.Generator().manual_seed(0))
    policy, before = RandAugment(2, 15), torch.get_rng_state()
    changed = rand_augment(image_BCHW, policy, [7, 7, 8, 9])
    assert torch.equal(torch.get_rng_state(), before)
    assert changed.dtype == torch.uint8
    assert changed.shape == image_BCHW.shape
    alone = rand_augment(image_BCHW[2:3].float(), policy, [8])
    assert torch.equal(alone[0], changed[2])
    assert not torch.equal(rand_augment(image_BCHW[2:3], policy, [10])[0], changed[2])
    assert rand_augment(image_BCHW[:, :1], policy, range(4)).shape == (4, 1, 16, 16)
