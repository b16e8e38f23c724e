"""What is one input of a network, and what are several."""

from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from radars.data.inputs import inputs_of
from radars.errors import DataError
from radars.example import is_several

ROW = torch.ones(3)


@pytest.mark.parametrize(
    "example",
    [ROW, [1.0, 2.0], (1.0, 2.0), (1, 2), (ROW[0], ROW[1]), [ROW, ROW], "a text", np.ones(3)],
)
def test_a_tensor_and_a_row_of_numbers_are_one_input(example: Any) -> None:
    assert not is_several(inputs_of(example, "it"))


@pytest.mark.parametrize(
    "example",
    [(ROW, ROW), (ROW,), (np.ones(3), 1), (Image.new("L", (2, 2)), ROW), {"a": ROW}, {"a": 1.0}],
)
def test_tensors_in_a_tuple_and_mappings_are_several(example: Any) -> None:
    assert is_several(inputs_of(example, "it"))


@pytest.mark.parametrize("example", [(), {}])
def test_no_input_at_all_is_refused(example: Any) -> None:
    with pytest.raises(DataError, match="an example has an input or more, but it is an empty"):
        inputs_of(example, "it")
