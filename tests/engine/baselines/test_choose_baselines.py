import pytest
from tests.tiny import quick_config, sized_space, tiny_data, tiny_space

from radars.cost import Constraint
from radars.engine.baselines.choose_baselines import choose_baselines
from radars.engine.context import SearchContext
from radars.engine.given import Given
from radars.engine.problem import SearchProblem
from radars.space import Architecture, SearchSpace

FOUND = Architecture({"a": "mb2", "b": "none", "c": "mb2"})


def context(space: SearchSpace, **settings: object) -> SearchContext:
    given = Given(space=space, data=tiny_data())
    return SearchContext.of(SearchProblem.of(quick_config("random", **settings), given))


def test_they_are_what_they_are_called_and_all_are_allowed() -> None:
    table = context(tiny_space()).problem.costs
    limit = 25_000.0
    bounded = context(tiny_space(), constraints=[Constraint("macs", limit)], budget=160_000)
    counts = {"largest": 1, "smallest": 1, "random": 4}
    named = choose_baselines(bounded, FOUND, counts)
    assert [name for name, _ in named] == [
        *("found", "largest", "smallest"),
        *(f"random {number}" for number in (1, 2, 3, 4)),
    ]
    macs = {name: table.cost(known).macs for name, known in named}
    assert max(macs.values()) == macs["largest"] <= limit
    assert min(macs.values()) == macs["smallest"]
    assert all(bounded.sampler.allows(known) for _, known in named)
    drawn = {bounded.sampler.fingerprint(known) for name, known in named if "random" in name}
    assert len(drawn) == 4
    assert bounded.sampler.fingerprint(FOUND) not in drawn
    assert named == choose_baselines(bounded, FOUND, counts)  # whoever asks, and how often


def test_there_are_no_more_draws_than_networks_that_differ() -> None:
    table = context(tiny_space()).problem.costs
    few = Constraint("macs", table.cost({"a": "none", "b": "none", "c": "none"}).macs + 1.0)
    only = Architecture(dict.fromkeys("abc", "none"))
    bounded = context(tiny_space(), constraints=[few])
    assert choose_baselines(bounded, only, {"random": 3}) == [("found", only)]


def test_a_space_of_values_has_them_too() -> None:
    sized = context(sized_space())
    found = sized.problem.planner.smallest_path()
    named = dict(choose_baselines(sized, found, {"largest": 1, "smallest": 1}))
    assert named["largest"]["first"] == 4
    assert named["largest"]["second"] == 8
    assert named["smallest"]["first"] == 2
    assert sized.problem.costs.cost(named["smallest"]).macs == pytest.approx(
        min(sized.problem.costs.cost(known).macs for known in named.values())
    )
