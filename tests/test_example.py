"""One input of a network or several, and what goes with each of them."""

from typing import Any, NamedTuple

import pytest
import torch
from torch import Tensor

from radars.errors import ConfigError
from radars.example import (
    Named,
    as_input_shape,
    batch_size_of,
    blank,
    call,
    call_said,
    channels_option,
    dtype_of,
    is_several,
    mapped,
    parse_input,
    parts_of,
    same_form,
    shape_of,
    split_batch,
)

ONE, TWO = torch.arange(10.0).view(5, 2), torch.arange(5).view(5, 1)
EXAMPLES: list[Any] = [ONE, (ONE, TWO), {"b": ONE, "a": TWO}]
IN_FORMS = pytest.mark.parametrize("example_B", EXAMPLES, ids=["tensor", "tuple", "dict"])


class Pair(NamedTuple):
    first: int
    second: str


@pytest.mark.parametrize(
    ("form", "several"),
    [
        ((3, 8, 8), False),
        (((3, 8, 8), (5,)), True),
        (((5,),), True),
        ({"a": (5,)}, True),
        (Pair(1, "a"), False),
        ((Pair(1, "a"),), True),
        (torch.Size([1, 2]), False),
        ([1.0, 2.0], False),
    ],
)
def test_one_thing_is_told_from_several(form: Any, several: bool) -> None:
    assert is_several(form) == several
    assert (parts_of(form) == [form]) == (not several)


def test_names_are_in_order_and_can_be_a_key() -> None:
    one, other = Named({"b": 1, "a": 2}), Named({"a": 2, "b": 1})
    assert list(one) == ["a", "b"]
    assert one == other == {"b": 1, "a": 2}
    assert {one: "known"}[other] == "known"


@IN_FORMS
def test_a_batch_is_split_and_joined_again(example_B: Any) -> None:
    parts = split_batch(example_B, 2)
    assert [batch_size_of(part) for part in parts] == [3, 2]
    joined = mapped(lambda *pieces: torch.cat(pieces), *parts)
    assert same_form(joined, example_B)
    for part, whole in zip(parts_of(joined), parts_of(example_B), strict=True):
        assert torch.equal(part, whole)


@IN_FORMS
def test_a_blank_batch_is_as_the_example_is(example_B: Any) -> None:
    example = mapped(lambda part_B: part_B[0], example_B)
    made = blank(5, shape_of(example), dtype_of(example))
    assert shape_of(made) == shape_of(example_B)
    assert dtype_of(made) == dtype_of(example_B)


def test_inputs_of_one_type_have_one() -> None:
    assert dtype_of((ONE, ONE)) == torch.float32
    assert dtype_of((ONE, TWO)) == (torch.float32, torch.int64)


def test_a_network_is_called_with_a_tensor_a_tuple_or_names() -> None:
    def network(a: Tensor, b: Tensor | None = None) -> Any:
        return a, b

    assert call(network, ONE) == (ONE, None)
    assert call(network, (TWO, ONE)) == (TWO, ONE)
    assert call(network, Named({"b": ONE, "a": TWO})) == (TWO, ONE)
    assert call_said(((3,), (1, 2))) == "network((3,), (1, 2))"
    assert call_said(Named({"b": (3,), "a": (1, 2)})) == "network(a=(1, 2), b=(3,))"


@pytest.mark.parametrize(
    ("given", "shape"),
    [
        ([3, 8, 8], (3, 8, 8)),
        ([[3, 8, 8], [5]], ((3, 8, 8), (5,))),
        ({"b": [5], "a": [3, 8]}, {"a": (3, 8), "b": (5,)}),
        (torch.Size([3, 8]), (3, 8)),
    ],
)
def test_shapes_are_read_from_sequences_and_dicts(given: Any, shape: Any) -> None:
    assert as_input_shape(given) == shape
    assert {as_input_shape(given)}  # a key


def test_images_alone_tell_a_space_their_channels() -> None:
    assert channels_option((3, 8, 8)) == {"in_channels": 3}
    assert channels_option(((3, 8, 8), (5,))) == {}


@pytest.mark.parametrize(
    ("text", "shape"),
    [
        ("3x8x8", (3, 8, 8)),
        ("3x8x8+5", ((3, 8, 8), (5,))),
        ("table=5+image=3x8x8", {"image": (3, 8, 8), "table": (5,)}),
        ("ids=16", {"ids": (16,)}),
    ],
)
def test_the_shapes_of_several_inputs(text: str, shape: object) -> None:
    assert parse_input(text) == shape


@pytest.mark.parametrize("text", ["image=3x8x8+5", "a=5+a=6", "5+b=6"])
def test_either_all_inputs_have_names_or_none(text: str) -> None:
    with pytest.raises(ConfigError, match="write it like image=3x224x224"):
        parse_input(text)
