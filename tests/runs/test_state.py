from copy import deepcopy
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from radars.runs.state import join_state, split_state

NAMES = st.text("ab/~01|", max_size=4)
PLAIN = st.none() | st.booleans() | st.integers() | st.text(max_size=3) | st.lists(st.integers())
TENSORS = st.lists(st.floats(width=32, allow_nan=False), max_size=3).map(torch.tensor)
STATES = st.recursive(
    st.dictionaries(NAMES, PLAIN | TENSORS, max_size=4),
    lambda inner: st.dictionaries(NAMES, PLAIN | TENSORS | inner, max_size=4),
    max_leaves=8,
)


def same(left: Any, right: Any) -> bool:
    if isinstance(left, dict) and isinstance(right, dict):
        return left.keys() == right.keys() and all(same(left[name], right[name]) for name in left)
    if isinstance(left, Tensor) and isinstance(right, Tensor):
        return torch.equal(left, right)
    return type(left) is type(right) and bool(left == right)


def has_tensors(state: Any) -> bool:
    if isinstance(state, dict):
        return any(map(has_tensors, state.values()))
    return isinstance(state, Tensor)


@settings(deadline=None)
@given(STATES)
def test_any_state_comes_back(state: dict[str, Any]) -> None:
    before = deepcopy(state)
    tensors, values = split_state(state)
    assert same(state, before)
    assert not has_tensors(values)
    assert same(join_state(tensors, values), state)


def test_a_path_tells_where_a_tensor_was() -> None:
    x, y = torch.ones(1), torch.zeros(2)
    tensors, values = split_state({"a": {"b/c": x, "~": {"": y}, "d": [1]}, "e": {}})
    assert tensors == {"a/b~1c": x, "a/~0/": y}
    assert values == {"a": {"~": {}, "d": [1]}, "e": {}}


@pytest.mark.parametrize("plain", [3, None, "b", [1, 2]])
def test_a_tensor_within_a_plain_value_is_refused(plain: object) -> None:
    with pytest.raises(ValueError, match="'a/b' stands within a plain value"):
        join_state({"a/b": torch.ones(1)}, {"a": plain})


def test_a_tensor_within_a_tensor_is_refused() -> None:
    with pytest.raises(ValueError, match="'a/b' stands within a plain value"):
        join_state({"a": torch.ones(1), "a/b": torch.ones(1)}, {})
