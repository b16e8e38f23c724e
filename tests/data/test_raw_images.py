"""Images for a GPU go there a byte a pixel; what is done there is what the host would have done."""

import pytest
import torch
from torch import Tensor

from radars.data import Batch, Normalisation, RandAugment, RawImages, Split, arrival_bytes, move
from radars.data.in_memory import MemoryPixels
from radars.data.split import BatchStream
from radars.example import split_batch

CPU, GPU = torch.device("cpu"), torch.device("cuda")
SHAPES = [(1, 8, 8), (3, 32, 32), (3, 64, 64), (1, 80, 64)]


def split_of(shape: tuple[int, ...], num_examples: int = 20) -> Split:
    generator = torch.Generator().manual_seed(0)
    image_NCHW = torch.randint(0, 256, (num_examples, *shape), generator=generator).byte()
    image_NCHW = image_NCHW.contiguous(memory_format=torch.channels_last)
    mean_C, std_C = torch.rand(2, shape[0], generator=generator) + 0.1
    label_N = torch.arange(num_examples)
    return Split(MemoryPixels(image_NCHW), label_N, Normalisation(mean_C, std_C))


def assert_same(raw: Batch, expected: Batch) -> None:
    assert isinstance(raw.example_B, RawImages)
    finished = move(raw, CPU)
    assert torch.equal(finished.example_B, expected.example_B)
    assert finished.example_B.dtype == torch.float32
    assert finished.example_B.is_contiguous(memory_format=torch.channels_last)
    assert torch.equal(finished.label_B, expected.label_B)


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("augment", [True, False])
@pytest.mark.parametrize("policy", [None, RandAugment(2, 9)])
@pytest.mark.parametrize("part", [slice(None), slice(2, 5)])
def test_what_is_done_there_is_what_the_host_does(
    shape: tuple[int, ...], augment: bool, policy: RandAugment | None, part: slice
) -> None:
    split = split_of(shape)

    def stream_of(split: Split) -> BatchStream:
        return split.batches(6, augment=augment, seed=1, policy=policy, part=part)

    plain, raw = stream_of(split), stream_of(split.on(GPU))
    for _ in range(5):  # more than an epoch
        batch = raw.next()
        assert batch.example_B.image_BCHW.dtype == torch.uint8
        assert_same(batch, plain.next())
    assert torch.equal(raw.state_dict()["position"], plain.state_dict()["position"])


def test_an_evaluation_sees_the_same() -> None:
    split = split_of((3, 32, 32))
    both = zip(split.on(GPU).evaluation_batches(6), split.evaluation_batches(6), strict=True)
    for raw, plain in both:
        assert_same(raw, plain)


def test_parts_of_a_batch_are_those_of_the_whole() -> None:
    split = split_of((3, 32, 32))
    raw = split.on(GPU).batches(7, augment=True, seed=0).next()
    whole = move(raw, CPU).example_B
    parts = [
        move(Batch(part, raw.label_B), CPU).example_B for part in split_batch(raw.example_B, 3)
    ]
    assert [len(part) for part in parts] == [3, 2, 2]
    assert torch.equal(torch.cat(parts), whole)


def test_on_the_cpu_and_of_what_is_no_image_nothing_changes() -> None:
    split = split_of((3, 8, 8))
    assert split.on(CPU) is split
    no_images = split.normalised_by(Normalisation.none(3)).on(GPU)
    assert isinstance(next(no_images.evaluation_batches(4)).example_B, Tensor)


def test_a_pixel_is_a_byte_on_its_way(monkeypatch: pytest.MonkeyPatch) -> None:
    sent_bytes = []

    def send(tensor: Tensor, device: torch.device) -> Tensor:
        sent_bytes.append(tensor.nbytes)
        return tensor

    monkeypatch.setattr("radars.data.raw_images.send", send)
    batch = split_of((3, 32, 32)).on(GPU).batches(16, augment=True, seed=0).next()
    finished = move(batch, CPU).example_B
    assert sum(sent_bytes) < 1.02 * finished.nbytes / 4


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
@pytest.mark.parametrize("shape", SHAPES)
def test_what_it_holds_on_its_way_is_known(shape: tuple[int, int, int]) -> None:
    images = split_of(shape, 200).on(GPU).batches(200, augment=True, seed=0).next().example_B
    torch.eye(2, device=GPU) @ torch.eye(2, device=GPU)  # what libraries hold counts elsewhere
    before_bytes = torch.cuda.memory_allocated()
    torch.cuda.reset_peak_memory_stats()
    finished = images.finished(GPU)
    held_bytes = torch.cuda.max_memory_allocated() - before_bytes
    expected_bytes = finished.nbytes + 200 * arrival_bytes(*shape)
    small_bytes = 200 * 32 * (shape[1] + shape[2] + 8)  # what is drawn for each image
    assert 0.95 * expected_bytes <= held_bytes <= expected_bytes + small_bytes
