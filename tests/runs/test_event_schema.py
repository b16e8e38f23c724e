import json
import math
from typing import Any

import pytest
from pydantic import BaseModel, ValidationError

from radars.cost import Cost
from radars.runs.event_schema import (
    KINDS,
    ChildEvent,
    Event,
    PlannedEvent,
    ProgressEvent,
    SearchEndedEvent,
    SearchStartedEvent,
    SelectionEvent,
    parse_event,
)
from radars.runs.files import to_json
from radars.space import Flow

EVENTS = [
    ProgressEvent(phase="explore", accuracy=0.5, budget_bytes=10, scalars={"entropy": 0.25}),
    ChildEvent(architecture={"a": "conv"}, accuracy=math.nan),
    SelectionEvent(finalists=({"a": "conv"}, {"a": "skip"}), accuracies=(0.5,)),
    SearchEndedEvent(status="completed", architecture={"a": "conv"}, costs={"a": Cost(3, 4)}),
    SearchStartedEvent(
        candidates={"a": ("conv", "skip")},
        network=Flow({"a": ("",)}, ("a",), {"a": 1}, {"a": (4, 8, 8)}),
    ),
]


@pytest.mark.parametrize("event", EVENTS, ids=lambda event: str(event.kind))
def test_what_is_written_is_read_again(event: Event) -> None:
    assert parse_event(json.loads(to_json(event.to_dict()))) == event


@pytest.mark.parametrize("kind", KINDS.values(), ids=KINDS)
def test_a_line_of_an_older_run_may_lack_every_field(kind: type[Event]) -> None:
    event = parse_event({"event": kind.kind})
    assert type(event) is kind
    assert event.time == 0.0  # not of today


@pytest.mark.parametrize("kind", KINDS.values(), ids=KINDS)
def test_a_line_of_a_newer_run_may_have_more_fields(kind: type[Event]) -> None:
    line = {"event": kind.kind, "time": 1.0, "of a later version": 1}
    assert parse_event(line) == kind(time=1.0)


def test_a_kind_of_a_newer_run_is_left_out() -> None:
    assert parse_event({"event": "of a later version"}) is None


def test_another_type_is_refused() -> None:
    with pytest.raises(ValidationError, match="accuracy"):
        parse_event({"event": "progress", "accuracy": "high"})


def test_names_of_older_versions_are_understood() -> None:
    line: dict[str, Any] = {"event": "selection", "rung": 1, "contenders": [{"a": "conv"}]}
    line |= {"standings": [0.5], "accuracies": [0.25]}  # standings are left out
    selection = parse_event(line)
    assert isinstance(selection, SelectionEvent)
    assert selection.halving_round == 1
    assert selection.finalists == ({"a": "conv"},)
    assert selection.accuracies == (0.25,)
    planned = parse_event({"event": "planned", "levers": ["prune"]})
    assert isinstance(planned, PlannedEvent)
    assert planned.savings == ("prune",)
    progress = parse_event({"event": "progress", "budget_bytes": 8.0, "entropy": 0.5})
    assert isinstance(progress, ProgressEvent)
    assert (progress.budget_bytes, progress.scalars) == (8, {"entropy": 0.5})


def test_an_event_does_not_change() -> None:
    with pytest.raises(ValidationError, match="frozen"):
        EVENTS[0].time = 1.0  # type: ignore[misc]


def test_every_kind_has_a_class_of_its_own() -> None:
    leaves: set[type[BaseModel]] = set()
    pending: list[type[Event]] = [Event]
    while pending:
        kind = pending.pop()
        of_radars = [each for each in kind.__subclasses__() if "radars" in each.__module__]
        pending += of_radars
        if not of_radars:
            leaves.add(kind)
    assert leaves == set(KINDS.values())
