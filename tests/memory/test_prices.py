from dataclasses import replace

import pytest
import torch
from tests.tiny import shared_space, tiny_space, wide_space
from torch import nn

from radars.memory import MemorySavings, TrainingSpec
from radars.memory.prices import Price, held_bytes, training_prices
from radars.nn.optimizer import OptimizerConfig
from radars.space import Choose, SearchSpace

SPEC = TrainingSpec((1, 8, 8), 16)


def test_a_price_that_can_be_counted_by_hand() -> None:
    def network(choose: Choose) -> nn.Module:
        return nn.Sequential(
            nn.Flatten(),
            choose("a", {"linear": lambda: nn.Linear(64, 64), "none": nn.Identity}),
        )

    [(choice, prices)] = training_prices(SearchSpace(network), SPEC)
    weights = 4 * (64 * 64 + 64)
    output = 4 * 16 * 64
    assert choice == "a"
    assert prices["linear"].resident == 2 * weights  # with momentum
    assert prices["linear"].gradients == weights
    assert prices["linear"].saved == output
    assert prices["none"].staying(MemorySavings()) == prices["none"].saved == 0


def test_levers_move_what_is_saved_and_split_it() -> None:
    price = Price(resident=100, saved=60, gradients=10, working=20)
    assert (price.staying(MemorySavings()), price.passing(MemorySavings())) == (170, 20)
    recomputed = MemorySavings(recompute=True)
    assert (price.staying(recomputed), price.passing(recomputed)) == (110, 80)
    split = MemorySavings(micro_batches=4)
    assert (price.staying(split), price.passing(split)) == (125, 5)


@pytest.mark.parametrize(
    ("optimizer", "copies"),
    [
        (OptimizerConfig(), 2),
        (OptimizerConfig(momentum=0.0), 1),
        (OptimizerConfig(name="adamw"), 3),
    ],
    ids=["momentum", "sgd", "adamw"],
)
def test_optimizer_state_is_resident(optimizer: OptimizerConfig, copies: int) -> None:
    prices = dict(training_prices(tiny_space(), TrainingSpec((1, 8, 8), 16, optimizer)))
    conv3 = prices["a"]["conv3"]
    weights, buffers = 4 * (4 * 4 * 9 + 2 * 4), 4 * 2 * 4 + 8
    steps = 3 * 4 if optimizer.name == "adamw" else 0  # a step count per parameter
    assert conv3.resident == copies * weights + buffers + steps
    assert conv3.gradients == weights


def test_activations_grow_with_the_batch_and_weights_do_not() -> None:
    small = dict(training_prices(tiny_space(), SPEC))["a"]["mb2"]
    large = dict(training_prices(tiny_space(), TrainingSpec((1, 8, 8), 32)))["a"]["mb2"]
    assert large.resident == small.resident
    assert large.saved == pytest.approx(2 * small.saved, rel=0.02)
    half = TrainingSpec((1, 8, 8), 32, precision="bf16-mixed")
    assert dict(training_prices(tiny_space(), half))["a"]["mb2"].saved < large.saved


def test_each_place_of_a_choice_has_its_own_prices() -> None:
    places = training_prices(shared_space(), SPEC)
    assert [choice for choice, _ in places] == ["a", "a", "b"]
    first, second = places[0][1]["conv3"], places[1][1]["conv3"]
    assert second.resident > first.resident  # more channels
    assert second.saved < first.saved  # fewer pixels
    assert places[1][1] == places[2][1]
    assert (first + second).resident == first.resident + second.resident


def test_what_splitting_channels_spares_is_traced_where_it_is_asked_for() -> None:
    plain = training_prices(wide_space(), SPEC)
    split = training_prices(wide_space(), SPEC, split_channels=True)
    priced = [(a[name], b[name]) for (_, a), (_, b) in zip(plain, split, strict=True) for name in a]
    assert all(before.spared == 0 for before, _ in priced)
    assert any(after.spared > 0 for _, after in priced)
    assert all(replace(after, spared=0) == before for before, after in priced)
    savings = MemorySavings(recompute=1.0, split_channels=1.0)
    assert all(b.passing(savings) == a.passing(savings) - b.spared for a, b in priced)


def test_prices_leave_randomness_alone() -> None:
    before = torch.get_rng_state()
    training_prices(tiny_space(), SPEC)
    assert torch.equal(torch.get_rng_state(), before)


def test_the_peak_of_a_path_is_where_most_is_held_at_once() -> None:
    early = {"x": Price(resident=1, saved=10, gradients=5, working=100)}
    late = {"x": Price(resident=2, saved=20, gradients=7, working=3)}
    path = {"a": ("x",), "b": ("x",)}
    # at the first place, the gradients of both and what the first saved; not what the second did
    assert held_bytes([("a", early), ("b", late)], path) == 3 + 10 + 12 + 100
    assert held_bytes([("b", late), ("a", early)], path) == 3 + 30 + 5 + 100
    light = {"x": Price(gradients=50)}
    assert held_bytes([("a", light), ("b", light)], path) == 100


def test_candidates_of_a_place_add_up_and_pass_one_at_a_time() -> None:
    place = {"x": Price(1, 10, 5, 100), "y": Price(2, 20, 7, 50), "z": Price(4, 8, 16, 32)}
    live = {"a": ("x", "y")}
    assert held_bytes([("a", place)], live) == 3 + 12 + 30 + 100
    assert held_bytes([("a", place)], live, MemorySavings(recompute=True)) == 3 + 12 + 110
    assert held_bytes([("a", place)], live, MemorySavings(recompute=0.5)) == 3 + 12 + 20 + 110
    assert (
        held_bytes([("a", place)], live, MemorySavings(micro_batches=2)) == 3 + 12 + (30 + 100) / 2
    )
    # the gradients of the first part of a batch are there through the second
    both = held_bytes(
        [("a", place), ("b", place)], live | {"b": ("x",)}, MemorySavings(micro_batches=2)
    )
    assert both == 4 + 17 + (40 + 100) / 2
