import json
import math
from collections.abc import Callable
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import pytest
import torch
import yaml
from tests.full_disk import FullDiskAt, full_for
from tests.tiny import (
    InterruptAt,
    assert_same_tensors,
    overlapping_space,
    quick_config,
    tiny_data,
    tiny_space,
)
from torch import Tensor

from radars.cost import CostTable
from radars.engine import SearchConfig, SearchResult
from radars.engine.given import Given
from radars.engine.run import run_search
from radars.engine.search_config import MemorySavingsConfig
from radars.errors import BudgetError, ConfigError, RadarsError, RunError, Stopped
from radars.nn.memory_saving.disk_offload import DiskOffload
from radars.nn.optimizer import OptimizerConfig
from radars.nn.steps import weights_step
from radars.nn.supernet import Supernet
from radars.runs.checkpoint import CheckpointStore
from radars.runs.directory import RunDirectory
from radars.runs.event_schema import Event
from radars.runs.events import read_events
from radars.runs.read_run import read_result
from radars.space import Architecture
from radars.testing import final_state

SPACE = tiny_space()


def search(config: SearchConfig, **options: Any) -> SearchResult:
    return run_search(config, Given(space=SPACE, data=tiny_data()), **options)


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, SearchResult]:
    out = tmp_path_factory.mktemp("runs") / "run"
    return out, search(quick_config(), out=out)


def test_the_result_says_what_was_found_and_what_it_cost(run: tuple[Path, SearchResult]) -> None:
    out, result = run
    assert result.status == "completed"
    assert SPACE.full.holds(result.architecture)
    cost = CostTable.of(SPACE).cost(result.architecture)
    assert (result.macs, result.parameters) == (cost.macs, cost.parameters)
    assert result.validation_accuracy is not None
    assert 0 <= result.validation_accuracy <= 1
    assert result.num_architectures == 27
    assert result.rounds == 2
    assert 0 < result.measured_peak_bytes <= result.budget_bytes
    error = abs(result.predicted_peak_bytes - result.measured_peak_bytes)
    assert error / result.measured_peak_bytes <= 0.02
    assert result.peak_rss_bytes > 2**20
    assert 0 < result.search_seconds < 600
    assert read_result(out) == json.loads(json.dumps(result.to_dict()))


def test_a_run_directory_is_complete_and_replayable(run: tuple[Path, SearchResult]) -> None:
    out, result = run
    text = (out / "architecture.json").read_text()
    assert Architecture.from_json(text) == result.architecture
    settings = yaml.safe_load((out / "config.yaml").read_text())
    config = Given(space=tiny_space(), data=tiny_data()).recorded(quick_config())
    assert SearchConfig.model_validate(settings) == config
    events = [event["event"] for event in read_events(out / "events.jsonl")]
    assert events[0] == "search_started"
    assert events[-1] == "search_ended"
    assert events.count("planned") == events.count("differentiated") == 2
    assert events.count("phase_started") == events.count("phase_ended") == 5
    assert list((out / "checkpoint").glob("*.safetensors"))


def test_nothing_is_kept_where_there_is_no_directory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, run: tuple[Path, SearchResult]
) -> None:
    monkeypatch.chdir(tmp_path)
    assert search(quick_config()).architecture == run[1].architecture
    assert not list(tmp_path.iterdir())


def test_a_used_directory_is_refused(run: tuple[Path, SearchResult]) -> None:
    with pytest.raises(ConfigError, match="--resume"):
        search(quick_config(), out=run[0])
    with pytest.raises(ConfigError, match="completed"):
        search(quick_config(), out=run[0], resume=True)


def test_a_run_that_is_not_there_is_not_resumed(tmp_path: Path) -> None:
    with pytest.raises(RadarsError):
        search(quick_config(), out=tmp_path / "none", resume=True)
    assert not (tmp_path / "none").exists()


def test_a_time_limit_ends_a_search_with_what_it_has(
    tmp_path: Path, run: tuple[Path, SearchResult]
) -> None:
    result = search(quick_config(max_minutes=1e-6), out=tmp_path / "run")
    assert result.status == "exceeded_time"
    assert SPACE.full.holds(result.architecture)
    stored = read_result(tmp_path / "run")
    assert stored is not None
    assert stored["status"] == "exceeded_time"
    longer = search(quick_config(), out=tmp_path / "run", resume=True)
    assert longer.status == "completed"
    assert longer.architecture == run[1].architecture


def test_what_a_time_limit_shortened_is_said(run: tuple[Path, SearchResult]) -> None:
    explore = {"steps": 10_000, "training_fraction": 0.5}
    result = search(quick_config(max_minutes=3 / 60, explore=explore))
    steps, planned = result.limited["explore"]
    assert planned % 10_000 == 0  # of each round
    assert 0 < steps < planned
    said = f"shortened   by the time limit: explore {steps:,} of {planned:,} steps"
    assert said in result.summary()
    _, without_limit = run
    assert without_limit.limited == {}
    assert "shortened" not in without_limit.summary()


def test_a_search_that_diverges_says_so_and_has_failed(tmp_path: Path) -> None:
    config = quick_config().model_copy(
        update={"optimizer": OptimizerConfig(learning_rate=1e30, momentum=0.0)}
    )
    with pytest.raises(RunError, match=r"lower optimizer\.learning_rate"):
        run_search(config, Given(space=tiny_space(), data=tiny_data()), out=tmp_path / "run")
    result = read_result(tmp_path / "run")
    assert result is not None
    assert result["status"] == "failed"
    assert result["validation_accuracy"] is None


def test_a_search_goes_on_within_less_where_the_device_has_no_room(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls: list[Supernet] = []

    def step(supernet: Supernet, *batch: Tensor, **options: Any) -> Tensor:
        calls.append(supernet)
        if len(calls) == 3:
            raise torch.OutOfMemoryError("CUDA out of memory")
        return weights_step(supernet, *batch, **options)

    monkeypatch.setattr("radars.engine.trainer.weights_step", step)
    result = search(quick_config(), out=tmp_path / "run")
    assert result.status == "completed"
    events = read_events(tmp_path / "run" / "events.jsonl")
    [event] = [event for event in events if event["event"] == "out_of_memory"]
    assert event["budget_bytes"] == int(0.9 * event["expected_bytes"]) < result.budget_bytes
    planned = [event["predicted_peak_bytes"] for event in events if event["event"] == "planned"]
    assert max(planned) <= event["budget_bytes"]


def test_an_evaluation_that_the_device_has_no_room_for_is_one_line(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def step(*arguments: Any, **options: Any) -> Tensor:
        raise torch.OutOfMemoryError("CUDA out of memory")

    monkeypatch.setattr("radars.engine.evaluator.evaluation_step", step)
    with pytest.raises(RunError, match=r"an evaluation holds; lower the budget or the batch size"):
        search(quick_config())


def test_weights_that_do_not_fit_the_host_are_on_disk_and_change_nothing(
    tmp_path: Path, run: tuple[Path, SearchResult], monkeypatch: pytest.MonkeyPatch
) -> None:
    kept: list[str] = []
    put = DiskOffload.put

    def counted(disk: DiskOffload, key: str, tensors: dict[str, Tensor]) -> None:
        kept.append(key)
        put(disk, key, tensors)

    monkeypatch.setattr(DiskOffload, "put", counted)
    savings = MemorySavingsConfig(host_bytes=1)
    on_disk = search(quick_config(memory_savings=savings), out=tmp_path / "run")
    assert len(set(kept)) > 5
    assert not (tmp_path / "run" / "weights").exists()
    assert on_disk.architecture == run[1].architecture
    assert on_disk.validation_accuracy == run[1].validation_accuracy
    assert_same_tensors(final_state(tmp_path / "run")[0], final_state(run[0])[0])


def test_a_search_whose_candidates_share_weights_goes_on_bit_for_bit(tmp_path: Path) -> None:
    config = quick_config(share_overlap=True)

    def run(name: str, **options: Any) -> tuple[dict[str, Tensor], dict[str, Any]]:
        run_search(
            config,
            Given(space=overlapping_space(), data=tiny_data()),
            out=tmp_path / name,
            **options,
        )
        return final_state(tmp_path / name)

    with pytest.raises(Stopped):
        run("parts", progress=InterruptAt(5))  # while exploring
    with pytest.raises(Stopped):
        run("parts", progress=InterruptAt(5), resume=True)  # while differentiating
    (parts, part_values), (whole, values) = run("parts", resume=True), run("whole")
    assert part_values == values
    assert_same_tensors(parts, whole)
    assert any("|overlap|" in name for name in whole)


def test_a_hard_cap_is_for_the_device_that_has_one(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="ulimit -d"):
        search(quick_config(hard_cap=True), out=tmp_path / "run")
    assert not (tmp_path / "run").exists()


def failing_at(*calls: int) -> Callable[..., Tensor]:
    """A weights step whose batch is spoiled the first, second, ... time that it is called."""
    num_calls = 0

    def step(supernet: Supernet, example_B: Tensor, label_B: Tensor, **options: Any) -> Tensor:
        nonlocal num_calls
        num_calls += 1
        if num_calls in calls:
            example_B = torch.full_like(example_B, math.nan)
        return weights_step(supernet, example_B, label_B, **options)

    return step


def test_steps_whose_loss_is_not_finite_are_skipped_and_counted_over_all_sittings(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    step = "radars.engine.trainer.weights_step"
    monkeypatch.setattr(step, failing_at(2, 5))
    whole = search(quick_config(), out=tmp_path / "whole")
    assert whole.status == "completed"
    events = read_events(tmp_path / "whole" / "events.jsonl")
    counts = [event["count"] for event in events if event["event"] == "step_skipped"]
    assert counts == [1, 2]
    stored = read_result(tmp_path / "whole")
    assert stored is not None
    assert stored["skipped_steps"] == 2

    monkeypatch.setattr(step, failing_at(2))
    with pytest.raises(Stopped):
        search(quick_config(), out=tmp_path / "parts", progress=InterruptAt(4 + 3))
    # the fifth of all: three are done, after four looks of rankers
    monkeypatch.setattr(step, failing_at(2))
    parts = search(quick_config(), out=tmp_path / "parts", resume=True)
    assert parts.validation_accuracy == whole.validation_accuracy
    expected, found = final_state(tmp_path / "whole"), final_state(tmp_path / "parts")
    assert found[1] == expected[1]
    assert_same_tensors(found[0], expected[0])


def test_too_many_skipped_steps_end_a_search_which_goes_on_with_a_higher_limit(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    step = "radars.engine.trainer.weights_step"
    monkeypatch.setattr(step, failing_at(*range(1, 100)))
    out = tmp_path / "run"
    with pytest.raises(RunError, match=r"may skip 2 steps.*number 3; lower optimizer") as caught:
        search(quick_config(max_skipped_steps=2), out=out)
    assert "\n" not in str(caught.value)
    stored = read_result(out)
    assert stored is not None
    assert (stored["status"], stored["skipped_steps"]) == ("failed", 3)
    monkeypatch.setattr(step, weights_step)
    assert search(quick_config(max_skipped_steps=9), out=out, resume=True).status == "completed"


def test_a_disk_that_is_full_keeps_the_last_good_checkpoint(
    tmp_path: Path, run: tuple[Path, SearchResult]
) -> None:
    out = tmp_path / "run"
    with (
        FullDiskAt(6) as disk,
        pytest.raises(RunError, match=r"cannot write .*File too large.*; free the disk"),
    ):
        search(quick_config(checkpoint_seconds=0), out=out, progress=disk)
    store = CheckpointStore(out / "checkpoint")
    assert store.newest_intact_step() == (store.steps()[-1], [])
    assert not [path for path in out.rglob("*") if path.suffix == ".tmp"]
    assert search(quick_config(), out=out, resume=True).architecture == run[1].architecture


@pytest.mark.parametrize(
    "part",
    [
        *("config.yaml", "latencies.json", "events.jsonl", "tensorboard", "checkpoint", "weights"),
        *("architecture.json", "pareto.json", "result.json"),
    ],
)
def test_a_disk_that_is_full_for_any_file_is_one_line(tmp_path: Path, part: str) -> None:
    config = quick_config(
        "radars" if part == "weights" else "random",  # which has none to put aside
        num_rounds=1,
        explore={"steps": 2, "tuning_steps": 1, "ranker_draws": 2},
        differentiate={"steps": 1},
        select={"finalists": 2, "halving_steps": [1]},
        children={"number": 2, "steps": 1},
        pareto=["accuracy", "latency_ms"],
        costs={"seconds": 0.001},
        memory_savings=MemorySavingsConfig(host_bytes=1),  # weights are put aside
    )
    out = tmp_path / "run"
    said = r"cannot (write|keep weights in) .*No space left on device.*; free the disk"
    with full_for(part), pytest.raises(RunError, match=said) as caught:
        search(config, out=out)
    assert "\n" not in str(caught.value)
    assert part in str(caught.value)
    assert not [path for path in tmp_path.rglob("*") if path.suffix in (".tmp", ".new")]
    assert not (out / "weights").exists()
    store = CheckpointStore(out / "checkpoint")
    assert all(map(store.is_intact, store.steps()))
    is_begun = (out / "config.yaml").is_file()
    assert is_begun == (part != "config.yaml")
    assert search(config, out=out, resume=is_begun).status == "completed"
    ended = [event["event"] for event in read_events(out / "events.jsonl")]
    assert ended.count("search_ended") == 1


def test_a_search_whose_end_cannot_be_logged_is_not_completed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, run: tuple[Path, SearchResult]
) -> None:
    out = tmp_path / "run"
    log = RunDirectory.log

    def full_in_the_end(run: RunDirectory, event: Event) -> None:
        with full_for("events.jsonl") if event.kind == "search_ended" else nullcontext():
            log(run, event)

    with monkeypatch.context() as patch:
        patch.setattr(RunDirectory, "log", full_in_the_end)
        with pytest.raises(RunError, match=r"cannot write .*events\.jsonl"):
            search(quick_config(), out=out)
    assert read_result(out) is None
    assert search(quick_config(), out=out, resume=True).architecture == run[1].architecture


def test_without_a_directory_a_temporary_one_is_needed(monkeypatch: pytest.MonkeyPatch) -> None:
    def full(**options: Any) -> None:
        raise FileNotFoundError(2, "No usable temporary directory found")

    monkeypatch.setattr("radars.engine.session.TemporaryDirectory", full)
    with pytest.raises(RunError, match="cannot write a temporary directory: No usable"):
        search(quick_config())


def test_a_search_that_goes_on_keeps_its_settings(
    tmp_path: Path, run: tuple[Path, SearchResult]
) -> None:
    out = tmp_path / "run"
    with pytest.raises(Stopped):
        search(quick_config(), out=out, progress=InterruptAt(3))
    before = sorted((file, file.read_bytes()) for file in out.rglob("*") if file.is_file())
    with pytest.raises(ConfigError, match=r"seed of .* is 0 and now 4 is asked for"):
        search(quick_config(seed=4), out=out, resume=True)
    assert before == sorted((f, f.read_bytes()) for f in out.rglob("*") if f.is_file())
    result = run_search(given=Given(space=SPACE, data=tiny_data()), out=out, resume=True)
    assert result.architecture == run[1].architecture


def test_a_budget_that_only_the_search_finds_too_small_ends_with_a_result(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def draw(*arguments: Any, **options: Any) -> None:
        raise BudgetError("none fits the budget", 12)

    monkeypatch.setattr("radars.engine.sampler.Sampler.draw", draw)
    with pytest.raises(BudgetError, match="none fits"):
        search(quick_config(), out=tmp_path / "run")
    result = read_result(tmp_path / "run")
    assert result is not None
    assert (result["status"], result["needed_bytes"]) == ("exceeded_memory", 12)
