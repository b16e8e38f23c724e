import re
import sys
from dataclasses import replace
from functools import cache
from pathlib import Path

import judge
import numpy as np
import pytest
import verdict
from about import commit_of_here
from judged import CONTENDERS, PROBLEMS, Problem

from radars.comparison.paired import mean_interval
from radars.engine import SearchConfig


def run(monkeypatch: pytest.MonkeyPatch, out: Path, **given: object) -> list[dict[str, object]]:
    options = {"problems": "scarce", "seeds": "0-1", "data": out.parent, "out": out} | given
    arguments = [part for name, value in options.items() for part in (f"--{name}", str(value))]
    monkeypatch.setattr(sys, "argv", ["judge", *arguments])
    judge.main()
    return list(judge.read_rows(out))


def test_a_search_has_a_row_with_what_it_found_and_is_not_run_again(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    out = tmp_path / "judge.jsonl"
    quick = replace(PROBLEMS["scarce"], seconds=60)
    monkeypatch.setattr(judge, "PROBLEMS", {"scarce": quick})
    first, second = run(monkeypatch, out, contenders="largest")
    assert (first["seed"], second["seed"]) == (0, 1)
    assert first["architecture"]
    assert first["better"]
    assert commit_of_here() == first["commit"]
    kept = out.read_text()
    out.write_text(kept + kept[:50])  # one that was cut off
    assert run(monkeypatch, out, contenders="largest") == [first, second]


@pytest.mark.parametrize("problem", PROBLEMS.values(), ids=lambda problem: problem.name)
def test_what_contenders_are_given_are_settings(
    problem: Problem, request: pytest.FixtureRequest
) -> None:
    folder = request.getfixturevalue("data_dir") if problem.name == "cells" else Path()
    problem = replace(problem, own=cache(problem.own))  # it reads the examples
    for contender in CONTENDERS:
        settings = problem.settings(contender, folder)
        batch_size = {"batch_size": settings.pop("batch_size")}
        settings["data"] = settings.pop("data_options", {}) | batch_size
        config = SearchConfig(**settings)
        assert config.children.optimizer == config.select.optimizer


def test_regrets_are_those_of_the_table_and_finding_nothing_is_the_worst(tmp_path: Path) -> None:
    table = PROBLEMS["columns"].table(tmp_path)
    best, worst = max(table, key=table.accuracy), min(table, key=table.accuracy)
    row = {"problem": "columns", "seed": 3}
    regrets = verdict.regrets_of(
        [
            row | {"contender": "good", "architecture": dict(best)},
            row | {"contender": "bad", "architecture": dict(worst)},
            row | {"contender": "none", "status": "exceeded_memory"},
        ],
        tmp_path,
    )["columns"]
    assert regrets["good"] == {3: 0.0}
    assert regrets["none"] == pytest.approx(regrets["bad"])
    assert regrets["bad"][3] > 1


def test_differences_are_paired_and_ranks_are_means_over_seeds() -> None:
    luck = np.random.default_rng(0).normal(size=20)
    mine = {seed: 5 + 10 * float(bump) for seed, bump in enumerate(luck)}
    other = {seed: value + 1 for seed, value in mine.items()}
    paired = verdict.paired_differences(other, mine)
    assert paired == pytest.approx(np.ones(20))
    assert mean_interval(paired) == pytest.approx((1.0, 1.0))
    low, high = mean_interval(np.array(list(mine.values())))
    assert low < np.mean(list(mine.values())) < high
    ranks = verdict.mean_ranks({"mine": mine, "other": other}, ["mine", "other"])
    assert ranks.tolist() == [1.0, 2.0]
    middle, low, high = verdict.stratified([paired, 3 * paired])
    assert (middle, low, high) == pytest.approx((2.0, 2.0, 2.0))


def test_the_tables_show_who_is_best_first() -> None:
    regrets = {
        name: {
            "random": {seed: 4.0 + seed for seed in range(6)},
            "radars": {seed: 1.0 + seed for seed in range(6)},
        }
        for name in ("one", "two")
    }
    lines = verdict.problem_table("one", regrets["one"], "radars").splitlines()
    assert [line.split("|")[1].strip() for line in lines[4:6]] == ["`radars`", "`random`"]
    assert "+3.00 | +3.00 to +3.00" in lines[5]
    overall = verdict.overall_table(regrets, "radars")
    assert "| `radars` | 1.00 |" in overall
    assert "| `random` | 2.00 | +0.46" in overall  # 3 of 6.5


PROTOCOL = Path(judge.__file__).parent / "protocol.md"


@pytest.mark.parametrize("file", re.findall(r"<!-- tables of (\S+) -->", PROTOCOL.read_text()))
def test_the_protocol_shows_what_the_rows_say(file: str, request: pytest.FixtureRequest) -> None:
    [shown] = re.findall(
        rf"<!-- tables of {file} -->.*?<!-- end -->", PROTOCOL.read_text(), re.DOTALL
    )
    data = request.getfixturevalue("data_dir") if "published" in file else Path()
    assert verdict.made(shown, PROTOCOL.parent, data) == shown
    assert "| `radars` |" in shown
