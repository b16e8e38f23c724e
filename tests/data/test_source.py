import logging
from collections.abc import Callable
from pathlib import Path

import datasets
import pytest

from radars.data import DataConfig
from radars.data.source import open_source
from radars.errors import DataError

WriteParquet = Callable[..., Path]


def open_path(path: Path) -> tuple[int, tuple[str, ...], bool]:
    source = open_source(DataConfig(source=str(path)))
    return len(source.train), source.class_names, source.has_test


def table(encode: Callable[..., bytes], labels: list[int]) -> datasets.Dataset:
    features = datasets.Features(x=datasets.Image(), y=datasets.ClassLabel(names=["a", "b"]))
    images = [{"bytes": encode(index), "path": None} for index in range(len(labels))]
    return datasets.Dataset.from_dict({"x": images, "y": labels}, features=features)


def test_a_parquet_file(write_parquet: WriteParquet) -> None:
    assert open_path(write_parquet()) == (20, ("0", "1"), False)


def test_an_image_folder(image_folder: Path) -> None:
    assert open_path(image_folder) == (12, ("cat", "dog"), True)


@pytest.mark.parametrize(
    "source", ["/no/such", "./no", "no.parquet", "no/such/folder", "~/no-such"]
)
def test_a_missing_path(source: str) -> None:
    with pytest.raises(DataError, match=f"there is no {source}; check the path"):
        open_source(DataConfig(source=source))


@pytest.fixture(autouse=True)
def hub(monkeypatch: pytest.MonkeyPatch) -> None:
    """A hub that answers; the network is not asked."""
    monkeypatch.setattr("radars.data.hub.hub_answers", lambda: True)


def test_a_hub_name(monkeypatch: pytest.MonkeyPatch, encode: Callable[..., bytes]) -> None:
    hub = {"owner/name": {"train": table(encode, [0, 1]), "valid": table(encode, [0])}}
    monkeypatch.setattr(datasets, "load_dataset", lambda name: hub[name])
    source = open_source(DataConfig(source="owner/name"))
    assert (len(source.train), len(source.test())) == (2, 1)


def test_a_hub_that_is_not_reachable(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(name: str) -> None:
        raise ConnectionError(f"Couldn't reach {name}\nmore lines")

    monkeypatch.setattr(datasets, "load_dataset", fail)
    with pytest.raises(DataError, match="cannot be loaded from the hub") as caught:
        open_source(DataConfig(source="owner/name"))
    assert "\n" not in str(caught.value)
    assert "give a path" in str(caught.value)


@pytest.mark.parametrize(("test_label", "expected"), [(-1, 3), (1, 1)])
def test_validation_where_test_labels_are_secret(
    monkeypatch: pytest.MonkeyPatch,
    encode: Callable[..., bytes],
    test_label: int,
    expected: int,
) -> None:
    splits = {
        "train": table(encode, [0, 1]),
        "test": table(encode, [test_label]),
        "validation": table(encode, [0, 1, 0]),
    }
    monkeypatch.setattr(datasets, "load_dataset", lambda name: splits)
    assert len(open_source(DataConfig(source="name")).test()) == expected


def test_no_training_split(write_parquet: WriteParquet) -> None:
    write_parquet("test.parquet")
    folder = write_parquet("validation.parquet").parent
    with pytest.raises(DataError, match="its splits are test, validation"):
        open_source(DataConfig(source=str(folder)))


@pytest.mark.parametrize(
    ("labels", "said"),
    [
        ([1, 2, 1, 2], "none of class 0"),
        ([0, 2, 0, 2], "none of class 1"),
        ([0, 10**9], "none of class 1"),
        ([0, -1, 1], "is -1"),
        ([0, 0], "two classes or more"),
        ([-5], "is -5"),
    ],
)
def test_labels_that_cannot_be_classes(
    write_parquet: WriteParquet, labels: list[int], said: str
) -> None:
    with pytest.raises(DataError, match=said):
        open_path(write_parquet(labels=labels))


def test_a_declared_class_without_examples(image_folder: Path) -> None:
    (image_folder / "train" / "fox").mkdir()
    with pytest.raises(DataError, match="none of class fox"):
        open_path(image_folder)


def test_a_sample_too_small_to_hold_every_class(
    image_folder: Path, caplog: pytest.LogCaptureFixture
) -> None:
    for index in range(20):
        (image_folder / "train" / f"fox{index}").mkdir()
    with caplog.at_level(logging.WARNING):
        assert len(open_path(image_folder)[1]) == 22
    assert "20 of the 22 classes have no example" in caplog.text


def test_progress_bars_are_left_as_they_were(image_folder: Path) -> None:
    before = datasets.is_progress_bar_enabled(), datasets.logging.get_verbosity()
    open_path(image_folder)
    assert (datasets.is_progress_bar_enabled(), datasets.logging.get_verbosity()) == before
