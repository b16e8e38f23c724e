"""`run_search`: a whole search, from its configuration to its result, in a run directory or not."""

import json
import math
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import asdict
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import torch

from radars.cost import COUNTED, Cost, LatencyRow, read_latencies
from radars.data import Data
from radars.engine.methods.method import Found
from radars.engine.methods.registry import new_method
from radars.engine.search_config import SearchConfig
from radars.engine.search_observer import Observer, TimeLimitReached
from radars.engine.search_result import SearchResult, Status
from radars.engine.search_setup import SearchSetup
from radars.engine.search_state import SearchState
from radars.engine.workers import Origin, Workers, needs_of
from radars.errors import BudgetError, ConfigError, RunError
from radars.execution.allocator import freed_memory_kept
from radars.execution.device import capped, reproducible, threads
from radars.execution.environment import environment
from radars.execution.executor import Lost, new_executor
from radars.execution.group import new_group
from radars.execution.interrupt import Interrupt
from radars.memory import out_of_memory_said
from radars.memory.measure import peak_rss_bytes
from radars.nn.memory_saving.disk_offload import DiskOffload
from radars.nn.task import CLASSIFICATION, Task
from radars.runs.directory import PARETO_NAME, RunDirectory, read_checkpoint, read_config
from radars.runs.event_schema import (
    OutOfMemoryEvent,
    SearchEndedEvent,
    SearchStartedEvent,
    StepSkippedEvent,
    WorkerLostEvent,
)
from radars.runs.files import unwritable
from radars.settings import validate_settings
from radars.space import Architecture, SearchSpace
from radars.tracking.loggers import check_installed, open_curves
from radars.tracking.progress import NoProgress, Progress

LATENCIES_NAME = "latencies.json"


def run_search(
    config: SearchConfig | None = None,
    *,
    space: SearchSpace | None = None,
    proxy: SearchSpace | None = None,
    data: Data | None = None,
    task: Task = CLASSIFICATION,
    out: str | Path | None = None,
    resume: bool = False,
    progress: Progress | None = None,
) -> SearchResult:
    """Searches for an architecture within a memory budget.

    Args:
        config: everything that decides the search; by default a short one on digits, or that of
            the run to resume.
        space: used instead of the one that the configuration names.
        proxy: trained instead of `space` while searching; makes the same choices.
        data: used instead of those that the configuration names.
        task: the loss and the score; classification where nothing else is said. Like `space` and
            `data`, it is given again to resume.
        out: the run directory; None keeps nothing on disk.
        resume: go on with the run in `out` from its last checkpoint.
        progress: shows people how far it is.

    Raises:
        ConfigError, SpaceError, DataError: something is wrong with what was given; nothing has
            been written.
        BudgetError: no architecture fits the budget, and nothing has been written; or the method's
            own steps do not, and the result says `exceeded_memory`.
        Stopped: it was interrupted; the state is saved.
        RunError: it cannot go on.
    """
    if resume and out is not None:
        config = resumed_config(out, config)
    config = config or SearchConfig()
    check_installed(config.loggers)
    latencies = _read_latencies(out) if resume and out is not None else None
    setup = SearchSetup.of(
        config, space=space, proxy=proxy, data=data, task=task, latencies=latencies
    )
    origin = Origin(config, space, proxy, data, task, setup.latencies)
    if config.executor.jobs > 1:
        origin.check_sendable()
    with ExitStack() as stack:
        group = stack.enter_context(new_group(config.num_processes, config.device))
        stack.enter_context(threads(config.num_threads))
        stack.enter_context(freed_memory_kept())
        executor = stack.enter_context(new_executor(config.executor))
        executor.check([needs_of(config.budget, setup.device)])
        interrupt = stack.enter_context(Interrupt())  # after Ray, which has its own idea of SIGTERM
        stack.enter_context(reproducible(setup.device))
        stack.enter_context(capped(setup.device, config.budget if config.hard_cap else None))
        run = curves = None
        if out is not None and group.is_first:
            run = stack.enter_context(
                RunDirectory.resume(out)
                if resume
                else RunDirectory.create(out, config.model_dump(mode="json"))
            )
            if setup.latencies is not None:
                run.write_json(LATENCIES_NAME, [row.to_dict() for row in setup.latencies])
        disk = stack.enter_context(_disk_offload_in(run))
        group.first_says("the run directory is there")
        bench = setup.workbench()
        bench.group = group
        group.agree("latencies", json.dumps([row.to_dict() for row in setup.latencies or ()]))
        method = new_method(setup, bench, disk)
        state = SearchState(
            method,
            bench.train_stream,
            bench.validation_stream,
            bench.meter,
            bench.skipped,
            bench.evaluations,
        )
        checkpoint = read_checkpoint(out) if out is not None and resume else None
        group.agree("checkpoint", str(checkpoint and checkpoint.step))
        if checkpoint is not None:
            state.load(checkpoint.tensors, checkpoint.values, setup.planner)
        if run is not None:
            curves = stack.enter_context(open_curves(config.loggers, run, state.total_steps))
        observer = Observer(
            run,
            curves,
            (progress if group.is_first else None) or NoProgress(),
            interrupt,
            state,
            save_every_seconds=config.checkpoint_seconds,
            group=group,
            max_seconds=math.inf if config.max_minutes is None else config.max_minutes * 60,
        )
        bench.on_out_of_memory = partial(_log_out_of_memory, observer)
        bench.skipped.on_skip = partial(_log_skipped_step, observer)
        if not executor.is_here:
            method.workers = Workers(
                executor,
                origin,
                bench,
                while_waiting=observer.check,
                on_lost=partial(_log_lost, observer),
            )

        def end(status: Status, found: Found, **details: Any) -> SearchResult:
            result = _result(setup, state, status, found)
            if state.skipped.count:
                details["skipped_steps"] = state.skipped.count
            if run is not None:
                if status in ("completed", "exceeded_time"):
                    run.write_architecture(dict(found.architecture))
                    if bench.evaluations is not None:
                        front = bench.evaluations.front(config.pareto, setup.costs)
                        run.write_json(PARETO_NAME, front)
                is_found = status != "exceeded_memory"
                observer.log(
                    SearchEndedEvent(
                        status=status,
                        architecture=dict(found.architecture) if is_found else None,
                        costs=_costs(setup, found.architecture) if is_found else None,
                        needed_bytes=details.get("needed_bytes"),
                        reason=details.get("reason"),
                        skipped_steps=state.skipped.count,
                    )
                )
                # last, as it says that all the rest is there
                run.write_result(result.to_dict() | details)
            return result

        if checkpoint is None and run is not None:
            _log_start(observer, setup)
        try:
            method.check_memory()
            if checkpoint is None:
                observer.save()
            with out_of_memory_said("what an evaluation holds"):
                found = method.run(observer)
        except BudgetError as error:
            nothing = dict.fromkeys(("architecture", "macs", "parameters", "costs"))
            needed_bytes = error.needed_bytes
            end("exceeded_memory", method.best_so_far(), **nothing, needed_bytes=needed_bytes)
            raise
        except TimeLimitReached:
            return end("exceeded_time", method.best_so_far())
        except RunError as error:
            with suppress(RunError):  # where the disk is full, that cannot be written either
                end("failed", method.best_so_far(), reason=str(error))
            raise
        if not state.is_over:  # or it ended before, but could not say so
            state.is_over = True
            observer.save()  # the weights as they are in the end, for a training to start from
        return end("completed", found)


def resumed_config(out: str | Path, asked: SearchConfig | None) -> SearchConfig | None:
    """The configuration that a run goes on with: only what does not change its result may be new.

    Args:
        out: the run directory.
        asked: what it is to go on with; None for the configuration that it was started with.

    Returns:
        The configuration; what was asked for where there is no run yet.

    Raises:
        ConfigError: something else is new.
    """
    settings = read_config(out)
    if settings is None:
        return asked
    stored = validate_settings(SearchConfig, settings)
    if asked is None:
        return stored
    for key, (before, after) in stored.kept_changes(asked).items():
        raise ConfigError(
            f"a resumed run keeps its settings, but {key} of {out} is {before!r} and now "
            f"{after!r} is asked for; leave out the options, or choose another --out"
        )
    return asked


@contextmanager
def _disk_offload_in(run: RunDirectory | None) -> Iterator[DiskOffload]:
    """Where weights go that the host has no room for, for as long as the run goes on."""
    with ExitStack() as stack:
        if run is None:
            folder = Path(stack.enter_context(_temporary_folder())) / "weights"
        else:
            folder = run.weights_path
        disk = DiskOffload(folder)
        try:
            yield disk
        finally:
            disk.clear()


def _temporary_folder() -> TemporaryDirectory[str]:
    try:
        return TemporaryDirectory(prefix="radars-")
    except OSError as error:
        raise unwritable(Path("a temporary directory"), error) from error


def _log_start(observer: Observer, setup: SearchSetup) -> None:
    """Logs what a report of the search needs, beside its configuration."""
    observer.log(
        SearchStartedEvent(
            space=setup.space.name,
            method=setup.config.method,
            seed=setup.config.seed,
            candidates={choice: tuple(names) for choice, names in setup.space.full.items()},
            network=setup.space.flow(setup.data.input_shape),
            environment=environment(setup.device),
            num_threads=torch.get_num_threads(),
        )
    )


def _costs(setup: SearchSetup, architecture: Architecture) -> dict[str, Cost]:
    """Choice to what its candidate adds to the cost of the architecture."""
    return {choice: setup.costs.candidates[choice][name] for choice, name in architecture.items()}


def _log_out_of_memory(observer: Observer, expected_bytes: int, budget_bytes: int) -> None:
    observer.log(OutOfMemoryEvent(expected_bytes=expected_bytes, budget_bytes=budget_bytes))


def _log_skipped_step(observer: Observer, count: int) -> None:
    state = observer.state
    observer.log(
        StepSkippedEvent(phase=state.phase, round=state.round_index, step=state.step, count=count)
    )


def _log_lost(observer: Observer, lost: Lost) -> None:
    observer.log(WorkerLostEvent(**asdict(lost)))


def _result(setup: SearchSetup, state: SearchState, status: Status, found: Found) -> SearchResult:
    cost = setup.costs.cost(found.architecture)
    return SearchResult(
        status=status,
        method=setup.config.method,
        space=setup.space.name,
        seed=setup.config.seed,
        architecture=found.architecture,
        num_architectures=setup.space.num_architectures,
        validation_accuracy=found.accuracy,
        test_accuracy=None,
        budget_bytes=setup.config.budget,
        predicted_peak_bytes=state.meter.predicted_peak_bytes,
        measured_peak_bytes=state.meter.measured_peak_bytes,
        peak_rss_bytes=peak_rss_bytes(),
        search_seconds=round(state.seconds, 3),
        macs=cost.macs,
        parameters=cost.parameters,
        rounds=state.round_index,
        costs=_asked_costs(setup, found.architecture),
    )


def _asked_costs(
    setup: SearchSetup, architecture: Architecture
) -> dict[str, dict[str, float | None]]:
    """What is asked for and not counted, by candidates and of the whole network."""
    metrics = {name: setup.costs.metric(name) for name in setup.config.asked_costs}
    return {
        name: {
            "sum": metric.of(architecture),
            "whole": None if metric.whole is None else metric.whole(architecture),
        }
        for name, metric in sorted(metrics.items())
        if name not in COUNTED
    }


def _read_latencies(out: str | Path) -> list[LatencyRow] | None:
    """What a search to go on with has measured: it goes on with the same numbers."""
    path = Path(out) / LATENCIES_NAME
    return read_latencies(path) if path.is_file() else None
