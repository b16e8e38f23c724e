from typing import Any

import pytest

from radars.engine.baselines.baseline_table import BaselineRow, BaselineTable, noise_of


def row(name: str, **given: Any) -> BaselineRow:
    return BaselineRow(
        name=name,
        architecture={"a": "conv", "width": 24},
        **{"accuracy": 0.9, "macs": 2_000_000, "parameters": 3000} | given,
        predicted_peak_bytes=2**20,
        measured_peak_bytes=2**20,
    )


def table(*rows: BaselineRow) -> BaselineTable:
    return BaselineTable(400, 1000, is_proxy=False, rows=(row("found"), *rows), seconds=90.0)


def against(name: str, standing: str, lead: float, accuracy: float = 0.8) -> BaselineRow:
    return row(name, standing=standing, lead=lead, noise=0.03, accuracy=accuracy)


def test_a_line_says_whether_what_was_found_is_ahead() -> None:
    known = table(
        against("largest", "within noise", -0.01),
        against("smallest", "ahead", 0.2),
        against("random 1", "ahead", 0.1, 0.80),
        against("random 2", "ahead", 0.05, 0.85),
    )
    assert known.verdict == (
        "what was found is ahead of smallest (+20.0 ± 3.0 points) and random (best of 2, +5.0 ± "
        "3.0 points); within noise of largest (-1.0 ± 3.0 points)"
    )
    behind = table(against("largest", "behind", -0.05))
    assert behind.verdict == "what was found is behind largest (-5.0 ± 3.0 points)"
    same = table(against("largest", "the same network", 0.0))
    assert same.verdict == "what was found is the same network as largest"


def test_people_see_accuracy_size_and_memory_of_each() -> None:
    lines = table(against("largest", "within noise", -0.01)).lines()
    assert lines[0].startswith("trained alike, 400 steps from scratch each, in 1 min 30 s:")
    assert lines[1].split() == ["found", "90.00%", "2.0M", "3.0k", "1.0", "MiB"]
    assert lines[2].split()[0] == "largest"
    assert lines[-2] == table(against("largest", "within noise", -0.01)).verdict
    assert "± is noise: two standard errors on 1,000 examples" in lines[-1]


def test_what_is_read_again_is_the_same() -> None:
    known = table(against("random 1", "ahead", 0.1))
    value = known.to_dict()
    assert value["verdict"] == known.verdict
    assert BaselineTable.from_dict(value) == known
    with pytest.raises(ValueError, match="accuracy"):
        BaselineTable.from_dict(value | {"rows": [value["rows"][0] | {"accuracy": "high"}]})


def test_noise_is_two_standard_errors_of_a_difference() -> None:
    # of 100 answers that are right with 1 in 2, one part has a standard error of 0.05
    assert noise_of(0.5, 0.5, 100) == pytest.approx(2 * 0.05 * 2**0.5)
    assert noise_of(0.4, 0.6, 400) == pytest.approx(noise_of(0.5, 0.5, 100) / 2)
    assert noise_of(1.0, 1.0, 100) == 0.0
