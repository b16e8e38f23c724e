"""`inputs_of`: whether what is given is one input of a network, or several."""

from collections.abc import Mapping
from typing import Any

import numpy as np
from PIL import Image
from torch import Tensor

from radars.errors import DataError
from radars.example import Form, as_form


def inputs_of(given: Any, name: str) -> Form[Any]:
    """Several inputs in their form: of a mapping, or of a tuple with a tensor or an image in it.

    All else is one input as it is: a list or a tuple of numbers is a row of them.

    Args:
        given: an example, or all examples.
        name: what people call it, for errors.

    Raises:
        DataError: there is none.
    """
    is_several = isinstance(given, Mapping) or (
        isinstance(given, tuple) and (not given or any(map(_is_input, given)))
    )
    if not is_several:
        return list(given) if isinstance(given, tuple) else given
    if not given:
        raise DataError(
            f"an example has an input or more, but {name} is an empty {type(given).__name__}; "
            f"give it a tensor"
        )
    return as_form(given if isinstance(given, Mapping) else tuple(given))


def _is_input(part: object) -> bool:
    is_array = isinstance(part, Tensor | np.ndarray) and part.ndim > 0
    return is_array or isinstance(part, Image.Image)
