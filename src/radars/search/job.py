"""`run_search`: a whole search, from its configuration to its result, in a run directory or not."""

import math
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory

from radars.data import Data
from radars.errors import RunError
from radars.memory import out_of_memory_said
from radars.memory.measure import peak_rss_bytes
from radars.nn.shelf import Shelf
from radars.run import Interrupt, NoProgress, Progress, RunDirectory, ScalarWriter
from radars.run.device import capped, reproducible
from radars.search.config import SearchConfig
from radars.search.observer import Observer, TimeLimitReached
from radars.search.radars import search_radars
from radars.search.result import SearchResult, Status
from radars.search.setup import SearchSetup
from radars.search.state import SearchState
from radars.space import Architecture, SearchSpace


def run_search(
    config: SearchConfig | None = None,
    *,
    space: SearchSpace | None = None,
    proxy: SearchSpace | None = None,
    data: Data | None = None,
    out: str | Path | None = None,
    resume: bool = False,
    progress: Progress | None = None,
) -> SearchResult:
    """Searches for an architecture within a memory budget.

    Args:
        config: everything that decides the search; by default a short one on digits.
        space: used instead of the one that the configuration names.
        proxy: trained instead of `space` while searching; makes the same choices.
        data: used instead of those that the configuration names.
        out: the run directory; None keeps nothing on disk.
        resume: go on with the run in `out` from its last checkpoint.
        progress: shows people how far it is.

    Raises:
        ConfigError, SpaceError, DataError: something is wrong with what was given; nothing has
            been written.
        BudgetError: no architecture fits the budget; nothing has been written.
        Stopped: it was interrupted; the state is saved.
        RunError: it cannot go on.
    """
    config = config or SearchConfig()
    setup = SearchSetup.of(config, space=space, proxy=proxy, data=data)
    with ExitStack() as stack:
        interrupt = stack.enter_context(Interrupt())
        stack.enter_context(reproducible(setup.device))
        stack.enter_context(capped(setup.device, config.budget if config.hard_cap else None))
        run = scalars = None
        if out is not None:
            run = stack.enter_context(
                RunDirectory.resume(out)
                if resume
                else RunDirectory.create(out, config.model_dump(mode="json"))
            )
        shelf = stack.enter_context(_shelf_in(run))
        bench = setup.workbench()
        state = setup.state(bench, shelf)
        checkpoint = run.latest() if run is not None else None
        if checkpoint is not None:
            state.load(
                checkpoint.tensors,
                checkpoint.values,
                setup.planner,
                setup.new_child,
                setup.new_child_stream,
            )
        if run is not None:
            scalars = stack.enter_context(ScalarWriter(run.tensorboard_path, state.total_steps))
        observer = Observer(
            run,
            scalars,
            progress or NoProgress(),
            interrupt,
            save_every_seconds=config.checkpoint_seconds,
            max_seconds=math.inf if config.max_minutes is None else config.max_minutes * 60,
        )
        bench.on_out_of_memory = partial(_log_out_of_memory, observer)
        if checkpoint is None:
            observer.log("search_started", space=setup.space.name, seed=config.seed)
            observer.save(state)
        status: Status = "completed"
        accuracy: float | None
        try:
            with out_of_memory_said("what an evaluation holds"):
                architecture, accuracy = search_radars(
                    bench, state, config, observer, setup.new_child, setup.new_child_stream
                )
        except TimeLimitReached:
            status, (architecture, accuracy) = "exceeded_time", _best_so_far(setup, state)
        except RunError as error:
            result = _result(setup, state, "failed", *_best_so_far(setup, state))
            if run is not None:
                run.write_result(result.to_dict())
                observer.log("search_ended", status="failed", reason=str(error))
            raise
        result = _result(setup, state, status, architecture, accuracy)
        if run is not None:
            run.write_architecture(dict(architecture))
            run.write_result(result.to_dict())
            observer.log("search_ended", status=status, architecture=dict(architecture))
    return result


@contextmanager
def _shelf_in(run: RunDirectory | None) -> Iterator[Shelf]:
    """Where weights go that the host has no room for, for as long as the run goes on."""
    with ExitStack() as stack:
        if run is None:
            folder = Path(stack.enter_context(TemporaryDirectory(prefix="radars-"))) / "weights"
        else:
            folder = run.weights_path
        shelf = Shelf(folder)
        try:
            yield shelf
        finally:
            shelf.clear()


def _log_out_of_memory(observer: Observer, expected_bytes: int, budget_bytes: int) -> None:
    observer.log("out_of_memory", expected_bytes=expected_bytes, budget_bytes=budget_bytes)


def _best_so_far(setup: SearchSetup, state: SearchState) -> tuple[Architecture, float | None]:
    """The contender that stands best, with its accuracy if it has one, or the likeliest."""
    if state.selection is not None:
        standings = state.selection.standings
        best = max(range(len(standings)), key=standings.__getitem__)
        accuracies = dict(enumerate(state.selection.accuracies))
        return state.selection.contenders[best], accuracies.get(best)
    [likeliest] = setup.feasible.best(state.controller.scores(), state.controller.subspace, 1)
    return likeliest, None


def _result(
    setup: SearchSetup,
    state: SearchState,
    status: Status,
    architecture: Architecture,
    accuracy: float | None,
) -> SearchResult:
    cost = setup.costs.cost(architecture)
    return SearchResult(
        status=status,
        method=setup.config.method,
        space=setup.space.name,
        seed=setup.config.seed,
        architecture=architecture,
        num_architectures=setup.space.num_architectures,
        validation_accuracy=accuracy,
        test_accuracy=None,
        budget_bytes=setup.config.budget,
        predicted_peak_bytes=state.meter.predicted_peak_bytes,
        measured_peak_bytes=state.meter.measured_peak_bytes,
        peak_rss_bytes=peak_rss_bytes(),
        search_seconds=round(state.seconds, 3),
        macs=cost.macs,
        parameters=cost.parameters,
        rounds=state.round_index,
    )
