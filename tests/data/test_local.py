from collections.abc import Callable, Mapping
from pathlib import Path

import datasets
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from radars.data.local import open_local
from radars.data.stored_split import StoredSplit
from radars.errors import DataError

WriteParquet = Callable[..., Path]

PLENTY_BYTES = 2**30


def sizes(tables: Mapping[str, StoredSplit]) -> dict[str, int]:
    return {name: len(table) for name, table in tables.items()}


def test_one_file_is_one_split(write_parquet: WriteParquet) -> None:
    assert sizes(open_local(write_parquet("any.parquet"), PLENTY_BYTES)) == {"train": 20}


@pytest.mark.parametrize(
    ("train", "test"),
    [
        (["train.parquet"], ["test.parquet"]),
        (["train-00000-of-00002.parquet", "train-00001-of-00002.parquet"], ["val-0.parquet"]),
        (["train/0000.parquet"], ["validation/0000.parquet"]),
        (["data/train-0.parquet"], ["data/test-0.parquet"]),
    ],
)
def test_splits_are_in_the_names(
    write_parquet: WriteParquet, tmp_path: Path, train: list[str], test: list[str]
) -> None:
    for name in train + test:
        write_parquet(name)
    tables = open_local(tmp_path / "parquet", PLENTY_BYTES)
    assert list(sizes(tables).values()) in ([20 * len(train), 20], [20, 20 * len(train)])
    assert "train" in tables


def test_files_without_split_names_are_one_split(
    write_parquet: WriteParquet, tmp_path: Path
) -> None:
    write_parquet("a.parquet")
    write_parquet("b.parquet")
    assert sizes(open_local(tmp_path / "parquet", PLENTY_BYTES)) == {"train": 40}


def test_some_files_without_split_names(write_parquet: WriteParquet, tmp_path: Path) -> None:
    write_parquet("train.parquet")
    write_parquet("more.parquet")
    with pytest.raises(DataError, match=r"more\.parquet is not"):
        open_local(tmp_path / "parquet", PLENTY_BYTES)


def test_large_files_go_through_the_cache(
    write_parquet: WriteParquet, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(datasets.config, "HF_DATASETS_CACHE", tmp_path / "cache")
    path = write_parquet()
    assert sizes(open_local(path, PLENTY_BYTES)) == {"train": 20}
    assert not (tmp_path / "cache").exists()
    assert sizes(open_local(path, 1)) == {"train": 20}
    assert (tmp_path / "cache").exists()


@pytest.mark.parametrize("in_memory_bytes", [1, PLENTY_BYTES])
@pytest.mark.parametrize("kept_bytes", [0, 100, -20])
def test_a_damaged_file_is_named(
    write_parquet: WriteParquet, in_memory_bytes: int, kept_bytes: int
) -> None:
    path = write_parquet()
    path.write_bytes(path.read_bytes()[:kept_bytes])
    with pytest.raises(DataError, match=r"train\.parquet must be a parquet file") as caught:
        open_local(path, in_memory_bytes)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("in_memory_bytes", [1, PLENTY_BYTES])
def test_damage_in_the_middle(
    write_parquet: WriteParquet,
    in_memory_bytes: int,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(datasets.config, "HF_DATASETS_CACHE", tmp_path / "cache")
    path = write_parquet()
    content = bytearray(path.read_bytes())
    content[4:200] = bytes(196)
    path.write_bytes(content)
    with pytest.raises(DataError, match=r"train\.parquet"):
        open_local(path, in_memory_bytes)


def test_files_with_different_columns(write_parquet: WriteParquet, tmp_path: Path) -> None:
    write_parquet("train-0.parquet")
    pq.write_table(pa.table({"other": ["text"]}), tmp_path / "parquet" / "train-1.parquet")
    with pytest.raises(DataError, match="one schema"):
        open_local(tmp_path / "parquet", PLENTY_BYTES)


def test_a_file_that_is_no_parquet(tmp_path: Path) -> None:
    path = tmp_path / "data.csv"
    path.write_text("a,b")
    with pytest.raises(DataError, match=r"data\.csv; convert it"):
        open_local(path, PLENTY_BYTES)


def test_an_image_folder(image_folder: Path) -> None:
    tables = open_local(image_folder, PLENTY_BYTES)
    assert sizes(tables) == {"train": 12, "test": 4}
    rows = tables["train"].rows("train", None, "label")
    assert rows.class_names == ["cat", "dog"]
    assert rows.stored_labels().tolist() == [0] * 6 + [1] * 6
    with pytest.raises(DataError, match="image column named 'picture'"):
        tables["train"].rows("train", "picture", None)


def test_an_image_folder_without_splits(image_folder: Path) -> None:
    assert sizes(open_local(image_folder / "train", PLENTY_BYTES)) == {"train": 12}


def test_hidden_files_are_ignored(image_folder: Path) -> None:
    (image_folder / "train" / "cat" / ".DS_Store").write_bytes(b"")
    (image_folder / ".git").mkdir()
    assert sizes(open_local(image_folder, PLENTY_BYTES)) == {"train": 12, "test": 4}


def test_a_file_that_is_no_image(image_folder: Path) -> None:
    (image_folder / "train" / "cat" / "notes.txt").write_text("cats")
    with pytest.raises(DataError, match=r"cat/notes\.txt; remove it"):
        open_local(image_folder, PLENTY_BYTES)


def test_a_class_of_the_test_split_alone(image_folder: Path) -> None:
    (image_folder / "test" / "fox").mkdir()
    with pytest.raises(DataError, match="test/fox"):
        open_local(image_folder, PLENTY_BYTES)


def test_an_empty_folder(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="holds neither"):
        open_local(tmp_path, PLENTY_BYTES)
