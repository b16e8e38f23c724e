from dataclasses import replace
from functools import cache
from pathlib import Path

import pytest

from radars.engine.problem import SearchProblem
from radars.engine.search_config import SearchConfig
from radars.errors import BudgetError, SpaceError
from radars.planning.plan_report import PlanReport, plan_for
from radars.planning.plan_summary import plan_summary

MEMORY_ALONE = ["differentiate.max_cost_ratio=null"]


@pytest.fixture(autouse=True)
def no_steps(monkeypatch: pytest.MonkeyPatch) -> None:
    """Leaves out the steps that are run to see how long they take: see `test_time_estimate.py`."""
    monkeypatch.setattr("radars.planning.plan_report.expected_seconds", lambda *of: None)


@cache
def digits(budget: str, *settings: str, input_text: str | None = None) -> PlanReport:
    """Of batches of 16, made once for all tests that look at it."""
    return plan_for("digits", input_text, 16, budget, settings)


def test_a_report_where_nothing_needs_to_be_done() -> None:
    report = digits("1GiB", *MEMORY_ALONE)
    assert report.plan is not None
    assert report.plan.measures == ()
    assert report.to_dict()["plan"]["live_candidates"] == 20
    assert report.smallest_path_bytes < report.largest_path_bytes < report.full_supernet_bytes
    assert "20 of 20 candidates live, as it is" in plan_summary(report)


def test_a_gpu_that_is_planned_for_need_not_be_there() -> None:
    """Every tensor then takes whole blocks of its allocator, so small ones take more."""
    here = digits("1GiB", "device=cpu")
    there = digits("1GiB", "device=cuda:1")
    assert (here.device, there.device) == ("cpu", "cuda")
    assert there.full_supernet_bytes % 512 == 0
    assert there.plan is not None
    floor_bytes = there.plan.memory.breakdown.workspaces
    assert floor_bytes > 0  # what its libraries hold by themselves
    of_tensors = there.full_supernet_bytes - floor_bytes
    assert here.full_supernet_bytes < of_tensors < 1.3 * here.full_supernet_bytes
    assert "batches of 16 on cuda, budget" in plan_summary(there)
    assert "batches of 16, budget" in plan_summary(here)
    assert there.to_dict()["device"] == "cuda"


def test_what_the_allocator_of_a_gpu_reserves_is_said_beside_what_tensors_hold() -> None:
    here = digits("1GiB", "device=cpu")
    assert here.to_dict()["reserved"] is None
    assert "reserves" not in plan_summary(here)
    there = digits("1GiB", "device=cuda:1")
    assert there.plan is not None
    assert there.reserved is not None
    reserved = there.to_dict()["reserved"]
    assert reserved["plan_bytes"] == there.reserved.plan_bytes
    assert reserved["plan_bytes"] > there.plan.memory.peak_bytes
    assert there.smallest_path_bytes < reserved["smallest_path_bytes"]
    assert there.largest_path_bytes < reserved["largest_path_bytes"] <= reserved["plan_bytes"]
    assert reserved["plan_bytes"] % (2 * 1024**2) == 0
    assert not reserved["is_budgeted"]
    assert "what the allocator reserves" in plan_summary(there)
    refused = digits("10KiB", "device=cuda:1")
    assert refused.to_dict()["reserved"]["plan_bytes"] is None


def test_under_a_hard_cap_the_verdict_is_on_what_is_reserved() -> None:
    report = digits("1GiB", "device=cuda:1", "hard_cap=true")
    assert report.reserved is not None
    assert report.reserved.is_budgeted
    capped = replace(report, budget_bytes=report.largest_path_bytes)  # enough for tensors alone
    held = replace(capped, reserved=replace(report.reserved, is_budgeted=False))
    of_paths = [plan_summary(each).partition("all savings")[0] for each in (capped, held)]
    assert ["x the budget" in text for text in of_paths] == [True, False]


def test_a_report_where_candidates_are_pruned() -> None:
    report = digits("1200KiB")
    assert report.plan is not None
    assert "prune" in report.plan.measures
    assert report.plan.memory.peak_bytes <= 1200 * 1024
    assert "prune" in plan_summary(report)


def test_a_report_says_which_steps_need_less() -> None:
    report = digits("2000KiB", *MEMORY_ALONE)
    assert report.plan is not None
    assert report.plan.lighter is not None
    kind, savings = report.plan.lighter
    assert f"{kind.value} steps need less: {' and '.join(savings.names)}" in plan_summary(report)
    assert report.to_dict()["plan"]["lighter"] == {"step": kind, "levers": list(savings.names)}
    roomy = digits("1GiB", *MEMORY_ALONE)
    assert "steps need less" not in plan_summary(roomy)
    assert roomy.to_dict()["plan"]["lighter"] is None


def test_a_report_where_nothing_fits() -> None:
    report = digits("10KiB")
    assert isinstance(report.problem, BudgetError)
    assert report.to_dict()["plan"] == {"fits": False, "total_candidates": 20}
    assert "no plan fits" in plan_summary(report)


def test_the_input_decides_the_channels_and_the_memory() -> None:
    small = digits("1GiB", *MEMORY_ALONE, input_text="1x8x8")
    large = digits("1GiB", *MEMORY_ALONE, input_text="3x16x16")
    assert large.largest_path_bytes > 2 * small.largest_path_bytes


def test_settings_of_a_search_are_taken() -> None:
    sgd, adam, wide = (
        digits("1GiB", *MEMORY_ALONE, *changed)
        for changed in ((), ("optimizer.name=adamw",), ("space_options.width=32",))
    )
    assert sgd.largest_path_bytes < adam.largest_path_bytes < wide.largest_path_bytes


def test_a_plan_takes_the_configuration_of_a_search_and_says_what_is_trained(
    tmp_path: Path,
) -> None:
    file = tmp_path / "config.yaml"
    file.write_text(
        "{space: nasbench-macro, proxy_options: {width: 4}, budget: 40MiB,"
        " data: {batch_size: 16}, differentiate: {max_cost_ratio: 0.8}}"
    )
    report = plan_for(None, config_file=file)
    assert (report.space, report.batch_size, report.budget_bytes) == (
        "nasbench-macro",
        16,
        40 << 20,
    )
    assert report.plan is not None
    assert report.cost_ratio is not None
    assert report.cost_ratio <= 0.8
    assert "nasbench-macro, trained with width=4: 6,561 arch" in plan_summary(report)
    assert "at most 0.8x for time" in plan_summary(report)
    other = plan_for("digits", None, 8, config_file=file)
    assert (other.space, other.batch_size, other.budget_bytes) == ("digits", 8, 40 << 20)


def test_a_plan_is_that_of_a_search_with_the_same_options() -> None:
    """The recipe's budget and batch, and its limit on time."""
    report, config = plan_for("digits"), SearchConfig()
    assert (report.budget_bytes, report.batch_size) == (config.budget, config.data.batch_size)
    assert report.plan is not None
    assert report.plan.is_pruned
    assert report.cost_ratio is not None
    assert report.cost_ratio <= 2.0
    assert report.to_dict()["plan"]["cost_ratio"] == pytest.approx(report.cost_ratio, abs=1e-3)
    planner = SearchProblem.of(config).planner
    assert report.plan.memory == planner.plan().memory
    said = plan_summary(report)
    assert "multiply-accumulates of the largest architecture, at most 2x for time" in said
    assert "by default, a search" not in said


def test_a_plan_says_where_a_search_differs_that_is_told_nothing() -> None:
    said = plan_summary(digits("1GiB", *MEMORY_ALONE, input_text="1x16x16"))
    assert said.splitlines()[-1] == (
        "by default, a search has a budget of 16.0 MiB (here --budget); batches of 64 "
        "(here --set data.batch_size=16); examples of 1x8x8 (here --set data.image_size=16)"
    )
    assert "x the multiply-accumulates of the largest architecture\n" in said


def test_images_are_as_large_as_a_search_makes_them() -> None:
    whole = digits("1GiB", *MEMORY_ALONE, input_text="1x16x16")
    resized = digits("1GiB", *MEMORY_ALONE, "data.image_size=16")
    assert whole.largest_path_bytes == resized.largest_path_bytes


def test_a_space_without_a_shape_asks_for_one(tmp_path, monkeypatch) -> None:  # type: ignore[no-untyped-def]
    monkeypatch.chdir(tmp_path)
    (tmp_path / "mine.py").write_text(
        "from torch import nn\n"
        "def net(choose):\n"
        "    other = lambda: nn.Linear(4, 10, bias=False)\n"
        "    return choose('a', {'x': lambda: nn.Linear(4, 10), 'y': other})\n"
    )
    with pytest.raises(SpaceError, match="--input"):
        plan_for("mine.py:net", None, 4, "1GiB")
    assert plan_for("mine.py:net", "4", 4, "1GiB").total_candidates == 2
