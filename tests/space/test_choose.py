from collections.abc import Callable, Iterable

import pytest
from torch import nn

from radars.errors import SpaceError
from radars.space import Candidates, Choose, SearchSpace
from radars.space.choose import as_pairs, build_candidate, checked_pairs


def test_candidates_are_a_mapping_or_pairs_in_order() -> None:
    expected = [("b", nn.ReLU), ("a", nn.Identity)]
    assert checked_pairs("layer", {"b": nn.ReLU, "a": nn.Identity}) == expected
    assert checked_pairs("layer", [("b", nn.ReLU), ("a", nn.Identity)]) == expected
    assert as_pairs(iter(expected)) == expected


@pytest.mark.parametrize(
    ("choice", "candidates", "message"),
    [
        ("", {"a": nn.Identity}, "name of a choice"),
        (3, {"a": nn.Identity}, "name of a choice"),
        ("layer", {}, "'layer' has none"),
        ("layer", [], "'layer' has none"),
        ("layer", {"": nn.Identity}, "name of a candidate"),
        ("layer", {1: nn.Identity}, "name of a candidate"),
        ("layer", [("a", nn.Identity), ("a", nn.ReLU)], "'a' twice"),
        ("layer", {"a": nn.Identity()}, "write `lambda: ...`"),
        ("layer", {"a": None}, "is a NoneType"),
    ],
)
def test_what_choose_refuses(choice: str, candidates: Candidates, message: str) -> None:
    def network(choose: Choose) -> nn.Module:
        return choose(choice, candidates)

    with pytest.raises(SpaceError, match=message):
        checked_pairs(choice, candidates)
    with pytest.raises(SpaceError, match=message):
        SearchSpace(network)


def test_a_factory_that_raises_names_the_candidate() -> None:
    def broken() -> nn.Module:
        raise KeyError("no such thing")

    with pytest.raises(SpaceError, match=r"'b' of choice 'layer' raised KeyError.*no such thing"):
        build_candidate("layer", "b", broken)
    with pytest.raises(SpaceError, match="'b' of choice 'layer' raised KeyError"):
        SearchSpace(lambda choose: choose("layer", {"a": nn.Identity, "b": broken}))


@pytest.mark.parametrize("made", [None, 3, nn.Identity])
def test_a_factory_returns_a_module(made: object) -> None:
    factory: Callable[[], object] = lambda: made  # noqa: E731
    with pytest.raises(SpaceError, match=r"returns an nn\.Module, but returned"):
        build_candidate("layer", "a", factory)  # type: ignore[arg-type]


def test_a_generator_of_candidates_is_read_once() -> None:
    def network(choose: Choose) -> nn.Module:
        pairs: Iterable[tuple[str, Callable[[], nn.Module]]] = (
            (f"c{index}", kind) for index, kind in enumerate((nn.ReLU, nn.Identity, nn.Tanh))
        )
        return choose("layer", pairs)

    space = SearchSpace(network, input_shape=(4,))
    assert space.choices[0].candidates == ("c0", "c1", "c2")
    assert isinstance(space.build({"layer": "c1"}), nn.Identity)
