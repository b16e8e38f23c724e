import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from radars.errors import SpaceError
from radars.space import Architecture, Subspace

names = st.text(min_size=1, max_size=5)
values = st.one_of(names, st.integers(2), st.none(), st.tuples(st.integers(), st.text()))
candidate_lists = st.lists(values, min_size=1, max_size=4, unique=True)
subspaces = st.dictionaries(names, candidate_lists, min_size=1, max_size=4).map(Subspace)
architectures = st.dictionaries(names, values, min_size=1, max_size=4).map(Architecture)


@given(subspaces)
def test_subspace_json_round_trip(subspace: Subspace) -> None:
    again = Subspace.from_json(subspace.to_json())
    assert again == subspace
    assert hash(again) == hash(subspace)
    assert list(again.items()) == list(subspace.items())


@given(architectures)
def test_architecture_json_round_trip(architecture: Architecture) -> None:
    again = Architecture.from_json(architecture.to_json())
    assert again == architecture
    assert hash(again) == hash(architecture)
    assert list(again.items()) == list(architecture.items())


@given(subspaces)
def test_equality_and_hash_ignore_the_order_of_choices(subspace: Subspace) -> None:
    turned = Subspace(dict(reversed(list(subspace.items()))))
    assert turned == subspace
    assert hash(turned) == hash(subspace)


@given(subspaces)
def test_num_architectures_is_the_product_of_the_candidates(subspace: Subspace) -> None:
    assert subspace.num_architectures == math.prod(len(names) for names in subspace.values())
    assert subspace.num_candidates == sum(len(names) for names in subspace.values())


@given(subspaces, st.data())
def test_without_removes_one_candidate_and_leaves_the_original(
    subspace: Subspace, data: st.DataObject
) -> None:
    choice = data.draw(st.sampled_from(list(subspace)))
    candidate = data.draw(st.sampled_from(subspace[choice]))
    before = subspace.to_json()
    if len(subspace[choice]) == 1:
        with pytest.raises(SpaceError, match="at least one candidate"):
            subspace.without(choice, candidate)
        return
    smaller = subspace.without(choice, candidate)
    assert smaller[choice] == tuple(name for name in subspace[choice] if name != candidate)
    assert all(smaller[other] == subspace[other] for other in subspace if other != choice)
    assert subspace.holds(smaller)
    assert not smaller.holds(subspace)
    assert subspace.to_json() == before


@given(architectures)
def test_architecture_as_subspace_holds_it_alone(architecture: Architecture) -> None:
    subspace = architecture.as_subspace()
    assert subspace.num_architectures == 1
    assert subspace.holds(architecture)


def test_holds_needs_the_same_choices() -> None:
    subspace = Subspace({"a": ["x", "y"], "b": ["x"]})
    assert subspace.holds(Architecture({"a": "y", "b": "x"}))
    assert not subspace.holds(Architecture({"a": "y"}))
    assert not subspace.holds(Architecture({"a": "z", "b": "x"}))


@pytest.mark.parametrize(
    ("candidates", "message"),
    [({"a": []}, "'a' has none"), ({"a": ["x", "x"]}, "distinct"), ({"a": ["x"], "b": ()}, "'b'")],
)
def test_subspace_refuses_empty_and_repeated(
    candidates: dict[str, list[str]], message: str
) -> None:
    with pytest.raises(SpaceError, match=message):
        Subspace(candidates)


@pytest.mark.parametrize(("choice", "candidate"), [("a", "z"), ("b", "x")])
def test_without_refuses_what_is_not_there(choice: str, candidate: str) -> None:
    with pytest.raises(SpaceError, match=f"{choice!r} has no candidate {candidate!r}"):
        Subspace({"a": ["x", "y"]}).without(choice, candidate)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "{",
        "[]",
        "{}",
        "3",
        '{"a": "x"}',
        '{"a": [{}]}',
        '{"a": []}',
        '{"a": ["x"], "a": ["y"]}',
        "[" * 100_000,
    ],
)
def test_subspace_from_json_refuses(text: str) -> None:
    with pytest.raises(SpaceError):
        Subspace.from_json(text)


@pytest.mark.parametrize(
    "text", ["", "null", "{}", '{"a": {}}', '{"a": [{}]}', '{"a":"x","a":"y"}']
)
def test_architecture_from_json_refuses(text: str) -> None:
    with pytest.raises(SpaceError):
        Architecture.from_json(text)


def test_an_architecture_is_not_a_subspace() -> None:
    architecture = Architecture({"a": "x"})
    assert architecture != Subspace({"a": ["x"]})
    assert architecture.as_subspace() == Subspace({"a": ["x"]})


def test_an_architecture_equals_a_dict_of_the_same_items() -> None:
    architecture = Architecture({"a": "y", "b": "x"})
    assert architecture == {"b": "x", "a": "y"}
    assert architecture == {"a": "y", "b": "x"}
    assert architecture != {"a": "y"}
    assert architecture != {"a": "y", "b": "z"}
    assert architecture != architecture.as_subspace()
    assert len({architecture, Architecture({"b": "x", "a": "y"})}) == 1
