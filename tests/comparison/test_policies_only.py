"""Controllers alone, on a table that is made up: accuracy adds up over the layers."""

import json
import re
from itertools import product
from pathlib import Path
from typing import Any

import pytest
from tests.tiny import zoo_space
from typer.testing import CliRunner

from radars.cli.app import app
from radars.comparison.policies_only import Hits, controllers_table, run_controllers
from radars.comparison.published_table import Entry, PublishedTable
from radars.engine.search_config import SearchConfig
from radars.errors import ConfigError
from radars.space import Architecture

WEIGHT = [1.0, 0.9, 0.8, 0.7, 0.6, 0.5, 0.4, 0.3]


@pytest.fixture(scope="module")
def table() -> PublishedTable:
    full, entries = zoo_space("nasbench-macro").full, {}
    for taken in product(range(3), repeat=8):
        value = sum(weight * index for weight, index in zip(WEIGHT, taken, strict=True))
        names = (full[choice][index] for choice, index in zip(full, taken, strict=True))
        architecture = Architecture(dict(zip(full, names, strict=True)))
        entries[architecture] = Entry(0.5 + value / 25, macs=sum(taken))
    return PublishedTable("made-up", "nasbench-macro", entries)


def medians(hits: list[Hits]) -> list[float]:
    def median(samples: Any) -> float:
        return sorted(float("inf") if n is None else n for n in samples)[len(hits) // 2]

    return [median(samples) for samples in zip(*(hit.samples for hit in hits), strict=True)]


def test_what_random_draws_need_is_what_chance_says(table: PublishedTable) -> None:
    hits = run_controllers(table, {"random": SearchConfig()}, range(21))
    best_percent, best_permille = medians(hits)
    assert 30 <= best_percent <= 140  # the median of a geometric distribution: 69
    assert 350 <= best_permille <= 1500  # likewise of 6 in 6,561: 758


@pytest.mark.parametrize("method", ["radars", "reinforce", "enas"])
def test_policies_learn_from_the_table(table: PublishedTable, method: str) -> None:
    hits = run_controllers(table, {method: SearchConfig()}, range(3))
    assert medians(hits)[1] < 400
    assert hits[:1] == run_controllers(table, {method: SearchConfig()}, [0])


def test_only_architectures_within_the_constraints_are_drawn(table: PublishedTable) -> None:
    config = SearchConfig.model_validate({"constraints": ["macs<=40e6"]})
    costless = PublishedTable(
        "made-up", table.space, {known: Entry(0.5, macs=0) for known in table}
    )
    assert run_controllers(costless, {"random": config}, [0])[0].samples == (1, 1)
    with pytest.raises(ConfigError, match="satisfies"):
        run_controllers(
            table, {"random": SearchConfig.model_validate({"constraints": ["macs<=1"]})}, [0]
        )


def test_a_run_that_meets_none_counts_as_infinitely_many(table: PublishedTable) -> None:
    [hit] = run_controllers(table, {"random": SearchConfig()}, [0], most_samples=1)
    assert hit.samples[1] is None
    text = controllers_table([Hits("radars", seed, (4, None)) for seed in range(3)])
    assert text.splitlines()[-1] == (
        "| radars | 3 | 4 (4 to 4) | more (more to more; 0 of 3 met one) |"
    )


def test_a_method_without_a_policy_is_refused(table: PublishedTable) -> None:
    with pytest.raises(ConfigError, match="'darts', which has none"):
        run_controllers(table, {"darts": SearchConfig()}, [0])


def test_the_command_writes_the_table(table: PublishedTable, tmp_path: Path) -> None:
    full = zoo_space("nasbench-macro").full
    rows = {
        "".join(str(full[choice].index(name)) for choice, name in known.items()): {
            "mean_acc": 100 * entry.test_accuracy,
            "flops": entry.macs,
            "params": 1,
        }
        for known, entry in table.items()
    }
    file = tmp_path / "table.json"
    file.write_text(json.dumps(rows))
    command = ["compare", "--controllers-only", "--methods", "random,radars", "--seeds", "0-2"]
    command += ["--out", str(tmp_path / "out")]
    result = CliRunner().invoke(app, [*command, "--table", f"nas-bench-macro={file}"])
    assert result.exit_code == 0, result.output
    another = ["--space", "digits", "--table", f"nas-bench-macro={file}"]
    refused = CliRunner().invoke(app, [*command, *another])
    assert "'nasbench-macro', but got 'digits'; leave --space out" in str(refused.exception)
    written = (tmp_path / "out" / "controllers.md").read_text()
    assert written in result.output
    assert re.search(r"\| radars \| 3 \| \d+ \(\d+ to \d+\) \|", written)


@pytest.mark.parametrize(
    ("options", "rule"),
    [
        ([], "add --table NAME=PATH"),
        (["--budget", "1GiB"], "but --budget is given; leave it out"),
        (["--max-minutes", "1"], "but --max-minutes is given"),
        (["--jobs", "2"], "but --jobs is given"),
        (["--executor", "ray"], "but --executor is given"),
        (["--seeds", "5-1"], "a range of seeds has 1 to 10,000"),
        (["--seeds", "0-99999999999"], "a range of seeds has 1 to 10,000"),
        (["--seeds", "a-b"], "seeds are whole numbers or ranges"),
    ],
)
def test_bad_input_is_refused(tmp_path: Path, options: list[str], rule: str) -> None:
    out = tmp_path / "out"
    result = CliRunner().invoke(app, ["compare", "--controllers-only", "--out", str(out), *options])
    assert isinstance(result.exception, ConfigError)
    assert rule in str(result.exception)
    assert not out.exists()
