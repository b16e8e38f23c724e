"""Runs of earlier versions, in `tests/old_runs`: a report of them says what it said then."""

from pathlib import Path

from radars.reporting import RunRecord, read_directory
from radars.reporting.facts import finalists_table
from radars.reporting.page import sections
from radars.reporting.run_plots import entropy_plot
from radars.runs.event_schema import PlannedEvent, SelectionEvent

OLD_RUN = Path(__file__).parents[1] / "old_runs" / "search"
"""Of version 0.1.0.dev0, which said rung, contenders, standings and levers; most progress cut."""


def test_a_search_of_the_first_version_is_read() -> None:
    run = read_directory(OLD_RUN)
    assert isinstance(run, RunRecord)
    assert {event.savings for event in run.all(PlannedEvent)} == {("prune",)}
    begun, *ended = [event for event in run.all(SelectionEvent) if event.halving_round == 0]
    assert len(begun.finalists) > 1
    assert all(len(event.accuracies) == len(event.finalists) for event in ended)
    table = finalists_table(run)
    assert table is not None
    assert table.rows[0][0] == " · ".join(run.architecture.values())
    assert table.rows[0][-1].endswith("%")
    assert entropy_plot(run) is not None


def test_its_report_has_every_section() -> None:
    run = read_directory(OLD_RUN)
    keys = {section.key for section in sections([run])}
    assert keys == {"network", "pruning", "preferences", "accuracy", "memory", "details"}
