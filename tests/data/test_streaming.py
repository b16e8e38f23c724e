from collections.abc import Callable
from pathlib import Path

import datasets
import pytest
import torch

from radars.data import BatchStream, Data, DataConfig, RandAugment, load_data, move
from radars.errors import DataError


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(datasets.config, "HF_DATASETS_CACHE", tmp_path / "cache")


def load(path: Path, num_workers: int = 0, **settings: object) -> Data:
    config = {"source": str(path), "in_memory_bytes": 1, "num_workers": num_workers, **settings}
    return load_data(DataConfig.model_validate(config), seed=0)


@pytest.mark.filterwarnings("ignore:This DataLoader will create 2 worker")  # for fewer cores
@pytest.mark.parametrize("image_size", [None, 64])
def test_batches_do_not_depend_on_workers(
    write_parquet: Callable[..., Path], image_size: int | None
) -> None:
    path = write_parquet()
    streams = [
        load(path, num_workers, image_size=image_size).train.batches(3, augment=True, seed=1)
        for num_workers in (0, 1, 2)
    ]
    for _ in range(5):  # more than an epoch
        batches = [stream.next() for stream in streams]
        for batch in batches[1:]:
            assert torch.equal(batch.example_B, batches[0].example_B)
            assert torch.equal(batch.label_B, batches[0].label_B)


def test_a_stream_resumes_with_workers(write_parquet: Callable[..., Path]) -> None:
    split = load(write_parquet(), num_workers=1).train
    stream = split.batches(3, augment=True, seed=1)
    for _ in range(2):
        stream.next()
    state = stream.state_dict()
    expected = stream.next().example_B
    resumed = split.batches(3, augment=True, seed=5)
    resumed.next()
    resumed.load_state_dict(state)
    assert torch.equal(resumed.next().example_B, expected)


def test_workers_leave_the_global_generator_alone(write_parquet: Callable[..., Path]) -> None:
    before = torch.get_rng_state()
    load(write_parquet(), num_workers=1).train.batches(3, augment=True, seed=1).next()
    assert torch.equal(torch.get_rng_state(), before)


def test_evaluation_is_the_same_as_in_memory(write_parquet: Callable[..., Path]) -> None:
    path = write_parquet()
    streamed, kept = load(path, num_workers=1), load(path, in_memory_bytes=2**30)
    for one, other in zip(
        streamed.test.open().evaluation_batches(3),
        kept.test.open().evaluation_batches(3),
        strict=True,
    ):
        assert torch.equal(one.label_B, other.label_B)
        assert torch.allclose(one.example_B, other.example_B, atol=1e-6)


@pytest.mark.parametrize("num_workers", [0, 1])
def test_a_damaged_image_is_one_line(image_folder: Path, num_workers: int) -> None:
    data = load(image_folder, num_workers)
    (image_folder / "test" / "dog" / "1.png").write_bytes(b"no image")
    with pytest.raises(DataError, match=r"dog/1\.png") as caught:
        list(data.test.open().evaluation_batches(2))
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("in_memory_bytes", [1, 2**30])
def test_parts_make_up_the_batch(write_parquet: Callable[..., Path], in_memory_bytes: int) -> None:
    split = load(write_parquet(), in_memory_bytes=in_memory_bytes, image_size=64).train

    def batches(part: slice, policy: RandAugment | None) -> BatchStream:
        return split.batches(4, augment=True, seed=1, policy=policy, part=part)

    policy = RandAugment(1, 9)
    whole, plain = batches(slice(None), policy), batches(slice(None), None)
    parts = [batches(slice(start, start + 2), policy) for start in (0, 2)]
    for _ in range(4):  # more than an epoch
        batch, halves = whole.next(), [part.next() for part in parts]
        assert torch.equal(torch.cat([half.example_B for half in halves]), batch.example_B)
        assert torch.equal(torch.cat([half.label_B for half in halves]), batch.label_B)
        assert not torch.equal(batch.example_B, plain.next().example_B)


GPU = torch.device("cuda")


def test_what_goes_to_a_gpu_is_the_same(write_parquet: Callable[..., Path]) -> None:
    split = load(write_parquet(), num_workers=0).train
    plain, raw = (s.batches(3, augment=True, seed=1) for s in (split, split.on(GPU)))
    for _ in range(4):
        expected, batch = plain.next(), raw.next()
        assert batch.example_B.image_BCHW.dtype == torch.uint8
        batch = move(batch, torch.device("cpu"))
        assert torch.equal(batch.example_B, expected.example_B)
        assert torch.equal(batch.label_B, expected.label_B)


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
def test_workers_leave_what_they_read_in_pinned_memory(write_parquet: Callable[..., Path]) -> None:
    split = load(write_parquet(), num_workers=1).train.on(GPU)
    assert split.batches(3, augment=True, seed=1).next().example_B.image_BCHW.is_pinned()
    assert next(split.evaluation_batches(3)).example_B.image_BCHW.is_pinned()


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
def test_a_damaged_image_is_one_line_beside_a_gpu_too(image_folder: Path) -> None:
    test = load(image_folder, num_workers=1).test
    (image_folder / "test" / "dog" / "1.png").write_bytes(b"no image")
    with pytest.raises(DataError, match=r"dog/1\.png"):
        list(test.open().on(GPU).evaluation_batches(2))
