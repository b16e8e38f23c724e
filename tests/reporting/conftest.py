import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from tests.tiny import quick_config, tiny_data, tiny_space

from radars.comparison.rows import Row
from radars.engine.given import Given
from radars.engine.run import run_search

HOSTILE = "<script>alert(1)</script>"


@pytest.fixture(scope="session")
def run_path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A real search, and the front that one with two objectives would write beside it."""
    out = tmp_path_factory.mktemp("report") / "run"
    result = run_search(quick_config(), Given(space=tiny_space(), data=tiny_data()), out=out)
    points = [
        {"architecture": dict(result.architecture), "accuracy": 0.5 + 0.1 * i, "macs": 100 * i}
        | {"on_front": i > 0}
        for i in range(3)
    ]
    pareto = {"schema": 1, "objectives": ["accuracy", "macs"], "points": points}
    (out / "pareto.json").write_text(json.dumps(pareto))
    return out


def row(method: str, seed: int, needed_bytes: int | None = None, **changes: Any) -> Row:
    values: dict[str, Any] = dict.fromkeys(Row.__dataclass_fields__)
    values |= {"setting": HOSTILE, "method": method, "seed": seed, "status": "completed"}
    values |= {"test_accuracy": 0.9 + seed / 100, "search_seconds": 10.0, "budget_bytes": 2**20}
    values |= {"measured_peak_bytes": 0 if needed_bytes else 2**19, "needed_bytes": needed_bytes}
    values |= {"date": "2026-11-26", "environment": {"device": "cpu"}}
    return Row(**values | changes)


@pytest.fixture
def written_run(tmp_path: Path) -> Callable[..., Path]:
    """Writes a run directory by hand."""

    def write(*events: dict[str, Any], architecture: dict[str, str] | None = None) -> Path:
        out = tmp_path / "run"
        out.mkdir()
        (out / "config.yaml").write_text("space: x\nbudget: 1048576\n")
        (out / "events.jsonl").write_text("".join(json.dumps(e) + "\n" for e in events))
        if architecture is not None:
            (out / "architecture.json").write_text(json.dumps(architecture))
        return out

    return write
