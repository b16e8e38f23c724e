"""Choices of values, and choices that are made only where others take something."""

from collections import Counter
from collections.abc import Iterator
from functools import partial
from typing import Any

import pytest
import torch
from torch import nn

from radars.errors import SpaceError
from radars.space import Architecture, Choose, Factory, SearchSpace


def every(choose: Choose) -> nn.Module:
    """A loop of a chosen length, choices inside candidates, and in a branch of a bool."""
    width = choose("width", [2, 3, 4])
    layers = [
        choose(
            f"layer{index}",
            {
                "linear": partial(_linear, choose, f"bias{index}", width),
                "none": nn.Identity,
                "act": partial(_act, choose, f"act{index}"),
            },
        )
        for index in range(choose("depth", [0, 1, 2]))
    ]
    if choose("normed", [False, True]):
        layers.append(nn.LayerNorm(width, eps=choose("eps", [1e-5, 1e-3])))
    return nn.Sequential(nn.Linear(5, width), *layers)


def _linear(choose: Choose, name: str, width: int) -> nn.Module:
    return nn.Linear(width, width, bias=choose(name, [True, False]))


def _act(choose: Choose, name: str) -> nn.Module:
    act: nn.Module = getattr(nn, choose(name, ["ReLU", "GELU"]))()
    return act


def tree(choose: Choose) -> nn.Module:
    """11 architectures: 1 + 2 * 5."""
    if choose("is_deep", [False, True]):
        inner: dict[str, Factory] = {
            "a": nn.Identity,
            "b": lambda: nn.Linear(1, choose("size", [1, 2, 3, 4])),
        }
        return nn.Sequential(choose("inner", inner), nn.Linear(1, choose("other", [1, 2])))
    return nn.Identity()


def architectures_of(space: SearchSpace) -> Iterator[dict[str, Any]]:
    def from_(taken: dict[str, Any], index: int) -> Iterator[dict[str, Any]]:
        if index == len(space.choices):
            yield taken
            return
        choice = space.choices[index]
        if not space.conditions.is_made(choice.name, taken):
            yield from from_(taken, index + 1)
            return
        for candidate in choice.candidates:
            yield from from_({**taken, choice.name: candidate}, index + 1)

    return from_({}, 0)


def test_an_architecture_has_the_choices_that_its_trace_makes() -> None:
    space = SearchSpace(tree)
    known = list(architectures_of(space))
    assert len(known) == space.num_architectures == 11
    for taken in known:
        made: list[str] = []

        def choose(name: str, candidates: Any, taken: Any = taken, made: Any = made) -> Any:
            made.append(name)
            value = taken[name]
            return candidates[value]() if isinstance(candidates, dict) else value

        tree(choose)
        assert set(made) == set(taken) == set(space.architecture(taken))
        assert Architecture.from_json(Architecture(taken).to_json()) == taken
    network = space.build({"is_deep": True, "inner": "b", "size": 3, "other": 2})
    assert str(network).count("Linear") == 2


@pytest.mark.parametrize(
    ("taken", "message"),
    [
        ({"is_deep": True, "inner": "a"}, r"missing: \['other'\]"),
        ({"is_deep": False, "other": 1}, r"unknown: \['other'\]"),
        ({"is_deep": True, "inner": "a", "other": 3}, r"\[1, 2\], but got 3"),
    ],
)
def test_what_an_architecture_lacks_or_has_too_much(taken: dict[str, Any], message: str) -> None:
    with pytest.raises(SpaceError, match=message):
        SearchSpace(tree).architecture(taken)


def test_draws_are_uniform_over_architectures() -> None:
    space = SearchSpace(tree)
    generator = torch.Generator().manual_seed(0)
    counts = Counter(space.random_architecture(generator) for _ in range(1100))
    assert len(counts) == 11
    assert all(70 <= count <= 135 for count in counts.values())  # 100 each; within 3.5 deviations


def test_the_best_sum_counts_what_is_made_only() -> None:
    space = SearchSpace(tree)
    scores: dict[str, Any] = {
        "is_deep": {False: 3.0, True: 0.0},
        "inner": {"a": 1.0, "b": -5.0},
        "size": {1: 0.0, 2: 5.5, 3: 0.0, 4: 0.0},
        "other": {1: 0.0, 2: 1.0},
    }

    def score(taken: Any) -> float:
        return float(sum(scores[choice][candidate] for choice, candidate in taken.items()))

    assert score(space.best(scores)) == max(map(score, architectures_of(space))) == 3.0
    scores["is_deep"][True] = 2.0
    assert space.best(scores) == {"is_deep": True, "inner": "a", "other": 2}


def test_values_of_every_kind_nested_and_in_loops() -> None:
    space = SearchSpace(every, input_shape=(5,))
    parents = {choice.name: (choice.parent, choice.under) for choice in space.choices}
    assert parents["layer0"] == ("depth", (1, 2))
    assert parents["layer1"] == ("depth", (2,))
    assert parents["bias1"] == ("layer1", ("linear",))
    assert parents["eps"] == ("normed", (True,))
    assert space.full["eps"] == (1e-5, 1e-3)


def shared(choose: Choose) -> nn.Module:
    """`bias` is made where either of two others takes something."""
    options: dict[str, Factory] = {
        "linear": lambda: nn.Linear(2, 2, bias=choose("bias", [True, False])),
        "none": nn.Identity,
    }
    return nn.Sequential(choose("first", options), choose("second", options))


def test_a_choice_that_several_decide_about_is_refused() -> None:
    with pytest.raises(SpaceError, match="more decide about 'bias'"):
        SearchSpace(shared)
