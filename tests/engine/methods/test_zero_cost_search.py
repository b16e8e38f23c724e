from typing import Any

import pytest
from tests.tiny import quick_config, tiny_data, tiny_space

from radars.cost import CostTable
from radars.engine.given import Given
from radars.engine.methods.zero_cost_search import mean_ranks
from radars.engine.run import run_search
from radars.engine.search_config import SearchConfig
from radars.engine.search_result import SearchResult
from radars.errors import ConfigError
from radars.runs.event_schema import ChildEvent, Event, SelectionEvent
from radars.settings import validate_settings
from radars.space import Architecture

SPACE, DATA = tiny_space(), tiny_data()
TABLE = CostTable.of(SPACE)


def search(**settings: Any) -> tuple[SearchResult, list[Event]]:
    events: list[Event] = []
    config = quick_config("zero_cost", **settings)
    return run_search(config, Given(space=SPACE, data=DATA), on_event=events.append), events


def test_the_mean_of_ranks_counts_whatever_the_scale() -> None:
    said = [{"a": 1e6, "b": 0.1}, {"a": 2e6, "b": 0.0}, {"a": 3e6, "b": 0.3}, {"a": 0.0, "b": 0.0}]
    assert mean_ranks(said) == [2.5, 2.75, 1.0, 3.75]


def test_the_best_few_are_trained_and_the_best_of_them_is_returned() -> None:
    settings = {"number": 16, "rankers": ("size", "regions"), "finalists": 3}
    result, events = search(zero_cost=settings)
    [selection] = [event for event in events if isinstance(event, SelectionEvent)]
    children = [event for event in events if isinstance(event, ChildEvent)]
    assert len(children) == len(selection.finalists) == 3
    assert set(selection.ranker_scores) == {"size", "regions"}
    best = max(children, key=lambda child: child.accuracy or 0.0)
    assert result.architecture == Architecture(best.architecture)
    assert result.validation_accuracy == best.accuracy


def test_those_of_the_best_score_are_taken_each_network_once() -> None:
    settings = {"number": 200, "rankers": ("size",), "finalists": 27}
    _, events = search(children={"steps": 1}, zero_cost=settings)
    macs = [
        TABLE.cost(event.architecture).macs for event in events if isinstance(event, ChildEvent)
    ]
    assert macs == sorted(macs, reverse=True)
    assert 3 < len(macs) < 27  # some build the same network


def test_what_was_ranked_counts_where_time_is_up_before_a_training() -> None:
    result, _ = search(max_minutes=1e-9, zero_cost={"rankers": ("size",), "number": 4})
    assert result.status == "exceeded_time"
    assert result.validation_accuracy is None


def test_a_ranker_that_is_named_twice_or_is_none_is_refused() -> None:
    for rankers, said in (
        (["size", "size"], "each ranker is named once, but got size, size"),
        (["sise"], "a ranker is one of .* did you mean 'size'"),
        ([], "zero_cost.rankers"),
    ):
        with pytest.raises(ConfigError, match=said):
            validate_settings(SearchConfig, {"zero_cost": {"rankers": rankers}})
