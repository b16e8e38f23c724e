import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from tests.tiny import InterruptAt

from radars.comparison import CompareConfig, Row, compare, markdown_table
from radars.comparison.rows import RESULTS_NAME, read_rows
from radars.comparison.start_comparison import start_comparison
from radars.engine import SearchConfig, SearchResult
from radars.engine.run import run_search
from radars.errors import ConfigError, RunError, Stopped
from radars.tracking.progress import NoProgress
from radars.zoo.nasbench201 import architecture_of

SEARCH: dict[str, Any] = {
    "space": "digits",
    "budget": "32MiB",
    "data": {"num_train": 128, "batch_size": 16},
    "explore": {"steps": 4, "tuning_steps": 1, "reward_batches": 1, "ranker_draws": 2},
    "differentiate": {"steps": 1},
    "select": {"finalists": 2, "halving_steps": [1]},
    "children": {"number": 2, "steps": 2},
    "num_rounds": 1,
}


def config_of(**changes: Any) -> CompareConfig:
    settings: dict[str, Any] = {
        "search": SEARCH,
        "grids": [{"methods": ["radars", "random"], "seeds": [0, 1]}],
    }
    return CompareConfig.model_validate(settings | changes)


def test_cells_are_the_grids_without_repeats() -> None:
    config = config_of(
        settings={"tight": {"constraints": ["macs<=3e5"]}, "none": {}},
        grids=[
            {"methods": ["radars", "random"], "seeds": [0, 1], "settings": ["tight"]},
            {"methods": ["radars"], "seeds": [0]},
        ],
    )
    keys = [cell.key for cell in config.cells()]
    assert keys == [
        "tight/radars/seed-0",
        "tight/random/seed-0",
        "tight/radars/seed-1",
        "tight/random/seed-1",
        "none/radars/seed-0",
    ]


def test_a_cells_settings_are_layered() -> None:
    config = config_of(
        by_method={"random": {"children": {"steps": 7}, "budget": "20MiB"}},
        settings={"tight": {"budget": "10MiB"}, "none": {}},
    )
    by_key = {cell.key: config.search_config(cell) for cell in config.cells()}
    tight = by_key["tight/random/seed-1"]
    assert (tight.budget, tight.children.steps, tight.seed) == (10 * 2**20, 7, 1)
    assert by_key["none/random/seed-0"].budget == 20 * 2**20
    assert by_key["none/radars/seed-0"].children.steps == 2


def test_a_training_reads_what_the_search_read() -> None:
    data = SEARCH["data"] | {"image_column": "photo", "label_column": "kind", "num_workers": 2}
    config = config_of(search=SEARCH | {"data": data}, train={"data": {"num_workers": 1}})
    train = config.train_config(config.search_config(next(config.cells())))
    assert train is not None
    assert (train.data.image_column, train.data.label_column) == ("photo", "kind")
    assert (train.data.batch_size, train.data.num_workers, train.data.num_train) == (16, 1, None)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"grids": [{"methods": ["radar"]}]}, "methods"),
        ({"grids": [{"settings": ["missing"]}]}, "there is no 'missing'"),
        ({"settings": {"../x": {}}}, "settings"),
        ({"unknown": 1}, "unknown"),
    ],
)
def test_what_is_not_valid_is_refused(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        config_of(**changes)


@pytest.mark.slow
def test_cells_side_by_side_give_the_rows_of_one_after_the_other(tmp_path: Path) -> None:
    def what_was_found(rows: list[Row]) -> list[dict[str, Any]]:
        return [{**vars(row), "search_seconds": 0.0} for row in rows]

    rows = compare(config_of(), tmp_path / "one")
    beside = compare(config_of(executor={"jobs": 2}), tmp_path / "two")
    assert what_was_found(beside) == what_was_found(rows)
    assert len(read_rows(tmp_path / "two" / RESULTS_NAME)) == len(rows) == 4


def test_a_comparison_runs_keeps_and_extends_its_cells(tmp_path: Path) -> None:
    train = {"epochs": 1, "data": {"num_train": 128}}
    first = compare(config_of(train=train, grids=[{"methods": ["radars"], "seeds": [0]}]), tmp_path)
    [row] = first
    assert row.status == "completed"
    assert row.architecture is not None
    assert row.test_accuracy is not None
    assert 0 <= row.test_accuracy <= 1
    assert 0 < row.measured_peak_bytes <= row.budget_bytes
    began = (tmp_path / "default/radars/seed-0/search/events.jsonl").read_bytes()
    more = [{"methods": ["radars", "random"], "seeds": [0]}, {"methods": ["random"], "seeds": [1]}]
    rows = compare(config_of(train=train, grids=more), tmp_path)
    assert len(rows) == len(read_rows(tmp_path / RESULTS_NAME)) == 3
    assert rows[0] == row
    assert (tmp_path / "default/radars/seed-0/search/events.jsonl").read_bytes() == began
    assert {(r.method, r.seed) for r in rows} == {("radars", 0), ("random", 0), ("random", 1)}


def test_a_comparison_that_is_stopped_goes_on(tmp_path: Path) -> None:
    config = config_of(grids=[{"methods": ["random"], "seeds": [0, 1]}])
    whole = compare(config, tmp_path / "whole")
    for _ in range(2):  # within the first cell, within the second
        with pytest.raises(Stopped):
            compare(config, tmp_path / "parts", InterruptAt(3))
    parts = compare(config, tmp_path / "parts")
    assert [(r.architecture, r.validation_accuracy) for r in parts] == [
        (r.architecture, r.validation_accuracy) for r in whole
    ]


def test_a_method_that_does_not_fit_has_a_row_that_says_what_it_needs(tmp_path: Path) -> None:
    grids = [{"methods": ["darts"], "seeds": [0]}]
    search = SEARCH | {"dnas": {"steps": 2}}
    config = config_of(grids=grids, search=search | {"budget": "4MiB"})
    [row] = compare(config, tmp_path)
    assert (row.status, row.architecture) == ("exceeded_memory", None)
    assert row.needed_bytes is not None
    assert row.needed_bytes > row.budget_bytes == 4 * 2**20
    assert compare(config, tmp_path) == [row]
    [again] = compare(config_of(grids=grids, search=search | {"budget": "5MiB"}), tmp_path)
    assert (again.status, again.budget_bytes) == ("exceeded_memory", 5 * 2**20)
    [fits] = compare(config_of(grids=grids, search=search), tmp_path)
    assert (fits.status, fits.needed_bytes) == ("completed", None)
    assert read_rows(tmp_path / RESULTS_NAME) == [fits]


def test_of_a_cell_that_was_begun_only_how_long_it_may_take_changes(tmp_path: Path) -> None:
    grids = [{"methods": ["radars"], "seeds": [0]}]
    with pytest.raises(Stopped):
        compare(config_of(grids=grids), tmp_path, InterruptAt(3))
    other = config_of(grids=grids, search=SEARCH | {"budget": "31MiB"})
    with pytest.raises(ConfigError, match="a cell keeps its settings, but budget"):
        compare(other, tmp_path)
    shorter = config_of(grids=grids, search=SEARCH | {"max_minutes": 1e-6})
    assert [row.status for row in compare(shorter, tmp_path)] == ["exceeded_time"]


def test_results_that_are_none_are_one_line(tmp_path: Path) -> None:
    (tmp_path / RESULTS_NAME).write_text('{"setting": 1}\n')
    with pytest.raises(ConfigError, match="remove it"):
        compare(config_of(), tmp_path)


def row_of(**changes: Any) -> Row:
    values: dict[str, Any] = {
        "setting": "none",
        "method": "radars",
        "seed": 0,
        "status": "completed",
        "architecture": {"a": "x"},
        "validation_accuracy": 0.5,
        "test_accuracy": 0.9,
        "table_accuracy": None,
        "rank": None,
        "regret": None,
        "search_seconds": 60.0,
        "budget_bytes": 2**30,
        "predicted_peak_bytes": 2**20,
        "measured_peak_bytes": 2**20,
        "needed_bytes": None,
        "macs": 1,
        "parameters": 1,
    }
    return Row(**(values | changes))


def test_the_table_shows_medians_and_ranges_and_leaves_out_what_nobody_has() -> None:
    rows = [
        row_of(seed=0, test_accuracy=0.90),
        row_of(seed=1, test_accuracy=0.92),
        row_of(seed=2, test_accuracy=0.97, status="exceeded_time"),
        row_of(method="darts", status="exceeded_memory", needed_bytes=2**31, test_accuracy=None),
    ]
    lines = markdown_table(rows).splitlines()
    assert "rank" not in lines[0]
    assert "| none | darts | exceeded memory | 1 |  |" in lines[2]
    assert "2.0 GiB" in lines[2]
    assert "2 completed, 1 exceeded time" in lines[3]
    assert "92.00% (90.00% to 97.00%)" in lines[3]
    assert "1 min 00 s" in lines[3]


def test_an_accuracy_of_nothing_counts_and_what_did_not_run_took_no_time() -> None:
    rows = [
        row_of(seed=0, test_accuracy=0.0),
        row_of(seed=1, test_accuracy=0.5),
        row_of(seed=2, test_accuracy=None, search_seconds=0.0, status="exceeded_memory"),
    ]
    line = markdown_table(rows).splitlines()[2]
    assert "25.00% (0.00% to 50.00%)" in line
    assert "| 1 min 00 s |" in line


def test_the_command_writes_the_table(tmp_path: Path) -> None:
    file = tmp_path / "compare.yaml"
    file.write_text(json.dumps({"search": SEARCH, "grids": [{"methods": ["radars"]}]}))
    comparison = start_comparison(
        {"budget": "31MiB"},
        methods="random",
        seeds="3",
        table=None,
        config_file=file,
        overrides=("children.number=1",),
        out=tmp_path / "out",
        progress=NoProgress(),
    )
    assert comparison.problem is None
    assert (tmp_path / "out" / "table.md").read_text() == comparison.text
    [row] = read_rows(tmp_path / "out" / RESULTS_NAME)
    assert (row.method, row.seed, row.budget_bytes) == ("random", 3, 31 * 2**20)
    with pytest.raises(ConfigError, match="seeds are whole numbers"):
        start_comparison(
            {},
            methods=None,
            seeds="x",
            table=None,
            config_file=file,
            overrides=(),
            out=tmp_path / "out",
            progress=NoProgress(),
        )


IN_TABLE = "|skip_connect~0|+|skip_connect~0|skip_connect~1|+|skip_connect~0|none~1|none~2|"


def table_file(folder: Path) -> str:
    """A published table of one architecture, on two data sets."""
    file = folder / "table.csv"
    file.write_text(f"cellstr,cifar10-test,cifar100-test\n{IN_TABLE},85.5,60\n")
    return f"nas-bench-201={file}"


def finds(config: SearchConfig, *arguments: Any, **options: Any) -> SearchResult:
    """A search that finds the architecture of `table_file`."""
    return SearchResult(
        status="completed",
        method=config.method,
        space=config.space,
        seed=config.seed,
        architecture=architecture_of(IN_TABLE),
        num_architectures=15625,
        validation_accuracy=0.5,
        budget_bytes=config.budget,
        predicted_peak_bytes=1,
        measured_peak_bytes=1,
        peak_rss_bytes=1,
        search_seconds=1.0,
        macs=7_783_040,
        parameters=73_306,
        rounds=1,
    )


@pytest.mark.parametrize(("data", "accuracy"), [("cifar10", 0.855), ("cifar100", 0.6)])
def test_a_table_judges_by_the_data_that_are_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, data: str, accuracy: float
) -> None:
    monkeypatch.setattr("radars.comparison.cells.run_search", finds)
    start_comparison(
        {"space": "nasbench201"},
        methods="random",
        seeds="0",
        table=table_file(tmp_path),
        table_data=data,
        config_file=None,
        overrides=(),
        out=tmp_path / "out",
        progress=NoProgress(),
    )
    [row] = read_rows(tmp_path / "out" / RESULTS_NAME)
    assert (row.table_accuracy, row.rank, row.regret) == (accuracy, 1, 0.0)


def test_what_was_found_before_is_judged_and_trained(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("radars.comparison.cells.run_search", finds)
    monkeypatch.setattr("radars.comparison.cells._test_accuracy", accuracy_where_trained)
    plain = {"search": {"space": "nasbench201"}, "grids": [{"methods": ["random"], "seeds": [0]}]}
    table = {"table": table_file(tmp_path), "table_data": "cifar10"}
    [row] = compare(config_of(**plain), tmp_path)
    assert (row.table_accuracy, row.test_accuracy) == (None, None)
    [judged] = compare(config_of(**plain, **table), tmp_path)
    assert judged == replace(row, table_accuracy=0.855, rank=1, regret=0.0)
    assert read_rows(tmp_path / RESULTS_NAME) == [judged]
    # as a search that ended leaves it
    result = finds(config_of(**plain).search_config(row.cell)).to_dict()
    folder = tmp_path / row.cell.key / "search"
    folder.mkdir(parents=True)
    (folder / "result.json").write_text(json.dumps(result))
    monkeypatch.setattr(
        "radars.comparison.cells.run_search", fails_for("random", error=RunError("no"))
    )
    [trained] = compare(config_of(**plain, **table, train={"epochs": 1}), tmp_path)
    assert (trained.table_accuracy, trained.test_accuracy) == (0.855, 0.9)


def accuracy_where_trained(config: CompareConfig, *arguments: Any) -> float | None:
    return None if config.train is None else 0.9


@pytest.mark.parametrize(
    ("search", "message"),
    [
        ({"space": "digits"}, "is of nasbench201 and default/radars/seed-0 searches digits"),
        ({"space": "nasbench201", "constraints": ["macs<=1"]}, "satisfies macs<=1"),
        ({"space": "nasbench201", "constraints": ["latency_ms<=1"]}, "does not give latency_ms"),
    ],
)
def test_a_table_that_does_not_fit_is_refused_before_the_first_search(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, search: dict[str, Any], message: str
) -> None:
    monkeypatch.setattr("radars.comparison.cells.run_search", finds)
    table = {"table": table_file(tmp_path), "table_data": "cifar10"}
    with pytest.raises(ConfigError, match=message):
        compare(config_of(search=search, **table), tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_options_are_over_each_grid_of_the_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("radars.comparison.cells.run_search", finds)
    file = tmp_path / "compare.yaml"
    grids = [
        {"methods": ["random"], "settings": ["tight"]},
        {"methods": ["reinforce"], "settings": ["any"]},
    ]
    settings = {"tight": {"constraints": ["macs<=1e6"]}, "any": {}}
    file.write_text(json.dumps({"settings": settings, "grids": grids}))
    start_from(file, tmp_path / "out", seeds="4-5")
    rows = read_rows(tmp_path / "out" / RESULTS_NAME)
    assert [row.cell.key for row in rows] == [
        "tight/random/seed-4",
        "tight/random/seed-5",
        "any/reinforce/seed-4",
        "any/reinforce/seed-5",
    ]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("executor: ray", "executor is a mapping of settings, but got 'ray'"),
        ("grids: [radars]", "a grid is a mapping of settings, but got 'radars'"),
        ("grids: radars", "grids must be"),
    ],
)
def test_text_for_a_group_of_settings_is_one_line(
    tmp_path: Path, content: str, message: str
) -> None:
    file = tmp_path / "compare.yaml"
    file.write_text(content)
    with pytest.raises(ConfigError, match=message):
        start_from(file, tmp_path / "out", seeds="0", executor={"jobs": 2})


def start_from(file: Path, out: Path, **options: Any) -> None:
    """A comparison of a file, as the command line starts it."""
    given: dict[str, Any] = {"methods": None, "seeds": None, "table": None, "overrides": ()}
    start_comparison({}, **given | options, config_file=file, out=out, progress=NoProgress())


def fails_for(*methods: str, error: Exception) -> Callable[..., SearchResult]:
    """A search that raises for some methods."""

    def search(config: SearchConfig, *arguments: Any, **options: Any) -> SearchResult:
        if config.method in methods:
            raise error
        return run_search(config, *arguments, **options)

    return search


@pytest.mark.parametrize("error", [RunError("the disk is full"), ZeroDivisionError("of a space")])
def test_a_cell_that_fails_is_recorded_the_others_go_on_and_it_is_tried_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    config = config_of(grids=[{"methods": ["random", "evolution"], "seeds": [0]}])
    with monkeypatch.context() as patch:
        patch.setattr("radars.comparison.cells.run_search", fails_for("random", error=error))
        failed, done = compare(config, tmp_path)
    assert (failed.status, failed.reason, failed.architecture) == ("failed", str(error), None)
    assert done.status == "completed"
    folder = tmp_path / "default" / "random" / "seed-0"
    assert type(error).__name__ in (folder / "error.txt").read_text()
    assert "| none" not in markdown_table([failed, done])
    again = compare(config, tmp_path)
    assert [row.status for row in again] == ["completed", "completed"]
    assert again[1] == done
    assert read_rows(tmp_path / RESULTS_NAME) == again


def test_bad_settings_of_a_cell_end_the_comparison(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    error = ConfigError("no such width")
    monkeypatch.setattr("radars.comparison.cells.run_search", fails_for("radars", error=error))
    with pytest.raises(ConfigError, match="no such width"):
        compare(config_of(), tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_the_command_says_which_cells_failed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    error = RunError("the disk is full")
    monkeypatch.setattr("radars.comparison.cells.run_search", fails_for("random", error=error))
    comparison = start_comparison(
        SEARCH,
        methods="random",
        seeds="0,1",
        table=None,
        config_file=None,
        overrides=(),
        out=tmp_path / "out",
        progress=NoProgress(),
    )
    assert "failed" in comparison.text
    assert comparison.problem is not None
    assert comparison.problem.exit_status == 1
    assert "2 of 2 searches failed" in str(comparison.problem)
    assert "the disk is full" in str(comparison.problem)
