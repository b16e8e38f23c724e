"""Costs where choices are of values: sums of what a few choices add together."""

import math
from collections.abc import Iterator, Mapping
from itertools import islice
from typing import Any

import pytest
import torch
from tests.tiny import sized_space
from torch import nn

from radars.cost import (
    Constraint,
    CostTable,
    Feasible,
    PriceRequest,
    count_macs,
    count_parameters,
    extremes,
    learn_terms,
)
from radars.cost.cheapest import cheapest
from radars.cost.expected import expected_cost
from radars.errors import ConfigError, SpaceError
from radars.memory import inference_bytes, inference_memory
from radars.registries import COSTS
from radars.space import Architecture, Choose, SearchSpace, building

SPACE = sized_space()


def every(taken: Mapping[str, Any], index: int = 0) -> Iterator[Architecture]:
    if index == len(SPACE.choices):
        yield Architecture(taken)
        return
    choice = SPACE.choices[index]
    made = SPACE.conditions.is_made(choice.name, taken)
    for extra in [{choice.name: c} for c in choice.candidates] if made else [{}]:
        yield from every({**taken, **extra}, index + 1)


ALL = list(every({}))


def test_sums_are_those_of_whole_networks() -> None:
    table = CostTable.of(SPACE)
    for architecture in ALL:
        with building(torch.device("meta")):
            network = SPACE.build(architecture)
        cost = table.cost(architecture)
        assert cost.parameters == count_parameters(network)
        assert cost.macs == count_macs(network, (1, 1, 8, 8))
        assert cost.macs == table.metric("macs").of(architecture)
        shares = [table.cost_of_choice(choice, architecture).macs for choice in architecture]
        assert 0 < sum(shares) <= cost.macs + len(shares)


def test_the_extremes_have_the_fewest_and_the_most_multiply_accumulates() -> None:
    metric = CostTable.of(SPACE).metric("macs")
    macs = [metric.of(architecture) for architecture in ALL]
    assert [metric.of(end) for end in extremes(SPACE, (1, 8, 8))] == [min(macs), max(macs)]
    feasible = Feasible(CostTable.of(SPACE), [], SPACE.full, (), SPACE.conditions)
    ranked = islice(feasible.most_of(metric.sums[0], SPACE.full), 5)
    assert [metric.of(known) for known in ranked] == sorted(macs, reverse=True)[:5]


@pytest.mark.parametrize("fraction", [0.3, 0.6])
def test_draws_and_the_best_are_within_bounds(fraction: float) -> None:
    table = CostTable.of(SPACE)
    macs = [table.cost(architecture).macs for architecture in ALL]
    limit = Constraint("macs", min(macs) + fraction * (max(macs) - min(macs)))
    feasible = Feasible(table, [limit], SPACE.full, (), SPACE.conditions)
    allowed = [a for a, own in zip(ALL, macs, strict=True) if own <= limit.limit]
    generator = torch.Generator().manual_seed(0)

    def pick(choice: str, names: tuple[Any, ...]) -> Any:
        return feasible.pick_uniformly(choice, names, generator)

    drawn = {feasible.sample(SPACE.full, pick, generator)[0] for _ in range(40)}
    assert drawn <= {*allowed}
    assert len(drawn) > 5
    scores = {
        choice: {name: math.sin(7 * index + len(choice)) for index, name in enumerate(names)}
        for choice, names in SPACE.full.items()
    }

    def score(architecture: Mapping[str, Any]) -> float:
        return sum(scores[choice][name] for choice, name in architecture.items())

    best = [score(architecture) for architecture in feasible.best(scores, SPACE.full, 6)]
    assert best == pytest.approx(sorted(map(score, allowed), reverse=True)[:6])
    found = cheapest(table.metric("macs"), SPACE.full, conditions=SPACE.conditions)
    assert found is not None
    assert table.cost(found).macs == min(macs)


def test_a_bound_that_nothing_keeps_is_refused_with_the_least() -> None:
    table = CostTable.of(SPACE)
    least = min(table.cost(architecture).macs for architecture in ALL)
    with pytest.raises(ConfigError, match=f"the least is {least:,}; loosen it"):
        Feasible(table, [Constraint("macs", least - 1)], SPACE.full, (), SPACE.conditions)


def test_the_expected_cost_is_the_mean_over_independent_choices() -> None:
    macs = CostTable.of(SPACE).metric("macs").sums[0]
    generator = torch.Generator().manual_seed(1)
    logits = {
        choice: torch.randn(len(names), generator=generator, dtype=torch.float64).requires_grad_()
        for choice, names in SPACE.full.items()
    }
    probabilities = {choice: logit.softmax(-1) for choice, logit in logits.items()}
    expected = expected_cost(macs, probabilities, SPACE.full, SPACE.conditions)
    total = torch.zeros((), dtype=torch.float64)
    for architecture in ALL:
        likely = torch.ones((), dtype=torch.float64)
        for choice, name in architecture.items():
            likely = likely * probabilities[choice][SPACE.full[choice].index(name)]
        total = total + likely * macs.of(architecture)
    torch.testing.assert_close(expected, total)
    gradients = [
        torch.autograd.grad(value, [*logits.values()], retain_graph=True)
        for value in (expected, total)
    ]
    torch.testing.assert_close(*gradients)


def test_inference_memory_is_that_of_the_whole_network_in_the_end() -> None:
    metric = inference_memory(SPACE, (1, 8, 8))
    assert metric.whole is not None
    for architecture in ALL[::20]:
        assert metric.whole(architecture) == inference_bytes(SPACE, architecture, (1, 8, 8))
    smallest, largest = extremes(SPACE, (1, 8, 8))
    assert metric.of(smallest) < metric.of(largest)
    assert metric.of(largest) == pytest.approx(metric.whole(largest))


def test_a_table_of_latencies_is_refused() -> None:
    request = PriceRequest(SPACE, (1, 8, 8), "cpu", latency_table="table.csv")
    with pytest.raises(ConfigError, match=r"no sums of candidates.*leave out the table"):
        COSTS.get("latency_ms").price(request)


def misfits(choose: Choose) -> nn.Module:
    return nn.Sequential(nn.Linear(4, choose("a", [2, 4])), nn.Linear(choose("b", [2, 4]), 2))


def test_choices_that_do_not_fit_each_other_are_named() -> None:
    with pytest.raises(SpaceError, match=r"'a': \d, 'b': \d.* make the choices fit each other"):
        learn_terms(SearchSpace(misfits), (4,))
