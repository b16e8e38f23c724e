import pytest

from radars.data.stored_split import ImageList
from radars.errors import DataError

TABLE = ImageList([b"png", "a/file.png"], [1, 0], ["cat", "dog"])


def test_images_are_bytes_or_paths() -> None:
    rows = TABLE.rows("there", None, None)
    assert rows.encoded([1, 0]) == [
        {"bytes": None, "path": "a/file.png"},
        {"bytes": b"png", "path": None},
    ]
    assert rows.labels(2).tolist() == [1, 0]
    assert rows.class_names == ["cat", "dog"]


def test_labels_out_of_range() -> None:
    rows = ImageList([b"png"], [2], ["cat", "dog"]).rows("there", None, None)
    with pytest.raises(DataError, match="from 0 to 1, but that of example 0 of there is 2"):
        rows.labels(2)


def test_no_rows() -> None:
    with pytest.raises(DataError, match="there is empty"):
        ImageList([], [], ["cat"]).rows("there", None, None)


def test_a_column_of_another_name() -> None:
    with pytest.raises(DataError, match="one label column named 'fine'; its columns are image"):
        TABLE.rows("there", "image", "fine")
