"""Candidates are told apart, leave their input alone, and are built anew each time."""

import warnings
from collections.abc import Callable
from functools import partial
from itertools import count

import pytest
import torch
from torch import Tensor, nn

from radars.cost import CostTable
from radars.errors import SpaceError
from radars.space import Choose, Factory, SearchSpace
from radars.space.candidate_checks import EqualCandidates


class InPlace(nn.Module):
    def __init__(self, change: Callable[[Tensor, bool], object]) -> None:
        super().__init__()
        self._change = change

    def forward(self, example_B: Tensor) -> Tensor:
        self._change(example_B, self.training)
        return example_B * 1


def in_training(example_B: Tensor, is_training: bool) -> None:
    if is_training:
        example_B[:, 0] = 0


CHANGING: dict[str, Factory] = {
    "relu": lambda: nn.ReLU(inplace=True),
    "first of several": lambda: nn.Sequential(nn.Identity(), nn.SiLU(inplace=True), nn.ReLU()),
    "dropout": lambda: nn.Dropout(inplace=True),
    "view": lambda: InPlace(lambda example_B, _: example_B.flatten(1).add_(1)),
    "initialiser": lambda: InPlace(lambda example_B, _: example_B.zero_()),
    "in training": lambda: InPlace(in_training),
}


@pytest.mark.parametrize("name", CHANGING)
@pytest.mark.parametrize("is_first", [True, False])
def test_a_candidate_that_changes_its_input_is_refused(name: str, is_first: bool) -> None:
    pairs = [(name, CHANGING[name]), ("skip", nn.Identity)]

    def network(choose: Choose) -> nn.Module:
        return nn.Sequential(nn.Flatten(), choose("a", pairs if is_first else pairs[::-1]))

    with pytest.raises(SpaceError, match=f"'{name}' of choice 'a' changes it in place"):
        SearchSpace(network, input_shape=(3,))


def test_a_candidate_may_change_what_it_has_made() -> None:
    def network(choose: Choose) -> nn.Module:
        inner: dict[str, Factory] = {
            "a": lambda: nn.Sequential(nn.Linear(3, 3), nn.ReLU(inplace=True)),
            "b": lambda: nn.Sequential(nn.Linear(3, 3), nn.Dropout(inplace=True)),
            "c": lambda: InPlace(lambda example_B, _: (example_B + 1).zero_()),
        }
        return nn.Sequential(choose("a", inner))

    assert SearchSpace(network, input_shape=(3,)).num_architectures == 3


SHARED = nn.Linear(3, 3)
NORM = nn.BatchNorm1d(3, affine=False)


def one_of_two(make: Callable[[], tuple[Factory, Factory]]) -> Callable[[Choose], nn.Module]:
    def network(choose: Choose) -> nn.Module:
        return nn.Sequential(choose("a", dict(zip("xy", make(), strict=True))))

    return network


def captured() -> tuple[Factory, Factory]:
    own = nn.Linear(3, 3)
    return lambda: nn.Sequential(own, nn.ReLU()), nn.Identity


def between_two() -> tuple[Factory, Factory]:
    own = nn.Linear(3, 3)
    return lambda: nn.Sequential(own, nn.ReLU()), lambda: nn.Sequential(own, nn.Tanh())


@pytest.mark.parametrize(
    "make",
    [
        lambda: (lambda: SHARED, nn.Identity),
        lambda: (lambda: nn.Sequential(SHARED), lambda: nn.Sequential(SHARED, nn.ReLU())),
        lambda: (lambda: NORM, nn.Identity),
        captured,
        between_two,
    ],
)
def test_modules_that_candidates_share_are_refused(
    make: Callable[[], tuple[Factory, Factory]],
) -> None:
    with pytest.raises(SpaceError, match="was there before; make it in the f") as caught:
        SearchSpace(one_of_two(make), input_shape=(3,))
    assert "\n" not in str(caught.value)


def test_so_are_those_that_networks_share() -> None:
    def network(choose: Choose) -> nn.Module:
        return nn.Sequential(SHARED, choose("a", {"x": nn.Identity, "y": nn.ReLU}))

    with pytest.raises(SpaceError, match=r"'0.weight' of 'network' was there before"):
        SearchSpace(network)


SHARED_OF_VALUES: dict[str, Callable[[int], list[nn.Module]]] = {
    "always": lambda width: [SHARED, nn.Linear(3, width)],
    "one value's": lambda width: [SHARED if width == 4 else nn.Linear(3, 3)],
}


@pytest.mark.parametrize("name", SHARED_OF_VALUES)
def test_so_are_those_that_networks_of_values_share(name: str) -> None:
    def network(choose: Choose) -> nn.Module:
        layers = SHARED_OF_VALUES[name](choose("width", [3, 4, 5]))
        return nn.Sequential(*layers, choose("a", {"x": nn.Identity, "y": nn.ReLU}))

    with pytest.raises(SpaceError, match=r"'0.weight' of 'network' was there before"):
        SearchSpace(network)


@pytest.mark.parametrize("is_value", [True, False])
def test_a_network_that_differs_each_time_is_refused(is_value: bool) -> None:
    widths = count(3)

    def network(choose: Choose) -> nn.Module:
        inside = choose("width", [3, 4]) if is_value else 3
        end = choose("a", {"x": nn.Identity, "y": nn.ReLU})
        return nn.Sequential(nn.Linear(3, inside), nn.Linear(inside, next(widths)), end)

    with pytest.raises(SpaceError, match="made another the second time"):
        SearchSpace(network)


def test_weights_may_be_shared_within_a_candidate_and_modules_without_any() -> None:
    relu = nn.ReLU()

    def tied() -> nn.Module:
        layer = nn.Linear(3, 3)
        return nn.Sequential(layer, relu, layer)

    space = SearchSpace(one_of_two(lambda: (tied, lambda: nn.Sequential(relu))), input_shape=(3,))
    assert space.num_architectures == 2


def repeated(times: int) -> Callable[[], nn.Module]:
    class Repeated(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.conv = nn.Conv2d(4, 4, 3, padding=1)

        def forward(self, image_BCHW: Tensor) -> Tensor:
            for _ in range(times):
                image_BCHW = self.conv(image_BCHW)
            return image_BCHW

    return Repeated


def test_candidates_that_differ_by_what_they_bind_have_costs_of_their_own() -> None:
    def network(choose: Choose) -> nn.Module:
        return nn.Sequential(choose("a", {f"n{n}": repeated(n) for n in (1, 2, 6)}))

    costs = CostTable.of(SearchSpace(network), (4, 8, 8)).candidates["a"]
    once = costs["n1"].macs
    assert [cost.macs for cost in costs.values()] == [once, 2 * once, 6 * once]


def late(choose: Choose) -> nn.Module:
    return nn.Sequential(choose("a", {f"k{k}": lambda: nn.Linear(3, k) for k in (1, 3)}))  # noqa: B023


def bound(choose: Choose) -> nn.Module:
    return nn.Sequential(choose("a", {f"p{p}": partial(nn.Dropout, p) for p in (0.1, 0.3)}))


def shared_by_places(choose: Choose) -> nn.Module:
    """At the first place they happen to be the same."""
    first: dict[str, Factory] = {"x": nn.Identity, "y": nn.Identity}
    return nn.Sequential(choose("a", first), choose("a", {"x": nn.Identity, "y": nn.ReLU}))


def test_candidates_that_are_the_same_are_named() -> None:
    with pytest.warns(EqualCandidates, match="'k1', 'k3' of choice 'a' are the same module"):
        SearchSpace(late, input_shape=(3,))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        SearchSpace(bound, input_shape=(3,))
        SearchSpace(shared_by_places, input_shape=(3,))


class Leaving(nn.Module):
    def __init__(self, at_once: bool) -> None:
        super().__init__()
        if at_once:
            raise SystemExit(0)

    def forward(self, example_B: Tensor) -> Tensor:
        raise SystemExit(0)


@pytest.mark.parametrize("at_once", [True, False])
@pytest.mark.parametrize("is_candidate", [True, False])
def test_leaving_the_process_is_an_error_like_others(at_once: bool, is_candidate: bool) -> None:
    def network(choose: Choose) -> nn.Module:
        candidates: dict[str, Factory] = {"x": lambda: Leaving(at_once), "y": nn.Identity}
        if is_candidate:
            return nn.Sequential(choose("a", candidates))
        return nn.Sequential(Leaving(at_once), choose("a", {"y": nn.Identity}))

    with pytest.raises(SpaceError) as caught:
        SearchSpace(network, input_shape=(3,))
    assert "\n" not in str(caught.value)
    assert torch.is_grad_enabled()


def test_equal_candidates_beside_values_are_named_too() -> None:
    def by_a_loop(choose: Choose) -> nn.Module:
        width = choose("width", [4, 8])
        candidates = {f"k{size}": lambda: nn.Conv2d(width, width, size) for size in (1, 3)}  # noqa: B023
        return nn.Sequential(nn.Conv2d(1, width, 1), choose("a", candidates))

    with pytest.warns(EqualCandidates, match="candidates 'k1', 'k3' of choice 'a' are the same"):
        SearchSpace(by_a_loop)


def test_candidates_with_choices_of_their_own_differ() -> None:
    def nested(choose: Choose) -> nn.Module:
        def wide(name: str) -> nn.Module:
            return nn.Conv2d(1, choose(name, [4, 8]), 1)

        return choose("a", {"one": lambda: wide("first"), "other": lambda: wide("second")})

    SearchSpace(nested)
