"""What every method does with choices of values, and with choices inside others."""

from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import torch
from tests.conformance.test_conformance import Run, watched_peaks
from tests.tiny import InterruptAt, quick_config, sized_space, tiny_data, within

from radars.cost import Constraint, CostTable, Feasible, count_macs, count_parameters
from radars.engine import SearchConfig, SearchResult
from radars.engine.given import Given
from radars.engine.problem import SearchProblem
from radars.engine.run import run_search
from radars.errors import ConfigError, Stopped
from radars.registries import METHODS
from radars.space import Architecture, building

SPACE, DATA = sized_space(), tiny_data()
SEARCHES = [name for name in sorted(METHODS.names()) if not METHODS.get(name).needs_mixtures]
MIXES = sorted({*METHODS.names()} - {*SEARCHES})
OFTEN = ("radars", "evolution")  # one that shares weights, one that does not; the others are slow


def search(config: SearchConfig, **options: Any) -> SearchResult:
    return run_search(config, Given(space=SPACE, data=DATA), **options)


@cache
def limits() -> tuple[Constraint, ...]:
    """Half of what the largest needs."""
    table = CostTable.of(SPACE)
    costs = [table.cost(architecture) for architecture in every_architecture()]
    macs, parameters = max(c.macs for c in costs), max(c.parameters for c in costs)
    return Constraint("macs", macs / 2), Constraint("parameters", parameters / 2)


@cache
def every_architecture() -> tuple[Architecture, ...]:
    def from_(taken: dict[str, Any], index: int) -> Iterator[Architecture]:
        if index == len(SPACE.choices):
            yield Architecture(taken)
            return
        choice = SPACE.choices[index]
        if not SPACE.conditions.is_made(choice.name, taken):
            yield from from_(taken, index + 1)
            return
        for candidate in choice.candidates:
            yield from from_({**taken, choice.name: candidate}, index + 1)

    return tuple(from_({}, 0))


@pytest.mark.parametrize(
    "method",
    [
        pytest.param(method, marks=[] if method in OFTEN else [pytest.mark.slow])
        for method in SEARCHES
    ],
)
def test_a_search_keeps_the_bounds_and_its_seed_however_often_it_is_interrupted(
    method: str, tmp_path: Path
) -> None:
    config = quick_config(method, constraints=limits())
    with watched_peaks() as peaks:
        whole = Run(search(config, out=tmp_path / "whole"), tmp_path / "whole", peaks, [])
    found = whole.result.architecture
    assert found in every_architecture()
    with building(torch.device("meta")):
        network = SPACE.build(found)
    assert whole.result.parameters == count_parameters(network) <= limits()[1].limit
    assert whole.result.macs == count_macs(network, (1, 1, 8, 8)) <= limits()[0].limit
    assert max(peaks) == whole.result.predicted_peak_bytes == whole.result.measured_peak_bytes

    progress = InterruptAt(*((3, 9, 16, 25, 36) if method == "radars" else (3, 15)))
    num_sittings = 0
    while True:
        torch.rand(1)
        try:
            parts = search(
                config, out=tmp_path / "parts", resume=num_sittings > 0, progress=progress
            )
            break
        except Stopped:
            num_sittings += 1
    assert num_sittings >= 1
    whole.assert_same(parts, tmp_path / "parts")


@pytest.mark.parametrize("method", MIXES)
def test_a_method_that_mixes_candidates_says_that_it_cannot(method: str) -> None:
    with pytest.raises(ConfigError, match=f"{method} mixes.*use --method radars"):
        SearchProblem.of(quick_config(method), Given(space=SPACE, data=DATA))


def test_the_architectures_are_those_that_a_trace_makes() -> None:
    assert len(every_architecture()) == SPACE.num_architectures == 80
    for architecture in every_architecture():
        assert SPACE.architecture(architecture) == architecture
        SPACE.build(architecture)


def test_bounds_are_exact() -> None:
    table = CostTable.of(SPACE)
    allowed = [
        a for a in every_architecture() if all(within(limit, table.cost(a)) for limit in limits())
    ]
    feasible = Feasible(table, limits(), SPACE.full, SPACE.rules, SPACE.conditions)
    assert {*feasible.best({}, SPACE.full, 1000)} == {*allowed}
