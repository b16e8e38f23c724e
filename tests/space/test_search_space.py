from collections.abc import Callable
from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor, nn

from radars.errors import SpaceError
from radars.space import Architecture, Choice, Choose, SearchSpace


def two_choices(choose: Choose) -> nn.Module:
    return nn.Sequential(
        nn.Linear(3, 4),
        choose("first", {"none": nn.Identity, "relu": nn.ReLU}),
        choose("second", {"narrow": lambda: nn.Linear(4, 2), "tanh": nn.Tanh, "relu": nn.ReLU}),
    )


class ModuleSpace(nn.Module):
    def __init__(self, choose: Choose) -> None:
        super().__init__()
        self.layer = choose("layer", {"none": nn.Identity, "relu": nn.ReLU})

    def forward(self, example: Tensor) -> Tensor:
        output = self.layer(example) + 1
        assert isinstance(output, Tensor)
        return output


def shared(choose: Choose) -> nn.Module:
    def layer() -> nn.Module:
        return choose("all", {"linear": lambda: nn.Linear(2, 2), "none": nn.Identity})

    return nn.Sequential(layer(), layer(), layer())


def test_choices_in_order() -> None:
    space = SearchSpace(two_choices)
    assert space.name == "two_choices"
    assert space.choices == (
        Choice("first", ("none", "relu"), 1),
        Choice("second", ("narrow", "tanh", "relu"), 1),
    )
    assert space.num_architectures == space.full.num_architectures == 6
    assert repr(space) == "SearchSpace('two_choices', choices=2, architectures=6)"


def test_the_trace_allocates_nothing() -> None:
    terabytes = 2**20
    space = SearchSpace(
        lambda choose: choose("layer", {"huge": lambda: nn.Linear(terabytes, terabytes)})
    )
    assert space.num_architectures == 1


def test_build_returns_what_was_chosen() -> None:
    network = SearchSpace(two_choices).build({"second": "tanh", "first": "relu"})
    assert isinstance(network, nn.Sequential)
    assert [type(module) for module in network] == [nn.Linear, nn.ReLU, nn.Tanh]
    assert all(parameter.device.type == "cpu" for parameter in network.parameters())


def test_a_module_class_is_a_space() -> None:
    space = SearchSpace(ModuleSpace, input_shape=(2,))
    assert space.name == "ModuleSpace"
    network = space.build({"layer": "relu"})
    assert isinstance(network, ModuleSpace)
    assert isinstance(network.layer, nn.ReLU)
    assert network(torch.tensor([-1.0])).item() == 1


def test_places_that_share_a_choice_are_one_decision_with_weights_of_their_own() -> None:
    space = SearchSpace(shared, input_shape=(2,))
    assert space.choices == (Choice("all", ("linear", "none"), 3),)
    assert space.num_architectures == 2
    network = space.build({"all": "linear"})
    assert len(list(network.parameters())) == 6


@given(st.integers(0, 2**32 - 1))
def test_random_architectures_are_of_the_space_and_of_the_seed(seed: int) -> None:
    space = SearchSpace(two_choices)
    architecture = space.random_architecture(torch.Generator().manual_seed(seed))
    assert space.full.holds(architecture)
    assert architecture == space.random_architecture(torch.Generator().manual_seed(seed))


def test_random_architectures_cover_the_space() -> None:
    space = SearchSpace(two_choices)
    generator = torch.Generator().manual_seed(0)
    assert len({space.random_architecture(generator) for _ in range(200)}) == 6


def test_architecture_takes_the_order_of_the_space() -> None:
    space = SearchSpace(two_choices)
    architecture = space.architecture({"second": "relu", "first": "none"})
    assert architecture == Architecture({"first": "none", "second": "relu"})
    assert list(architecture) == ["first", "second"]


@pytest.mark.parametrize(
    ("given_candidates", "message"),
    [
        ({"first": "none"}, r"missing: \['second'\]"),
        ({"first": "none", "second": "relu", "third": "x"}, r"unknown: \['third'\]"),
        ({"first": "none", "second": "gelu"}, "'narrow', 'tanh', 'relu'.*'gelu'"),
    ],
)
def test_architecture_refuses(given_candidates: dict[str, str], message: str) -> None:
    space = SearchSpace(two_choices)
    with pytest.raises(SpaceError, match=message):
        space.architecture(given_candidates)
    with pytest.raises(SpaceError, match=message):
        space.build(given_candidates)


def no_choice(choose: Choose) -> nn.Module:
    return nn.Identity()


def other_candidates_in_some_traces(choose: Choose) -> nn.Module:
    first = choose("first", {"none": nn.Identity, "relu": nn.ReLU})
    rest = {"relu": nn.ReLU} if isinstance(first, nn.Identity) else {"tanh": nn.Tanh}
    return nn.Sequential(first, choose("second", rest))


def inside_itself(choose: Choose) -> nn.Module:
    return choose("outer", {"a": lambda: choose("outer", {"a": nn.Identity})})


def two_decide(choose: Choose) -> nn.Module:
    first, second = choose("first", [False, True]), choose("second", [False, True])
    return choose("third", {"a": nn.Identity}) if first and second else nn.Identity()


def modules_as_values(choose: Choose) -> nn.Module:
    kinds: Any = [nn.ReLU, nn.GELU]
    module: nn.Module = choose("layer", kinds)()
    return module


def values_twice(choose: Choose) -> nn.Module:
    return nn.Linear(choose("width", [2, 4, 2]), 2)


def values_alike(choose: Choose) -> nn.Module:
    return nn.Linear(2, 2, bias=bool(choose("bias", [1, True])))


def values_of_no_order(choose: Choose) -> nn.Module:
    widths: Any = {2, 4}
    return nn.Linear(choose("width", widths), 2)


def letters(choose: Choose) -> nn.Module:
    choose("layer", "relu")
    return nn.Identity()


def shared_with_other_candidates(choose: Choose) -> nn.Module:
    return nn.Sequential(
        choose("layer", {"a": nn.Identity}), choose("layer", {"a": nn.Identity, "b": nn.ReLU})
    )


def returns_no_module(choose: Choose) -> nn.Module:
    choose("layer", {"a": nn.Identity})
    return None  # type: ignore[return-value]


def raises(choose: Choose) -> nn.Module:
    raise ZeroDivisionError("division by zero")


@pytest.mark.parametrize(
    ("network", "message"),
    [
        (no_choice, "'no_choice' makes none"),
        (other_candidates_in_some_traces, "'second' does not"),
        (inside_itself, "not made inside its own candidates, but 'outer' is"),
        (two_decide, "more decide about 'third'"),
        (modules_as_values, "give modules as a mapping of names to factories"),
        (values_twice, "'width' has 2 twice"),
        (values_alike, "'bias' has True twice"),
        (values_of_no_order, "'width' are a set; give a list"),
        (letters, r"the string 'relu'; write \['relu'\]"),
        (shared_with_other_candidates, r"'layer'.*\['a'\].*\['a', 'b'\]"),
        (returns_no_module, "returns an nn.Module, but returned NoneType"),
        (
            raises,
            r"raised ZeroDivisionError: division by zero \(.*test_search_space.py, line \d+\)",
        ),
        (3, "a function or a module class"),
    ],
)
def test_what_a_space_refuses(network: Callable[[Choose], nn.Module], message: str) -> None:
    with pytest.raises(SpaceError, match=message):
        SearchSpace(network)


def test_with_an_input_shape_candidates_are_compared_at_once() -> None:
    SearchSpace(two_choices)
    with pytest.raises(SpaceError, match="one shape"):
        SearchSpace(two_choices, input_shape=(3,))
