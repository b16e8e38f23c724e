from dataclasses import replace

import pytest
from tests.tiny import zoo_space

from radars.engine import search_time
from radars.engine.problem import new_planner
from radars.engine.search_config import SearchConfig
from radars.memory import Plan
from radars.planning.plan_report import PlanReport, plan_for
from radars.planning.plan_summary import plan_summary
from radars.planning.time_estimate import expected_seconds
from radars.registries import METHODS
from radars.space import SearchSpace

SHAPE = (1, 8, 8)


def digits() -> SearchSpace:
    """Made when a test asks for it, and then once."""
    return zoo_space("digits")


@pytest.fixture(scope="module")
def plan() -> Plan:
    return new_planner(digits(), SearchConfig(budget="1GiB"), SHAPE).plan()


@pytest.fixture(scope="module")
def report() -> PlanReport:
    return plan_for("digits", None, 16, "1GiB")


def test_a_plan_says_how_long_a_search_takes_here(report: PlanReport) -> None:
    assert report.expected_seconds is not None
    assert report.expected_seconds > 0
    assert "a search takes about" in plan_summary(report)
    assert report.to_dict()["expected_seconds"] == report.expected_seconds


def test_a_plan_says_that_baselines_are_in_its_time(report: PlanReport) -> None:
    said = replace(report, expected_seconds=90.0, baseline_steps=2000)
    assert "about 1 min 30 s on this machine, 2,000 steps of baselines among it;" in plan_summary(
        said
    )
    assert "baselines" not in plan_summary(report)


def test_the_examples_that_are_made_up_are_nobodys_to_mend(
    caplog: pytest.LogCaptureFixture,
) -> None:
    plan_for("digits", None, 4, "1GiB", ["space_options.num_classes=1000"])
    assert not caplog.records


@pytest.mark.parametrize("name", METHODS.names())
def test_every_method_says_how_much_it_trains(name: str) -> None:
    work = METHODS.get(name).planned_work(SearchConfig(method=name), digits().full)
    assert work.path_steps + work.supernet_steps > 0


def test_nothing_is_said_of_what_cannot_be_known(
    monkeypatch: pytest.MonkeyPatch, plan: Plan
) -> None:
    monkeypatch.setattr(search_time, "usable_memory_bytes", lambda: 1_000_000)
    assert expected_seconds(digits(), SearchConfig(), SHAPE, plan) is None
    monkeypatch.undo()
    monkeypatch.setattr(METHODS.get("random"), "planned_work", lambda config, full: None)
    assert expected_seconds(digits(), SearchConfig(method="random"), SHAPE, plan) is None
    assert plan_for("digits", None, 16, "1GiB", ["device=cuda"]).expected_seconds is None
