import json
from pathlib import Path

import pytest
from tests.tiny import InterruptAt, quick_config, tiny_data, tiny_space

from radars.cost import LatencyRow
from radars.engine.given import Given
from radars.engine.pricing import priced
from radars.engine.run import run_search
from radars.engine.search_config import CostsConfig
from radars.errors import ConfigError, Stopped

SPACE, SHAPE = tiny_space(), (1, 8, 8)


def rows(milliseconds: float) -> list[LatencyRow]:
    return [
        LatencyRow(name, ((1, *shape),), milliseconds * (name != "none"))
        for name in ("none", "conv3", "mb2")
        for shape in ((4, 8, 8), (8, 4, 4))
    ]


def table(path: Path, milliseconds: float) -> str:
    path.write_text(json.dumps([row.to_dict() for row in rows(milliseconds)]))
    return str(path)


def test_only_what_is_asked_for_is_priced() -> None:
    counted = priced(SPACE, SHAPE, {"macs"}, CostsConfig())
    assert (dict(counted.table.priced), counted.measured) == ({}, None)
    assert set(priced(SPACE, SHAPE, {"memory"}, CostsConfig()).table.priced) == {"memory"}


def test_memory_is_of_the_batch_that_is_asked_for() -> None:
    one, four = (
        priced(SPACE, SHAPE, {"memory"}, CostsConfig(batch_size=size)).table.metric("memory")
        for size in (1, 4)
    )
    architecture = dict.fromkeys("abc", "mb2")
    assert one.of(architecture) < four.of(architecture) < 4 * one.of(architecture)


def test_a_search_goes_on_with_what_it_measured() -> None:
    found = priced(SPACE, SHAPE, {"latency_ms"}, CostsConfig(), measured=rows(2.0))
    assert found.measured == tuple(rows(2.0))
    assert found.table.metric("latency_ms").of(dict.fromkeys("abc", "conv3")) == 6.0


def test_a_search_under_a_bound_from_a_table_of_another_device(tmp_path: Path) -> None:
    costs = {"latency_table": table(tmp_path / "phone.json", 2.0)}
    config = quick_config("random", constraints=["latency_ms<=4"], costs=costs, num_rounds=1)
    result = run_search(config, Given(space=SPACE, data=tiny_data()), out=tmp_path / "run")
    assert list(result.architecture.values()).count("none") >= 1
    latency = result.costs["latency_ms"]
    assert latency["sum"] is not None
    assert latency["sum"] <= 4
    assert latency["whole"] is None
    assert not (tmp_path / "run" / "latencies.json").exists()


def test_a_search_is_not_resumed_with_another_table(tmp_path: Path) -> None:
    costs = {"latency_table": table(tmp_path / "phone.json", 2.0)}
    config = quick_config("random", constraints=["latency_ms<=4"], costs=costs, num_rounds=1)
    given, out = Given(space=SPACE, data=tiny_data()), tmp_path / "run"
    with pytest.raises(Stopped):
        run_search(config, given, out=out, progress=InterruptAt(2))
    table(tmp_path / "phone.json", 1.0)
    with pytest.raises(ConfigError, match="same latency table"):
        run_search(None, given, out=out, resume=True)
    table(tmp_path / "phone.json", 2.0)
    assert run_search(None, given, out=out, resume=True).status == "completed"
