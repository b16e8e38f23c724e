"""Recipes: the settings that suit a space of the zoo, where the user says nothing else.

The scale is that of two CPU cores: minutes, on a subset of the data. `docs/method.md` says what was
measured with them.
"""

from collections.abc import Mapping
from typing import Any

from radars.data import DataConfig
from radars.errors import ConfigError
from radars.zoo import zoo

_CIFAR: dict[str, Any] = {
    "proxy_options": {"width": 16},
    # each image is seen a few times: too seldom to be learnt by heart; augmented, it takes longer
    "data": {"num_train": 40_000, "validation_fraction": 0.25, "augment": False},
    "optimizer": {"learning_rate": 0.1},
    "select": {"optimizer": {"learning_rate": 0.05}},
}

_DIGITS_SHAPE = (1, 8, 8)  # of the data where none are named

_ADAMW: dict[str, Any] = {"name": "adamw", "learning_rate": 1e-3, "weight_decay": 0.05}

_RECIPES: dict[str, dict[str, Any]] = {
    "digits": {},
    "darts": {"proxy_options": {"width": 16, "num_cells": 8}, "budget": "1GiB"},
    "vit": {
        "optimizer": _ADAMW,
        "select": {"optimizer": _ADAMW},
        "children": {"optimizer": _ADAMW},
        "budget": "256MiB",
    },
    "nasbench-macro": _CIFAR | {"budget": "270MiB"},
    "cifar-large": _CIFAR | {"budget": "400MiB"},
    # without a proxy, whose widths would be others
    "nats-size": {k: v for k, v in _CIFAR.items() if k != "proxy_options"} | {"budget": "400MiB"},
    "mobile": {"budget": "12GiB", "data": {"image_size": 224}},
    "mobile-large": {"budget": "12GiB", "data": {"image_size": 224}},
    "mobile-elastic": {"budget": "12GiB", "data": {"image_size": 224}},
    "ofa-mobile": {"budget": "12GiB", "data": {"image_size": 224}},
    "resnet-elastic": {"budget": "12GiB", "data": {"image_size": 224}},
    "vit-elastic": {
        "optimizer": _ADAMW,
        "select": {"optimizer": _ADAMW},
        "children": {"optimizer": _ADAMW},
        "budget": "12GiB",
        "data": {"image_size": 224},
    },
}


def check_data(space: str, data: DataConfig) -> None:
    """Refuses the default data for a space of the zoo that is about others.

    Raises:
        ConfigError: they would be taken only because none are named.
    """
    shapes = {entry.name: entry.input_shape for entry in zoo()}
    is_named = "source" in data.model_fields_set
    if not is_named and shapes.get(space, _DIGITS_SHAPE) != _DIGITS_SHAPE:
        raise ConfigError(
            f"the space {space!r} is for images of {'x'.join(map(str, shapes[space]))}, but no "
            f"data are named, and digits are {'x'.join(map(str, _DIGITS_SHAPE))}; add --data with "
            f"a folder, a parquet file or a hub name such as cifar10"
        )


def recipe(settings: Mapping[str, Any]) -> dict[str, Any]:
    """The settings that suit a space, under those that the user gives; none for a user's space.

    Args:
        settings: what the user gives. An option of the space given there holds for the proxy too,
            unless `proxy_options` says otherwise.
    """
    space = str(settings.get("space", "digits"))
    suits = dict(_RECIPES.get(space, {}))
    given = settings.get("space_options")
    if "proxy_options" in suits and isinstance(given, Mapping):
        suits["proxy_options"] = {
            key: value for key, value in suits["proxy_options"].items() if key not in given
        }
    return {"space": space} | suits
