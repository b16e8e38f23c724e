"""What every search method must pass: another one is one more name in `METHODS`."""

import multiprocessing
import signal
import sys
import time
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

import pytest
import torch
from tests.tasks import searched_quickly
from tests.tiny import (
    MIB,
    InterruptAt,
    assert_same_tensors,
    final_checkpoint,
    planted_data,
    planted_space,
    quick_config,
    tiny_data,
    tiny_space,
)

from radars.cost import Constraint, CostTable
from radars.engine import (
    ControllerConfig,
    DifferentiateConfig,
    ExploreConfig,
    SearchConfig,
    SearchResult,
    SelectConfig,
)
from radars.engine.context import SearchContext
from radars.engine.given import Given
from radars.engine.methods.path_dnas import PathDNAS
from radars.engine.problem import SearchProblem, training_spec
from radars.engine.run import run_search
from radars.errors import BudgetError, Stopped
from radars.memory import Planner
from radars.nn.supernet import Supernet
from radars.registries import METHODS
from radars.runs.directory import read_result
from radars.runs.events import read_events
from radars.space import Architecture, Subspace

WHOLE_SUPERNET = {"darts", "fbnet", "pcdarts"}  # methods that hold every candidate at once
SPACE = tiny_space()
DATA = tiny_data()

pytestmark = pytest.mark.parametrize("method", sorted(METHODS.names()))


def search(config: SearchConfig, **options: Any) -> SearchResult:
    return run_search(config, Given(space=SPACE, data=DATA), **options)


def what_was_found(result: SearchResult) -> dict[str, Any]:
    """The result without what the machine decides."""
    return {
        name: value
        for name, value in vars(result).items()
        if name not in ("search_seconds", "peak_rss_bytes")
    }


class Run(NamedTuple):
    """A search that ended, and its directory."""

    result: SearchResult
    out: Path

    def assert_same(self, result: SearchResult, out: Path) -> None:
        """Another search ended with the same, bit for bit."""
        assert what_was_found(result) == what_was_found(self.result)
        (tensors, state), (other_tensors, other_state) = map(final_checkpoint, (self.out, out))
        assert other_state == state
        assert_same_tensors(other_tensors, tensors)


@pytest.fixture(scope="module")
def whole_of(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Run]:
    """The search of a method's `quick_config` to which nothing happens."""

    @cache
    def whole_of(method: str) -> Run:
        out = tmp_path_factory.mktemp(method) / "whole"
        return Run(search(quick_config(method), out=out), out)

    return whole_of


def test_the_same_seed_gives_the_same_search_bit_for_bit(
    method: str, whole_of: Callable[[str], Run], tmp_path: Path
) -> None:
    whole = whole_of(method)
    torch.rand(1)  # what the rest of the process draws does not matter
    whole.assert_same(search(quick_config(method), out=tmp_path / "run"), tmp_path / "run")


def test_another_seed_gives_another_search(
    method: str, whole_of: Callable[[str], Run], tmp_path: Path
) -> None:
    search(quick_config(method, seed=1), out=tmp_path / "run")
    first, second = (final_checkpoint(out)[0] for out in (whole_of(method).out, tmp_path / "run"))
    shared = first.keys() & second.keys()
    assert any(
        not torch.equal(first[name], second[name]) for name in shared if "train/" not in name
    )


@pytest.mark.parametrize(
    "relaxation", ["softmax", pytest.param("gumbel", id="gumbel-and-a-tight-budget")]
)
def test_an_interrupted_search_goes_on_as_if_nothing_had_been(
    method: str, relaxation: str, tmp_path: Path
) -> None:
    changes: dict[str, Any] = {
        "differentiate": DifferentiateConfig(steps=4, relaxation=relaxation, final_temperature=0.5)
    }
    if relaxation == "gumbel":  # candidates are recomputed and pruned, where a method can
        changes["budget"] = max(160_000, smallest_step_bytes(method))
    config = quick_config(method, **changes)
    whole = Run(search(config, out=tmp_path / "whole"), tmp_path / "whole")

    progress = InterruptAt(1, 3, 4, 8, 9, 10, 12, 20, 23, 24, 26, 27, 30, 59, 60, 63)
    parts = tmp_path / "parts"
    num_sittings = 0
    while True:
        try:
            result = search(config, out=parts, resume=num_sittings > 0, progress=progress)
            break
        except Stopped:
            num_sittings += 1
    phases = {description.rpartition(" ")[0] for description in progress.interrupted}
    assert num_sittings == len(progress.interrupted) >= 6
    if method == "radars":
        assert {"shortlist", "select"} <= phases
        assert len(phases) >= 4

    whole.assert_same(result, parts)


# whose server imports everything once, and whose processes start at once then
PROCESSES = multiprocessing.get_context("forkserver")
PROCESSES.set_forkserver_preload(["tests.tasks"])


def newest_checkpoint(out: Path) -> int:
    steps = [int(path.stem) for path in (out / "checkpoint").glob("*.sha256")]
    return max(steps, default=0)


def test_a_search_that_is_killed_goes_on_as_if_nothing_had_been(
    method: str, whole_of: Callable[[str], Run], tmp_path: Path
) -> None:
    whole = whole_of(method)
    out = tmp_path / "killed"
    process = PROCESSES.Process(target=searched_quickly, args=(method, out))
    process.start()
    deadline = time.monotonic() + 120
    while newest_checkpoint(out) < 10 and process.is_alive():
        assert time.monotonic() < deadline
        time.sleep(0.01)
    process.kill()
    process.join()
    assert process.exitcode == -signal.SIGKILL
    assert read_result(out) is None
    assert newest_checkpoint(out) < newest_checkpoint(whole.out)
    result = search(quick_config(method), out=out, resume=True)
    whole.assert_same(result, out)


def budgets() -> list[int]:
    config = quick_config()
    planner = Planner(SPACE, training_spec(config, DATA.input_shape), 2**40)
    smallest = planner.predict(planner.smallest_path()).peak_bytes
    largest = planner.predict(SPACE.full).peak_bytes
    return [smallest, (3 * smallest + largest) // 4, (smallest + largest) // 2, largest]


def smallest_step_bytes(method: str) -> int:
    """What a method needs by what it says itself, held against what is known of it."""
    roomy = quick_config(method)
    problem = SearchProblem.of(roomy, Given(space=SPACE, data=DATA))
    whole_bytes = problem.planner.full_supernet_bytes
    if method in WHOLE_SUPERNET:
        assert (whole_bytes < budgets()[-1]) == (method == "pcdarts")
        return whole_bytes
    if method not in ("gdas", "proxyless"):
        return budgets()[0]
    planned = METHODS.get(method)(SearchContext.of(problem))
    assert isinstance(planned, PathDNAS)
    planned.context.guard.planner.tighten(1)
    with pytest.raises(BudgetError) as caught:
        planned.check_memory()
    assert caught.value.needed_bytes is not None
    assert caught.value.needed_bytes < budgets()[1]
    return caught.value.needed_bytes


@pytest.mark.parametrize("budget", budgets())
def test_no_step_exceeds_the_budget(
    method: str, budget: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from radars.memory.predict import track
    from radars.nn import steps

    peaks: list[int] = []
    for name in ("weights_step", "architecture_step", "evaluation_step"):
        step = getattr(steps, name)

        def tracked(
            supernet: Supernet, *batch: torch.Tensor, step: Any = step, **options: Any
        ) -> torch.Tensor:
            with track(supernet, batch) as tracker:
                output: torch.Tensor = step(supernet, *batch, **options)
            peaks.append(tracker.peak_bytes)
            return output

        for module in list(sys.modules.values()):
            is_search = getattr(module, "__name__", "").startswith("radars.engine")
            if is_search and hasattr(module, name):
                monkeypatch.setattr(module, name, tracked)

    config = quick_config(method, budget=budget)
    if method == "pcdarts" and budget == budgets()[0]:
        with pytest.raises(BudgetError, match="bytes"):  # no path of its own supernet fits either
            search(config, out=tmp_path / "run")
        return
    needed_bytes = smallest_step_bytes(method)
    if budget < needed_bytes:
        with pytest.raises(BudgetError, match=f"{needed_bytes:,} bytes") as caught:
            search(config, out=tmp_path / "run")
        assert caught.value.needed_bytes == needed_bytes
        ended = read_result(tmp_path / "run")
        assert ended is not None
        assert (ended["status"], ended["architecture"]) == ("exceeded_memory", None)
        assert ended["needed_bytes"] == needed_bytes
        assert not peaks
        return
    result = search(config, out=tmp_path / "run")
    assert peaks
    assert max(peaks) <= budget
    assert 0 < result.measured_peak_bytes <= budget
    assert result.predicted_peak_bytes <= budget
    assert result.measured_peak_bytes == pytest.approx(result.predicted_peak_bytes, rel=0.02)
    assert max(peaks) <= 1.02 * result.predicted_peak_bytes
    for event in read_events(tmp_path / "run" / "events.jsonl"):
        for name, value in event.items():
            if name.endswith("peak_bytes"):
                assert value <= budget


def test_a_budget_below_the_smallest_path_is_refused_before_anything_is_written(
    method: str, tmp_path: Path
) -> None:
    with pytest.raises(BudgetError, match="bytes"):
        search(quick_config(method, budget=budgets()[0] - 1), out=tmp_path / "run")
    assert not (tmp_path / "run").exists()


def test_constraints_hold_for_all_that_is_trained_as_a_network(
    method: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    table = CostTable.of(SPACE)
    limits = (
        Constraint("macs", float(table.fixed.macs + 30_000)),
        Constraint("parameters", float(table.fixed.parameters + 500)),
    )
    paths: list[Architecture] = []
    activate = Supernet.activate

    def spy(supernet: Supernet, subspace: Subspace | Architecture) -> None:
        if isinstance(subspace, Architecture):
            paths.append(subspace)
        activate(supernet, subspace)

    monkeypatch.setattr(Supernet, "activate", spy)
    result = search(quick_config(method, constraints=limits))
    assert result.architecture is not None
    assert len(set(paths)) > 1 or method in WHOLE_SUPERNET
    for architecture in [*paths, result.architecture]:
        assert all(limit.allows(table.cost(architecture)) for limit in limits)
    assert result.macs == table.cost(result.architecture).macs
    assert result.parameters == table.cost(result.architecture).parameters


def test_the_test_split_stays_sealed(method: str, whole_of: Callable[[str], Run]) -> None:
    # opening the one of `tiny_data` raises, and so does anything else that is asked of it
    with pytest.raises(AssertionError):
        DATA.test.open()
    assert whole_of(method).result.status == "completed"


def planted_config(method: str, **changes: Any) -> SearchConfig:
    settings: dict[str, Any] = {
        "data": {"batch_size": 32, "augment": False},
        "num_rounds": 2,
        "optimizer": {"learning_rate": 0.2},
        "explore": ExploreConfig(
            steps=80,
            warmup_fraction=0.5,
            update_every=2,
            samples=6,
            controller=ControllerConfig(learning_rate=0.2),
        ),
        "differentiate": DifferentiateConfig(steps=20),
        "select": SelectConfig(
            finalists=4, halving_steps=(30,), keep=0.5, optimizer={"learning_rate": 0.2}
        ),
        "children": {"number": 300, "steps": 30, "optimizer": {"learning_rate": 0.2}},
        "reinforce": {"batch": 4, "controller": {"learning_rate": 0.05}},
        "enas": {"controller": {"learning_rate": 0.05}},
        "spos": {"population": 16, "generations": 5},
        "dnas": {"steps": 120, "partial_channels": 2},
    }
    return quick_config(method, **(settings | changes))


@pytest.mark.parametrize("seed", [0, 1])
def test_the_planted_optimum_is_found(method: str, seed: int) -> None:
    result = run_search(
        planted_config(method, seed=seed), Given(space=planted_space(), data=planted_data())
    )
    assert result.architecture == Architecture(dict.fromkeys("abc", "conv3"))
    assert result.validation_accuracy is not None
    assert result.validation_accuracy > 0.6


def test_the_planted_optimum_is_found_under_a_constraint(method: str) -> None:
    space = planted_space()
    table = CostTable.of(space)
    conv3 = table.candidates["a"]["conv3"].macs
    limit = Constraint("macs", float(table.fixed.macs + 2 * conv3))
    result = run_search(
        planted_config(method, constraints=(limit,)), Given(space=space, data=planted_data())
    )
    assert result.architecture is not None
    assert list(result.architecture.values()).count("conv3") == 2
    assert result.macs <= limit.limit


def test_the_budget_is_kept_where_the_planted_optimum_is_dear(method: str) -> None:
    space = planted_space()
    config = planted_config(method)
    planner = Planner(space, training_spec(config, planted_data().input_shape), 2**40)
    budget = planner.predict(Architecture(dict.fromkeys("abc", "conv3"))).peak_bytes
    assert budget < planner.predict(space.full).peak_bytes < 16 * MIB
    tight = planted_config(method, budget=budget)
    problem = SearchProblem.of(tight, Given(space=space, data=planted_data()))
    if method in WHOLE_SUPERNET and problem.planner.full_supernet_bytes > budget:
        with pytest.raises(BudgetError, match="holds the supernet of all"):
            run_search(tight, Given(space=space, data=planted_data()))
        return
    result = run_search(tight, Given(space=space, data=planted_data()))
    assert result.architecture == Architecture(dict.fromkeys("abc", "conv3"))
    assert result.measured_peak_bytes <= budget
