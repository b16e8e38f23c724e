"""What every search method must pass: another one is one more name in `METHODS`."""

import multiprocessing
import signal
import sys
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from itertools import product
from pathlib import Path
from typing import Any, NamedTuple, cast

import pytest
import torch
from tests.tasks import searched_quickly
from tests.tiny import (
    MIB,
    InterruptAt,
    assert_same_tensors,
    planted_data,
    planted_space,
    quick_config,
    tiny_data,
    tiny_space,
    within,
)

from radars.cost import Constraint, CostTable
from radars.engine import (
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
from radars.runs.events import read_events
from radars.runs.read_run import read_result
from radars.space import Architecture, Subspace
from radars.testing import final_state

WHOLE_SUPERNET = {"darts", "fbnet", "pcdarts"}  # methods that hold every candidate at once
ONE_PATH = {"largest"}  # methods that train one network, whatever the seed
SPACE = tiny_space()
DATA = tiny_data()
PLANTED, PLANTED_DATA = planted_space(), planted_data()
TABLE = CostTable.of(SPACE)
LIMITS = (
    Constraint("macs", float(TABLE.fixed.macs + 30_000)),
    Constraint("parameters", float(TABLE.fixed.parameters + 500)),
)


@pytest.fixture(scope="module", params=sorted(METHODS.names()))
def method(request: pytest.FixtureRequest) -> str:
    name: str = request.param
    return name


def search(config: SearchConfig, **options: Any) -> SearchResult:
    return run_search(config, Given(space=SPACE, data=DATA), **options)


def what_was_found(result: SearchResult) -> dict[str, Any]:
    """The result without where it is, and without what the machine decides."""
    return {
        name: value
        for name, value in vars(result).items()
        if name not in ("directory", "search_seconds", "peak_rss_bytes")
    }


class Run(NamedTuple):
    """A search that ended, and its directory.

    Attributes:
        peaks: the bytes of each step, where they were traced.
        paths: every architecture that was live alone.
    """

    result: SearchResult
    out: Path
    peaks: list[int]
    paths: list[Architecture]

    def assert_same(self, result: SearchResult, out: Path) -> None:
        """Another search ended with the same, bit for bit."""
        assert what_was_found(result) == what_was_found(self.result)
        (tensors, state), (other_tensors, other_state) = map(final_state, (self.out, out))
        assert other_state == state
        assert_same_tensors(other_tensors, tensors)


@contextmanager
def watched_paths() -> Iterator[list[Architecture]]:
    """Every architecture that is trained or evaluated alone."""
    paths: list[Architecture] = []
    activate = Supernet.activate

    def spy(supernet: Supernet, subspace: Subspace | Architecture) -> None:
        if isinstance(subspace, Architecture):
            paths.append(subspace)
        activate(supernet, subspace)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Supernet, "activate", spy)
        yield paths


@contextmanager
def watched_peaks() -> Iterator[list[int]]:
    """The bytes that each step of a search holds, traced as it runs.

    Of the steps that are alike, the first two: the first makes the optimizers' state.
    """
    from radars.memory.predict import track
    from radars.nn import steps

    peaks: list[int] = []
    times: Counter[object] = Counter()
    with pytest.MonkeyPatch.context() as patch:
        for name in ("weights_step", "architecture_step", "evaluation_step"):
            step = getattr(steps, name)

            def tracked(
                supernet: Supernet, *batch: torch.Tensor, step: Any = step, **options: Any
            ) -> torch.Tensor:
                kind = (step, supernet.live, batch[0].shape, options.get("micro_batches"))
                times[kind] += 1
                if times[kind] > 2:
                    return cast("torch.Tensor", step(supernet, *batch, **options))
                with track(supernet, batch) as tracker:
                    output: torch.Tensor = step(supernet, *batch, **options)
                peaks.append(tracker.peak_bytes)
                return output

            for module in list(sys.modules.values()):
                is_search = getattr(module, "__name__", "").startswith("radars.engine")
                if is_search and hasattr(module, name):
                    patch.setattr(module, name, tracked)
        yield peaks


@pytest.fixture(scope="module")
def constrained(method: str, tmp_path_factory: pytest.TempPathFactory) -> Run:
    """A search with room for everything, and constraints."""
    out = tmp_path_factory.mktemp(method) / "constrained"
    with watched_paths() as paths:
        return Run(search(quick_config(method, constraints=LIMITS), out=out), out, [], paths)


def tight_config(method: str) -> SearchConfig:
    """A budget at which candidates are recomputed and pruned, where a method can."""
    relaxed = DifferentiateConfig(steps=4, relaxation="gumbel", final_temperature=0.5)
    budget = max(160_000, smallest_step_bytes(method))
    longer = {"children": {"number": 1, "steps": 30}} if method in ONE_PATH else {}
    return quick_config(method, differentiate=relaxed, budget=budget, **longer)


@pytest.fixture(scope="module")
def tight(method: str, tmp_path_factory: pytest.TempPathFactory) -> Run:
    """A search of `tight_config`."""
    out = tmp_path_factory.mktemp(method) / "tight"
    with watched_peaks() as peaks:
        return Run(search(tight_config(method), out=out), out, peaks, [])


def test_the_same_seed_gives_the_same_search_bit_for_bit_however_often_it_is_interrupted(
    method: str, tight: Run, tmp_path: Path
) -> None:
    # of radars once in each phase, at least
    often = (3, 9, 15, 18, 25, 30, 36, 60, 63)
    progress = InterruptAt(*(often if method == "radars" else (3, 15, 26)))
    parts = tmp_path / "parts"
    num_sittings = 0
    while True:
        torch.rand(1)  # what the rest of the process draws does not matter
        try:
            result = search(
                tight_config(method), out=parts, resume=num_sittings > 0, progress=progress
            )
            break
        except Stopped:
            num_sittings += 1
    phases = {description.rpartition(" ")[0] for description in progress.interrupted}
    assert num_sittings == len(progress.interrupted) >= 2
    if method == "radars":
        assert {"rank", "select"} <= phases
        assert len(phases) >= 4

    tight.assert_same(result, parts)


@pytest.mark.parametrize("method", sorted({*METHODS.names()} - ONE_PATH))
def test_another_seed_gives_another_search(method: str, tmp_path: Path) -> None:
    def begun(seed: int) -> dict[str, torch.Tensor]:
        out = tmp_path / str(seed)
        with pytest.raises(Stopped):
            search(quick_config(method, seed=seed), out=out, progress=InterruptAt(4))
        return final_state(out)[0]

    first, second = begun(0), begun(1)
    shared = first.keys() & second.keys()
    assert any(
        not torch.equal(first[name], second[name]) for name in shared if "_stream/" not in name
    )


# whose server imports everything once, and whose processes start at once then
PROCESSES = multiprocessing.get_context("forkserver")
PROCESSES.set_forkserver_preload(["tests.tasks"])


def newest_checkpoint(out: Path) -> int:
    steps = [int(path.stem) for path in (out / "checkpoint").glob("*.sha256")]
    return max(steps, default=0)


@pytest.mark.slow
@pytest.mark.parametrize("method", ["radars", "evolution", "enas", "gdas"])  # one of each kind
def test_a_search_that_is_killed_goes_on_as_if_nothing_had_been(
    method: str, tmp_path: Path
) -> None:
    config = quick_config(method, checkpoint_seconds=0)
    whole = Run(search(config, out=tmp_path / "whole"), tmp_path / "whole", [], [])
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
    whole.assert_same(search(config, out=out, resume=True), out)


@cache
def path_bytes() -> tuple[int, int]:
    """The peaks of the smallest path, and of the supernet of all paths."""
    planner = Planner(SPACE, training_spec(quick_config(), DATA.input_shape), 2**40)
    smallest, largest = planner.smallest_path(), SPACE.full
    return planner.predict(smallest).peak_bytes, planner.predict(largest).peak_bytes


@cache
def smallest_step_bytes(method: str) -> int:
    """What a method needs by what it says itself, held against what is known of it."""
    smallest, largest = path_bytes()
    problem = SearchProblem.of(quick_config(method), Given(space=SPACE, data=DATA))
    whole_bytes = problem.planner.full_supernet_bytes
    if method in WHOLE_SUPERNET:
        assert (whole_bytes < largest) == (method == "pcdarts")
        return whole_bytes
    if method not in ("gdas", "proxyless"):
        return smallest
    planned = METHODS.get(method)(SearchContext.of(problem))
    assert isinstance(planned, PathDNAS)
    planned.context.guard.planner.tighten(1)
    with pytest.raises(BudgetError) as caught:
        planned.check_memory()
    assert caught.value.needed_bytes is not None
    assert caught.value.needed_bytes < (3 * smallest + largest) // 4
    return caught.value.needed_bytes


def test_no_step_exceeds_the_budget(method: str, tight: Run, constrained: Run) -> None:
    assert tight.peaks
    assert max(tight.peaks) <= tight.result.budget_bytes
    assert max(tight.peaks) <= 1.02 * tight.result.predicted_peak_bytes
    for result, out, *_ in (tight, constrained):
        assert 0 < result.measured_peak_bytes <= result.budget_bytes
        assert result.predicted_peak_bytes <= result.budget_bytes
        assert result.measured_peak_bytes == pytest.approx(result.predicted_peak_bytes, rel=0.02)
        for event in read_events(out / "events.jsonl"):
            for name, value in event.items():
                if name.endswith("peak_bytes"):
                    assert value <= result.budget_bytes


def test_a_budget_below_the_smallest_path_is_refused_before_anything_is_written(
    method: str, tmp_path: Path
) -> None:
    with pytest.raises(BudgetError, match="bytes"):
        search(quick_config(method, budget=path_bytes()[0] - 1), out=tmp_path / "run")
    assert not (tmp_path / "run").exists()


def test_a_budget_below_what_the_method_needs_ends_before_the_first_step(
    method: str, tmp_path: Path
) -> None:
    needed_bytes = smallest_step_bytes(method)
    smallest_bytes, _ = path_bytes()
    if needed_bytes == smallest_bytes:
        return  # less is refused, as above
    budget = needed_bytes - 1 if method in WHOLE_SUPERNET else smallest_bytes
    with (
        watched_peaks() as peaks,
        pytest.raises(BudgetError, match=f"{needed_bytes:,} bytes") as caught,
    ):
        search(quick_config(method, budget=budget), out=tmp_path / "run")
    assert not peaks
    assert ("holds the supernet of all" in str(caught.value)) == (method in WHOLE_SUPERNET)
    assert caught.value.needed_bytes == needed_bytes
    ended = read_result(tmp_path / "run")
    assert ended is not None
    assert (ended["status"], ended["architecture"]) == ("exceeded_memory", None)
    assert ended["needed_bytes"] == needed_bytes


def test_a_search_that_scored_nothing_says_so_and_returns_what_size_says(method: str) -> None:
    result = search(quick_config(method, max_minutes=1e-9, budget=64 * MIB))
    assert result.status == "exceeded_time"
    assert result.validation_accuracy is None
    assert "nothing was scored" in result.summary()
    assert "radars train" not in result.summary()
    if method in WHOLE_SUPERNET | {"largest", "zero_cost"}:  # one step taught them something
        return
    assert result.by_size
    every = [dict(zip(SPACE.full, names, strict=True)) for names in product(*SPACE.full.values())]
    assert result.macs == max(TABLE.cost(architecture).macs for architecture in every)


def test_constraints_hold_for_all_that_is_trained_as_a_network(
    method: str, constrained: Run
) -> None:
    found = constrained.result.architecture
    assert found is not None
    assert len(set(constrained.paths)) > 1 or method in WHOLE_SUPERNET | ONE_PATH
    for architecture in [*constrained.paths, found]:
        assert all(within(limit, TABLE.cost(architecture)) for limit in LIMITS)
    assert constrained.result.macs == TABLE.cost(found).macs
    assert constrained.result.parameters == TABLE.cost(found).parameters


def test_the_test_split_stays_sealed(constrained: Run) -> None:
    # opening the one of `tiny_data` raises, and so does anything else that is asked of it
    with pytest.raises(AssertionError):
        DATA.test.open()
    assert constrained.result.status == "completed"


def planted_config(method: str, **changes: Any) -> SearchConfig:
    # of which `asha` would train all of 27 networks in each rung
    number, steps = (20, 30) if method == "asha" else (300, 20)
    settings: dict[str, Any] = {
        "data": {"batch_size": 32, "augment": False},
        "num_rounds": 2,
        "optimizer": {"learning_rate": 0.2},
        "explore": ExploreConfig(steps=160, ranker_draws=8),
        "differentiate": DifferentiateConfig(steps=20),
        "select": SelectConfig(
            finalists=4, halving_steps=(30,), keep=0.5, optimizer={"learning_rate": 0.2}
        ),
        "children": {"number": number, "steps": steps, "optimizer": {"learning_rate": 0.2}},
        "reinforce": {"batch": 4, "controller": {"learning_rate": 0.05}},
        "enas": {
            "controller": {"learning_rate": 0.05},
            "updates": {"warmup_fraction": 0.5, "update_every": 2, "samples": 6},
        },
        "spos": {"population": 16, "generations": 5},
        "asha": {"minimum_steps": 10},
        "zero_cost": {"number": 200},
        "dnas": {"steps": 120, "partial_channels": 2},
    }
    return quick_config(method, **(settings | changes))


def test_the_planted_optimum_is_found_where_the_budget_holds_just_that(method: str) -> None:
    planted, given = Architecture(dict.fromkeys("abc", "conv3")), Given(PLANTED, data=PLANTED_DATA)
    planner = SearchProblem.of(planted_config(method), given).planner
    budget = planner.predict(planted).peak_bytes
    assert budget < planner.predict(PLANTED.full).peak_bytes
    if method in WHOLE_SUPERNET:
        budget = max(budget, planner.full_supernet_bytes)
    result = run_search(planted_config(method, budget=budget), given)
    assert result.architecture == planted
    assert result.validation_accuracy is not None
    assert result.validation_accuracy > 0.6
    assert result.measured_peak_bytes <= budget


@pytest.mark.slow
def test_the_planted_optimum_is_found_under_a_constraint(method: str) -> None:
    table = CostTable.of(PLANTED)
    conv3 = table.candidates["a"]["conv3"].macs
    limit = Constraint("macs", float(table.fixed.macs + 2 * conv3))
    result = run_search(
        planted_config(method, constraints=(limit,)), Given(PLANTED, data=PLANTED_DATA)
    )
    assert result.architecture is not None
    assert list(result.architecture.values()).count("conv3") == 2
    assert result.macs <= limit.limit
