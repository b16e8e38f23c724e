import datasets
import pytest

from radars.data.columns import find_columns
from radars.errors import DataError

STRUCT = {"bytes": datasets.Value("binary"), "path": datasets.Value("string")}


def find(image: str | None = None, label: str | None = None, **columns: object) -> tuple[str, str]:
    return find_columns(datasets.Features(columns), "there", image, label)


def test_types_decide_not_names() -> None:
    found = find(label_of=datasets.Image(), y=datasets.ClassLabel(names=["a"]))
    assert found == ("label_of", "y")


@pytest.mark.parametrize("image", [STRUCT, datasets.Value("binary")])
@pytest.mark.parametrize("integer", ["int64", "uint8"])
def test_columns_without_metadata(image: object, integer: str) -> None:
    found = find(x=image, y=datasets.Value(integer), name=datasets.Value("string"))
    assert found == ("x", "y")


def test_declared_classes_win_over_integers() -> None:
    found = find(x=datasets.Image(), id=datasets.Value("int64"), y=datasets.ClassLabel(names=["a"]))
    assert found.count("y") == 1


def test_missing_image_column_lists_the_columns() -> None:
    with pytest.raises(DataError, match=r"one image column .*name \(string\), y \(int64\)"):
        find(name=datasets.Value("string"), y=datasets.Value("int64"))


def test_missing_label_column() -> None:
    with pytest.raises(DataError, match="one label column"):
        find(x=datasets.Image(), y=datasets.Value("float32"))


def test_an_ambiguous_column_is_chosen_by_the_user() -> None:
    coarse, fine = datasets.ClassLabel(names=["a"]), datasets.ClassLabel(names=["b"])
    columns = {"x": datasets.Image(), "coarse": coarse, "fine": fine}
    with pytest.raises(DataError, match="label_column"):
        find(**columns)
    assert find(label="fine", **columns) == ("x", "fine")
    with pytest.raises(DataError, match="'other'"):
        find(label="other", **columns)
