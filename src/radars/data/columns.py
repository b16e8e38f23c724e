"""Which column of a table holds the images and which the labels: found by type, not by name."""

from typing import NamedTuple

import datasets

from radars.errors import DataError


class Columns(NamedTuple):
    """The names of the two columns that matter."""

    image: str
    label: str


def find_columns(
    features: datasets.Features, where: str, image: str | None, label: str | None
) -> Columns:
    """Finds the image and the label column.

    Args:
        features: the columns and their types.
        where: names the table in errors.
        image: the user's choice of image column, if any.
        label: the user's choice of label column, if any.

    Raises:
        DataError: a column is missing, or there are several and none was chosen.
    """
    images = [name for name, feature in features.items() if isinstance(feature, datasets.Image)]
    images = images or [name for name, feature in features.items() if _holds_files(feature)]
    labels = [name for name, feature in features.items() if _is_class(feature)]
    integers = [name for name, feature in features.items() if _is_integer(feature)]
    if label is not None:
        labels += integers
    return Columns(
        _only(images, image, "image", features, where),
        _only(labels or integers, label, "label", features, where),
    )


def _only(
    found: list[str], chosen: str | None, kind: str, features: datasets.Features, where: str
) -> str:
    if chosen is not None:
        found = [name for name in found if name == chosen]
    if len(found) == 1:
        return found[0]
    columns = ", ".join(f"{name} ({_type_name(feature)})" for name, feature in features.items())
    wanted = f"named {chosen!r}" if chosen is not None else f"but has {len(found)}"
    raise DataError(
        f"{where} must have one {kind} column {wanted}; its columns are {columns}; "
        f"set {kind}_column to one that holds {kind}s"
    )


def _holds_files(feature: object) -> bool:
    """Whether a column without Hugging Face metadata looks like encoded images."""
    if isinstance(feature, dict):
        return {"bytes", "path"} == set(feature)
    return isinstance(feature, datasets.Value) and feature.dtype in ("binary", "large_binary")


def _is_class(feature: object) -> bool:
    return isinstance(feature, datasets.ClassLabel)


def _is_integer(feature: object) -> bool:
    return isinstance(feature, datasets.Value) and feature.dtype.lstrip("u").startswith("int")


def _type_name(feature: object) -> str:
    return feature.dtype if isinstance(feature, datasets.Value) else type(feature).__name__
