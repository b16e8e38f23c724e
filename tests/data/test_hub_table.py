from collections.abc import Callable
from pathlib import Path

import datasets
import pytest

from radars.data.hub_table import HubTable
from radars.data.local import open_local
from radars.data.stored_split import Rows
from radars.errors import DataError

WriteParquet = Callable[..., Path]


def rows_of(path: Path) -> Rows:
    return open_local(path, 2**30)["train"].rows(str(path), None, None)


def test_images_and_labels_are_read(
    write_parquet: WriteParquet, encode: Callable[..., bytes]
) -> None:
    rows = rows_of(write_parquet(extra=["text"] * 20))
    assert len(rows) == 20
    assert rows.encoded([3, 1])[0]["bytes"] == encode(3)
    assert rows.labels(2).tolist() == [0, 1] * 10
    assert rows.class_names is None


def test_plain_bytes_are_images(write_parquet: WriteParquet, encode: Callable[..., bytes]) -> None:
    images = [encode(index) for index in range(20)]
    rows = rows_of(write_parquet(picture=images))
    assert rows.encoded([7])[0]["bytes"] == images[7]


@pytest.mark.parametrize(("label", "said"), [(-1, "is -1"), (2, "is 2")])
def test_labels_out_of_range(write_parquet: WriteParquet, label: int, said: str) -> None:
    rows = rows_of(write_parquet(labels=[0, 1, 0, label]))
    with pytest.raises(DataError, match=rf"from 0 to 1, but that of example 3 .*{said}"):
        rows.labels(2)


def test_missing_labels(write_parquet: WriteParquet) -> None:
    rows = rows_of(write_parquet(labels=[0, 1, None]))
    with pytest.raises(DataError, match="have none; remove them"):
        rows.labels(2)


def test_no_rows() -> None:
    features = datasets.Features(x=datasets.Image(), y=datasets.ClassLabel(names=["a", "b"]))
    table = datasets.Dataset.from_dict({"x": [], "y": []}, features=features)
    with pytest.raises(DataError, match="there is empty"):
        HubTable(table).rows("there", None, None)
