"""The command line: what it prints, what it writes, its exit status."""

import errno
import io
import json
import os
import shlex
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import redirect_stdout
from pathlib import Path
from typing import Any

import pytest
from tests.conftest import exit_status
from tests.tiny import QUICK

import radars
from radars.engine.search_config import SearchConfig
from radars.errors import ConfigError
from radars.runs.events import read_events

Run = Callable[..., tuple[int, str, str]]


FOUND = (
    *QUICK,
    *("--constraint", "macs<=300e3", "--pareto", "accuracy,macs"),
    *("--set", "objectives=[{cost: memory, target: 100KiB, exponent: -0.2}]"),
    *("--baseline", "smallest,random=1", "--set", "baseline.steps=3"),
)


ALL_FIT = ("--batch-size", "4", "--set", "differentiate.max_cost_ratio=null")
"""Options of a plan that takes little, as it leaves nothing out."""


@pytest.fixture(scope="module")
def found(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    """A completed search, and what it printed; for tests that only read it."""
    out = tmp_path_factory.mktemp("cli") / "found"
    printed = io.StringIO()
    with redirect_stdout(printed):
        assert exit_status("search", *FOUND, "--out", str(out)) == 0
    return out, printed.getvalue()


def test_from_a_search_to_a_test_accuracy(run: Run, found: tuple[Path, str]) -> None:
    out, output = found
    result = json.loads((out / "result.json").read_text())
    assert (result["status"], result["space"]) == ("completed", "digits")
    assert result["num_architectures"] == 4**5
    assert result["test_accuracy"] is None
    assert 0 < result["measured_peak_bytes"] <= result["budget_bytes"] == 8 * 2**20
    difference = abs(result["predicted_peak_bytes"] - result["measured_peak_bytes"])
    assert difference <= 0.02 * result["measured_peak_bytes"]
    for name in result["architecture"].values():
        assert name in output
    assert json.loads((out / "architecture.json").read_text()) == result["architecture"]
    assert f"radars train {out}/architecture.json --out {out}-train" in output

    arguments = ["--out", "found-train", "--epochs", "2"]
    status, output, _ = run("train", str(out / "architecture.json"), *arguments)
    assert status == 0
    assert "radars evaluate found-train" in output

    status, output, _ = run("evaluate", "found-train", "--json")
    assert status == 0
    assert 0.2 < json.loads(output)["test_accuracy"] <= 1


def test_the_version_is_that_of_the_package(run: Run) -> None:
    assert run("--version") == (0, f"radars {radars.__version__}\n", "")


def test_a_finished_search_is_read_again(run: Run, found: tuple[Path, str]) -> None:
    out, first = found
    status, again, _ = run("search", "--out", str(out), "--resume")
    assert status == 0
    assert first.splitlines()[-8:] == again.splitlines()[-8:]


@pytest.mark.parametrize("name", ["a b", "it's", "$(touch mark)", "a;touch mark", "a*", 'a"b'])
def test_printed_commands_name_any_path_for_the_shell(
    run: Run, found: tuple[Path, str], name: str
) -> None:
    shutil.copytree(found[0], name)
    status, printed, _ = run("search", "--resume", "--out", name)
    assert status == 0
    commands = [shlex.split(line) for line in printed.splitlines() if line.startswith("  radars")]
    assert [command[:3] for command in commands] == [
        ["radars", "train", f"{name}/architecture.json"],
        ["radars", "evaluate", f"{name}-train"],
    ]


def test_resuming_with_other_settings_is_refused(run: Run, found: tuple[Path, str]) -> None:
    status, _, error = run("search", *FOUND, "--seed", "1", "--out", str(found[0]), "--resume")
    assert status == 2
    assert "seed" in error


def test_a_time_limit_ends_with_the_best_so_far(run: Run, tmp_path: Path) -> None:
    status, _, _ = run("search", *QUICK, "--max-minutes", "0.0001", "--out", "found")
    assert status == 0
    result = json.loads((tmp_path / "found" / "result.json").read_text())
    assert result["status"] == "exceeded_time"
    assert len(result["architecture"]) == 5


def test_a_constraint_holds(found: tuple[Path, str]) -> None:
    assert json.loads((found[0] / "result.json").read_text())["macs"] <= 300e3


def test_a_front_is_written_and_shown(run: Run, found: tuple[Path, str]) -> None:
    out, output = found
    front = json.loads((out / "pareto.json").read_text())
    assert front["objectives"] == ["accuracy", "macs"]
    num_best = sum(point["on_front"] for point in front["points"])
    assert f"{num_best} of {len(front['points'])} architectures that were scored" in output
    cost = json.loads((out / "result.json").read_text())["costs"]["memory"]
    assert f"{cost['whole']:,} bytes, traced on the whole network" in output
    status, _, error = run("search", "--pareto", "macs", "--out", "b")
    assert status == 2
    assert error.count("\n") == 1
    assert "accuracy,macs" in error


def test_what_was_found_is_shown_beside_baselines(run: Run, found: tuple[Path, str]) -> None:
    out, output = found
    table = json.loads((out / "result.json").read_text())["baselines"]
    assert table["steps"] == 3
    names = [row["name"] for row in table["rows"]]
    assert names == ["found", "smallest", "random 1"]
    assert all(row["macs"] <= 300e3 for row in table["rows"])
    shown = output.partition("trained alike, 3 steps from scratch each")[2].splitlines()
    assert [line.split()[0] for line in shown[1:4]] == ["found", "smallest", "random"]
    assert shown[4] == table["verdict"]
    before_next = output.index(table["verdict"]) < output.index("next: train it from scratch")
    assert before_next
    status, _, error = run("search", "--baseline", "largest,big", "--out", "b")
    assert status == 2
    assert error == (
        "error: baseline.names: a baseline is largest, smallest, random, or random=N for N draws, "
        "but got 'big'; give one of these\n"
    )
    assert not Path("b").exists()


def test_costs_are_held_against_whole_networks(run: Run) -> None:
    fast = ("--set", "costs.seconds=0.005", *ALL_FIT)
    status, output, _ = run("plan", "--space", "digits", "--costs", "--json", *fast)
    assert status == 0
    costs = json.loads(output)["costs"]
    assert costs["largest_error"]["macs"] == costs["largest_error"]["memory"] == 0
    assert {"sum", "whole", "error"} == costs["architectures"][0]["latency_ms"].keys()


def test_plan_prints_the_object_that_scripts_read(run: Run) -> None:
    status, output, _ = run("plan", "--space", "digits", "--budget", "5MiB", "--json", *ALL_FIT)
    assert status == 0
    report = json.loads(output)
    assert report["schema"] == 1
    assert report["smallest_path_bytes"] < report["largest_path_bytes"]
    assert report["largest_path_bytes"] < report["full_supernet_bytes"]
    assert report["plan"]["fits"] is True
    assert report["plan"]["predicted_peak_bytes"] <= 5 * 2**20
    assert sum(report["plan"]["breakdown"].values()) == report["plan"]["predicted_peak_bytes"]
    assert report["plan"]["total_candidates"] == 20


def test_a_budget_below_one_path_is_refused_with_what_is_needed(run: Run, tmp_path: Path) -> None:
    for command in ("search", "plan"):
        status, _, error = run(command, "--budget", "100KiB")
        assert status == 3
        assert error.count("\n") == 1
        assert "MiB" in error
        assert "raise the budget" in error
    assert list(tmp_path.iterdir()) == []


@pytest.mark.slow
def test_spaces_lists_the_zoo(run: Run) -> None:
    status, output, _ = run("spaces")
    assert status == 0
    for name in ("digits", "nasbench-macro", "cifar-large", "mobile", "mobile-large"):
        assert name in output


@pytest.mark.slow
def test_killed_twice_the_result_is_the_same(run: Run, tmp_path: Path) -> None:
    arguments = [*QUICK, "--set", "checkpoint_seconds=0"]
    assert run("search", *arguments, "--out", "whole")[0] == 0
    whole = json.loads((tmp_path / "whole" / "result.json").read_text())
    num_checkpoints = max(_checkpoints(tmp_path / "whole"))

    killed = tmp_path / "killed"
    for moment in (1, 2):
        process = _search([*arguments, *(["--resume"] if moment > 1 else [])], killed)
        wanted = moment * num_checkpoints // 3
        while process.poll() is None and max(_checkpoints(killed), default=0) < wanted:
            time.sleep(0.01)
        process.send_signal(signal.SIGKILL)
        assert process.wait() == -signal.SIGKILL
    assert run("search", *arguments, "--out", "killed", "--resume")[0] == 0
    resumed = json.loads((killed / "result.json").read_text())

    for name in ("search_seconds", "peak_rss_bytes"):
        del whole[name], resumed[name]
    assert resumed == whole


@pytest.mark.slow
def test_an_interrupt_saves_and_says_how_to_go_on(tmp_path: Path) -> None:
    arguments = [*QUICK, "--set", "explore.steps=100000"]
    process = _search(arguments, tmp_path / "stopped", stderr=subprocess.PIPE)
    while not _checkpoints(tmp_path / "stopped"):
        time.sleep(0.01)
    process.send_signal(signal.SIGINT)
    _, error = process.communicate()
    assert process.returncode == 130
    assert f"--out {tmp_path / 'stopped'} --resume" in error
    assert "Traceback" not in error


@pytest.mark.slow
def test_a_scheduler_that_ends_a_comparison_lets_its_processes_save(tmp_path: Path) -> None:
    table = tmp_path / "comparison.yaml"
    table.write_text(
        "search: {budget: 16MiB, checkpoint_seconds: 3600, explore: {steps: 100000},"
        " data: {batch_size: 16, num_train: 200}, differentiate: {max_cost_ratio: null}}\n"
        "grids: [{methods: [radars], seeds: [0, 1]}]\n"
    )
    out = tmp_path / "out"
    process = subprocess.Popen(
        [sys.executable, "-m", "radars", "compare", str(table), "--jobs", "2", "--out", str(out)],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    )
    cells = [out / "default" / "radars" / f"seed-{seed}" / "search" for seed in (0, 1)]
    while not all("progress" in _events(cell) for cell in cells):
        assert process.poll() is None
        time.sleep(0.01)
    before = [max(_checkpoints(cell), default=0) for cell in cells]
    process.terminate()
    _, error = process.communicate()
    assert process.returncode == 130
    assert error.splitlines()[-1] == (
        f"stopped: it was interrupted, and what is done is saved; continue with the same command "
        f"and --out {out}"
    )
    assert "leaked" not in error
    after = [max(_checkpoints(cell)) for cell in cells]
    assert all(first < last for first, last in zip(before, after, strict=True))


def _search(
    arguments: list[str], out: Path, stderr: int = subprocess.DEVNULL
) -> "subprocess.Popen[str]":
    return subprocess.Popen(
        [sys.executable, "-m", "radars", "search", *arguments, "--out", str(out)],
        stdout=subprocess.DEVNULL,
        stderr=stderr,
        text=True,
    )


def _events(run: Path) -> list[str]:
    return [event["event"] for event in read_events(run / "events.jsonl")]


def _checkpoints(run: Path) -> list[int]:
    return [int(path.stem) for path in (run / "checkpoint").glob("*.safetensors")]


def test_a_folder_that_may_not_be_read_is_one_line(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    really_open = os.open

    def refuse(path: str | Path, *rest: Any, **options: Any) -> int:
        if Path(path).parent.name == "locked":
            raise PermissionError(errno.EACCES, "Permission denied", str(path))
        return really_open(path, *rest, **options)

    monkeypatch.setattr(os, "open", refuse)
    status, _, error = run("evaluate", "locked")
    assert status == 2
    assert error == (
        "error: cannot use 'locked/result.json': Permission denied; check the path and its "
        "permissions\n"
    )


def test_an_old_name_of_a_setting_is_one_line_that_says_the_new_one(run: Run) -> None:
    status, _, error = run("plan", "--budget", "1GiB", "--set", "levers.recompute=false")
    assert status == 0
    assert error == (
        "note: the setting levers is called memory_savings now; the old name goes with the next "
        "version\n"
    )


def test_a_run_directory_has_the_name_of_the_space_that_a_file_names(
    run: Run, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    begun: list[Path] = []

    def begin(config: SearchConfig, *, out: Path, **options: object) -> None:
        begun.append(out)
        raise ConfigError("that is enough")

    monkeypatch.setattr("radars.engine.start_search.run_search", begin)
    (tmp_path / "other.yaml").write_text("space: nasbench201\n")
    assert run("search", "--config", "other.yaml")[0] == 2
    assert run("search", "--set", "space=darts")[0] == 2
    assert run("search", "--space", "resnet", "--out", "mine")[0] == 2
    assert [str(out).partition("-")[0] for out in begun] == [
        "runs/nasbench201",
        "runs/darts",
        "mine",
    ]


@pytest.mark.parametrize("command", ["plan", "spaces"])
def test_any_command_that_is_interrupted_says_so(
    command: str, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupted(*arguments: object, **options: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("radars.planning.plan_report.plan_for", interrupted)
    monkeypatch.setattr("radars.zoo.zoo", interrupted)
    assert run(command) == (130, "", "stopped\n")
