import json
from pathlib import Path

import pytest
from tests.tiny import tiny_space

from radars.engine.search_config import CostsConfig
from radars.planning.cost_report import cost_report


def test_sums_are_held_against_whole_networks() -> None:
    report = cost_report(tiny_space(), (1, 8, 8), CostsConfig(seconds=0.005), "cpu")
    assert report.names == ("macs", "parameters", "memory", "latency_ms")
    assert [row.label for row in report.rows][:2] == ["smallest", "largest"]
    smallest, largest = report.rows[:2]
    for row in report.rows:
        for name in ("macs", "parameters", "memory"):
            assert row.by_sum[name] == row.whole[name] > 0
        assert row.whole["latency_ms"] > 0
        assert smallest.whole["macs"] <= row.whole["macs"] <= largest.whole["macs"]
    printed = json.loads(json.dumps(report.to_dict()))
    assert printed["largest_error"]["macs"] == 0
    assert (printed["batch_size"], printed["threads"]) == (1, 1)
    latency = printed["architectures"][1]["latency_ms"]
    assert (1 + latency["error"]) * latency["whole"] == pytest.approx(latency["sum"])


def test_with_a_table_of_another_device_there_is_no_whole_network(tmp_path: Path) -> None:
    rows = [
        {"candidate": name, "input_shape": shape, "milliseconds": 1.0}
        for name in ("none", "conv3", "mb2")
        for shape in ("4x8x8", "8x4x4")
    ]
    (tmp_path / "phone.json").write_text(json.dumps(rows))
    config = CostsConfig(latency_table=str(tmp_path / "phone.json"))
    assert cost_report(tiny_space(), (1, 8, 8), config, "cpu").names[-1] == "memory"
