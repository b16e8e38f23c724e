import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from tests.tiny import quick_config, tiny_data, tiny_space

from radars.errors import BudgetError
from radars.report import Run, read_directory, report_page
from radars.report.facts import facts_table, headline, notice
from radars.search import run_search

ARCHITECTURE = {"a": "skip", "b": "conv"}


@pytest.mark.parametrize(
    ("result", "said", "is_found"),
    [
        ({"status": "completed"}, None, True),
        ({"status": "exceeded_time"}, "Status: exceeded time. The network is the best", True),
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
    assert isinstance(run, Run)
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
        run_search(config, space=tiny_space(), data=tiny_data(), out=tmp_path / "run")
    run = read_directory(tmp_path / "run")
    assert isinstance(run, Run)
    facts = {row[0]: row[1] for row in facts_table([run]).rows}
    assert facts["status"] == "exceeded memory"
    assert "measured peak" not in facts
    assert caught.value.needed_bytes is not None
    assert dict(headline(run))["memory needed"] == facts["memory needed"]
    assert "Status: exceeded memory" in report_page([run])
