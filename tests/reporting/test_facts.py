import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from tests.tiny import quick_config, tiny_data, tiny_space

from radars.engine.given import Given
from radars.engine.run import run_search
from radars.errors import BudgetError, ConfigError
from radars.reporting import RunRecord, read_directory, report_page
from radars.reporting.facts import (
    baselines_table,
    confusion_table,
    environment_table,
    facts_table,
    headline,
    notice,
)
from radars.reporting.run_plots import training_plots

ARCHITECTURE = {"a": "skip", "b": "conv"}


@pytest.mark.parametrize(
    ("result", "said", "is_found"),
    [
        ({"status": "completed"}, None, True),
        ({"status": "exceeded_time"}, "Status: exceeded time. The network is the best", True),
        (
            {"status": "exceeded_time", "validation_accuracy": None},
            "Nothing was scored in the time there was: the network is what the search prefers so "
            "far. Search for longer.",
            True,
        ),
        ({"status": "failed", "reason": "too many steps"}, "Too many steps.", False),
        (
            {"status": "exceeded_memory", "needed_bytes": 2**22, "budget_bytes": 2**20},
            "does not fit the budget of 1.0 MiB, so it did not start and found no network. It "
            "needs 4.0 MiB.",
            False,
        ),
        ({"status": "of a later version"}, "Status: of a later version.", False),
        (None, "it is running, or was stopped", False),
    ],
)
def test_how_a_run_ended_is_said_first(
    result: dict[str, Any] | None,
    said: str | None,
    *,
    is_found: bool,
    written_run: Callable[..., Path],
) -> None:
    out = written_run({"event": "search_started", "space": "x"})
    if result is not None:
        known = {"architecture": ARCHITECTURE, "parameters": 12_000, "macs": 500}
        (out / "result.json").write_text(json.dumps(known | result))
    run = read_directory(out)
    assert isinstance(run, RunRecord)
    told = notice(run)
    assert told is None if said is None else told is not None and said in told
    assert bool(run.architecture) == is_found
    assert ("parameters" in dict(headline(run))) == is_found
    page = report_page([run])
    assert (f'<p class="note">{told}</p>' in page) == (told is not None)
    assert ('<section id="network">' in page) == is_found


def test_a_search_that_did_not_fit_has_a_report(tmp_path: Path) -> None:
    config = quick_config(method="darts", budget=100_000)
    with pytest.raises(BudgetError) as caught:
        run_search(config, Given(space=tiny_space(), data=tiny_data()), out=tmp_path / "run")
    run = read_directory(tmp_path / "run")
    assert isinstance(run, RunRecord)
    facts = {row[0]: row[1] for row in facts_table([run]).rows}
    assert facts["status"] == "exceeded memory"
    assert "measured peak" not in facts
    assert caught.value.needed_bytes is not None
    assert dict(headline(run))["memory needed"] == facts["memory needed"]
    assert "Status: exceeded memory" in report_page([run])


def test_baselines_stand_beside_what_was_found(written_run: Callable[..., Path]) -> None:
    out = written_run({"event": "search_started", "space": "x"}, architecture=ARCHITECTURE)
    sizes = {"macs": 500, "parameters": 12_000}
    peaks = {"predicted_peak_bytes": 2**20, "measured_peak_bytes": 2**20}
    against = {"lead": 0.1, "noise": 0.02, "standing": "ahead"}
    rows = [
        {"name": "found", "architecture": ARCHITECTURE, "accuracy": 0.9},
        {"name": "largest", "architecture": {"a": "conv", "b": 24}, "accuracy": 0.8} | against,
    ]
    table = {
        "steps": 400,
        "num_examples": 1000,
        "is_proxy": True,
        "seconds": 9.0,
        "rows": [row | sizes | peaks for row in rows],
    }
    result = {"status": "completed", "architecture": ARCHITECTURE, "baselines": table}
    (out / "result.json").write_text(json.dumps(result))
    run = read_directory(out)
    assert isinstance(run, RunRecord)
    shown = baselines_table(run)
    assert shown is not None
    assert shown[0] == (
        "What was found is ahead of largest (+10.0 ± 2.0 points). Trained alike, 400 steps from "
        "scratch each, of the narrower network that the search trains, in 9.0 s (± is noise: two "
        "standard errors on 1,000 examples; another seed of the training may change more)."
    )
    assert shown[1].rows[1] == [
        *("largest", "80.00%", "ahead", "500", "12.0k", "1.0 MiB", "conv · 24")
    ]
    page = report_page([run])
    assert '<section id="baselines">' in page
    assert "ahead of largest (+10.0 ± 2.0 points)" in page
    (out / "result.json").write_text(json.dumps(result | {"baselines": {"steps": "many"}}))
    with pytest.raises(ConfigError, match=r"the baselines in .*result\.json"):
        read_directory(out)


def test_a_training_shows_what_was_held_out_and_its_evaluation(
    written_run: Callable[..., Path],
) -> None:
    epochs = [
        {"event": "epoch_ended", "epoch": i, "train_accuracy": 0.5, "validation_accuracy": 0.1 * i}
        for i in (1, 2)
    ]
    out = written_run({"event": "train_started", "time": 0.0}, *epochs, architecture=ARCHITECTURE)
    result = {"status": "completed", "validation_accuracy": 0.2, "best_epoch": 2}
    (out / "result.json").write_text(json.dumps(result))
    evaluation = {"test_accuracy": 0.75, "expected_calibration_error": 0.02}
    names = {"class_names": ["cat", "dog"], "confusion": [[2, 0], [1, 1]]}
    (out / "evaluation.json").write_text(json.dumps(evaluation | names))
    run = read_directory(out)
    assert isinstance(run, RunRecord)
    [accuracy, _] = training_plots(run)
    assert [(one.name, list(one.y)) for one in accuracy.series] == [
        ("held out", [10.0, 20.0]),
        ("training", [50.0, 50.0]),
    ]
    assert "The best epoch, 2, is kept." in accuracy.caption
    assert headline(run)[:3] == [
        ("test accuracy", "75.00%"),
        ("validation accuracy", "20.00%"),
        ("best epoch", "2"),
    ]
    assert ["expected calibration error", "2.00%"] in facts_table([run]).rows
    elsewhere = replace(run, evaluation=run.evaluation | {"source": "./photos"})
    assert headline(elsewhere)[0] == ("test accuracy", "75.00% on ./photos")
    at_home = replace(elsewhere, config=run.config | {"data": {"source": "./photos"}})
    assert headline(at_home)[0] == ("test accuracy", "75.00%")
    table = confusion_table(run)
    assert table is not None
    assert table.rows == [["cat", "2", "·"], ["dog", "1", "1"]]


def test_of_many_classes_what_is_confused_most(written_run: Callable[..., Path]) -> None:
    counts = [[5 if row == column else 0 for column in range(20)] for row in range(20)]
    counts[3][4], counts[7][1] = 2, 3
    out = written_run()
    names = [f"class {index}" for index in range(20)]
    (out / "evaluation.json").write_text(json.dumps({"class_names": names, "confusion": counts}))
    run = read_directory(out)
    assert isinstance(run, RunRecord)
    table = confusion_table(run)
    assert table is not None
    assert table.rows == [["class 7", "class 1", "3"], ["class 3", "class 4", "2"]]


def test_when_a_run_began_is_said(written_run: Callable[..., Path]) -> None:
    start = {"event": "search_started", "time": 1e9, "environment": {"device": "cpu"}}
    run = read_directory(written_run(start))
    assert isinstance(run, RunRecord)
    assert environment_table([run]).rows == [["date", "2001-09-09 01:46 UTC"], ["device", "cpu"]]
