"""What the `result.json` of a training says of a network's inputs: their shapes and normalisation.

A network of one input has the key `input`, an object; one of several has `inputs`, a list of such
objects or an object of them by name.
"""

from collections.abc import Mapping
from typing import Any

import torch

from radars.data import Normalisation
from radars.example import Form, InputShape, Shape, as_form, is_several, mapped

_LARGEST_PIXEL = 255.0


def written_inputs(input_shape: InputShape, normalisation: Form[Normalisation]) -> dict[str, Any]:
    """The key and what is behind it."""
    described = mapped(_written, input_shape, normalisation)
    return {"inputs" if is_several(input_shape) else "input": described}


def read_inputs(result: Mapping[str, Any]) -> tuple[InputShape, Form[Normalisation]]:
    """The shape of an example and its normalisation; each in its form where inputs are several.

    Raises:
        LookupError, TypeError, ValueError: they are not there, or not of the form above.
    """
    if "inputs" not in result:
        return _shape(result["input"]), _normalisation(result["input"])
    described = as_form(result["inputs"])
    return mapped(_shape, described), mapped(_normalisation, described)


def _written(shape: Shape, normalisation: Normalisation) -> dict[str, Any]:
    mean_C, std_C, largest = normalisation
    said = {"shape": list(shape), "mean": mean_C.tolist(), "std": std_C.tolist()}
    return said | ({} if largest == _LARGEST_PIXEL else {"largest": largest})


def _shape(described: Mapping[str, Any]) -> Shape:
    return tuple(map(int, described["shape"]))


def _normalisation(described: Mapping[str, Any]) -> Normalisation:
    normalisation = Normalisation(
        torch.tensor(described["mean"]),
        torch.tensor(described["std"]),
        float(described.get("largest", _LARGEST_PIXEL)),
    )
    num_channels = int(described["shape"][0])
    if any(tensor.shape != (num_channels,) for tensor in normalisation[:2]):
        raise ValueError(f"mean and std in result.json are not of {num_channels} channels")
    return normalisation
