"""`SearchSession`: what a search needs while it runs, opened in order and closed again."""

import json
import math
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import torch

from radars.engine.baselines.train_alike import Baselines
from radars.engine.context import SearchContext
from radars.engine.memory_meter import Excess
from radars.engine.methods.method import Method
from radars.engine.problem import SearchProblem
from radars.engine.search_observer import SearchObserver
from radars.engine.search_state import SearchPosition, SearchState
from radars.engine.workers import ExecutorWorkers, Origin, needs_of
from radars.execution.environment import environment
from radars.execution.executor import Executor, Lost, new_executor
from radars.execution.group import Group, new_group
from radars.execution.interrupt import Interrupt
from radars.execution.workplace import workplace
from radars.nn.memory_saving.disk_offload import DiskOffload
from radars.registries import METHODS
from radars.runs.directory import RunDirectory
from radars.runs.event_schema import (
    Event,
    EventSink,
    MemoryExceededEvent,
    OutOfMemoryEvent,
    SearchStartedEvent,
    StepSkippedEvent,
    WorkerLostEvent,
)
from radars.runs.files import unwritable_said
from radars.runs.read_run import put_back, read_checkpoint
from radars.tracking.loggers import open_curves
from radars.tracking.progress import NoProgress, Progress
from radars.tracking.run_observer import tell

LATENCIES_NAME = "latencies.json"


@dataclass(frozen=True)
class SearchSession:
    """A search that is ready to run, or to go on.

    Attributes:
        problem: what is searched.
        run: the run directory; None where nothing is kept, or another process writes.
        method: what searches.
        state: how far it is.
        observer: shows it, logs it, saves it, and stops it.
        is_new: whether it begins, rather than goes on from a checkpoint.
        baselines: what is trained beside what it finds; None where nothing is.
    """

    problem: SearchProblem
    run: RunDirectory | None
    method: Method
    state: SearchState
    observer: SearchObserver
    is_new: bool
    baselines: Baselines | None = None


@contextmanager
def open_session(
    problem: SearchProblem,
    identity: Mapping[str, Any],
    origin: Origin,
    new_run: RunDirectory | None,
    *,
    out: Path | None,
    resume: bool,
    progress: Progress | None,
    on_event: EventSink | None = None,
) -> Iterator[SearchSession]:
    """Opens what a search needs, and closes it whatever happens.

    Args:
        problem: what is searched.
        identity: what tells it from others, as plain values.
        origin: what workers make the same from.
        new_run: the run directory of a search that is new, where it is made already.
        out: the run directory; None keeps nothing on disk.
        resume: go on with the run in `out` from its last checkpoint.
        progress: shows people how far it is.
        on_event: told of every event, after it is logged; what it raises ends the search.
    """
    config = problem.config
    with ExitStack() as stack:
        group = stack.enter_context(new_group(config.num_processes, config.device))
        # before the interrupt is listened for: Ray has its own idea of SIGTERM
        executor = stack.enter_context(new_executor(config.executor))
        interrupt = stack.enter_context(
            workplace(
                problem.device,
                num_threads=config.num_threads,
                cap_bytes=config.budget if config.hard_cap else None,
            )
        )
        executor.check([needs_of(config.budget, problem.device)])
        run = None
        if out is not None and group.is_first:
            run = new_run or stack.enter_context(_open_run(problem, out, resume=resume))
            run.begin(identity)
            if problem.latencies is not None:
                run.write_json(LATENCIES_NAME, [row.to_dict() for row in problem.latencies])
        disk = stack.enter_context(_open_disk(run))
        group.first_says("the run directory is there")
        agreed = json.dumps([row.to_dict() for row in problem.latencies or ()])
        group.agree("latencies", agreed)
        position = SearchPosition()
        context = _context(
            problem, origin, position, group, executor, run, disk, interrupt, on_event
        )
        kind: type[Method] = METHODS.get(config.method)
        baselines = Baselines(context) if config.baseline.names else None
        state = SearchState(position, context, kind(context), baselines)
        is_new = not _resumed(state, out if resume else None)
        yield _session(stack, state, run, interrupt, progress, on_event, is_new=is_new)


def _session(
    stack: ExitStack,
    state: SearchState,
    run: RunDirectory | None,
    interrupt: Interrupt,
    progress: Progress | None,
    on_event: EventSink | None,
    *,
    is_new: bool,
) -> SearchSession:
    """The session, with curves that go on where they ended."""
    problem, config = state.context.problem, state.context.problem.config
    curves = None
    if run is not None:
        curves = stack.enter_context(open_curves(config.loggers, run, state.position.total_steps))
    is_first = state.context.guard.group.is_first
    observer = SearchObserver(
        run,
        curves,
        (progress if is_first else None) or NoProgress(),
        interrupt,
        state,
        save_every_seconds=config.checkpoint_seconds,
        on_event=on_event,
        max_seconds=math.inf if config.max_minutes is None else config.max_minutes * 60,
        kept_share=config.baseline.share if config.baseline.names else 0.0,
    )
    method = state.method
    assert isinstance(method, Method)
    baselines = state.baselines
    assert baselines is None or isinstance(baselines, Baselines)
    session = SearchSession(problem, run, method, state, observer, is_new, baselines)
    if is_new and run is not None:
        _log_start(session)
    return session


def _open_run(problem: SearchProblem, out: Path, *, resume: bool) -> RunDirectory:
    if resume:
        return RunDirectory.resume(out)
    return RunDirectory.create(out, problem.config.model_dump(mode="json"))


@contextmanager
def _open_disk(run: RunDirectory | None) -> Iterator[DiskOffload]:
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
    with unwritable_said(Path("a temporary directory")):
        return TemporaryDirectory(prefix="radars-")


def _context(
    problem: SearchProblem,
    origin: Origin,
    position: SearchPosition,
    group: Group,
    executor: Executor,
    run: RunDirectory | None,
    disk: DiskOffload,
    interrupt: Interrupt,
    on_event: EventSink | None,
) -> SearchContext:
    """The context, whose parts log what happens to them."""

    def log(event: Event) -> None:
        if run is not None:
            run.log(event)
        tell(event, on_event, interrupt)

    def on_out_of_memory(expected_bytes: int, budget_bytes: int) -> None:
        log(OutOfMemoryEvent(expected_bytes=expected_bytes, budget_bytes=budget_bytes))

    def on_excess(excess: Excess) -> None:
        budget_bytes = problem.planner.budget_bytes
        log(MemoryExceededEvent(**excess._asdict(), budget_bytes=budget_bytes))

    def on_skip(count: int) -> None:
        log(
            StepSkippedEvent(
                phase=position.phase, round=position.round_index, step=position.step, count=count
            )
        )

    def on_lost(lost: Lost) -> None:
        log(WorkerLostEvent(**asdict(lost)))

    return SearchContext.of(
        problem,
        group=group,
        disk=disk,
        on_out_of_memory=on_out_of_memory,
        on_excess=on_excess,
        on_skip=on_skip,
        new_workers=(
            None
            if executor.is_here
            else partial(ExecutorWorkers, executor, origin, on_lost=on_lost)
        ),
    )


def _resumed(state: SearchState, out: Path | None) -> bool:
    """Puts the state back to the last checkpoint, where there is one."""
    checkpoint = None if out is None else read_checkpoint(out)
    state.context.guard.group.agree("checkpoint", str(checkpoint and checkpoint.step))
    if checkpoint is None:
        return False
    with put_back(checkpoint):
        state.load_state_dict(checkpoint.state)
    return True


def _log_start(session: SearchSession) -> None:
    """Logs what a report of the search needs, beside its configuration."""
    problem = session.problem
    session.observer.log(
        SearchStartedEvent(
            space=problem.space.name,
            method=problem.config.method,
            seed=problem.config.seed,
            candidates={choice: tuple(names) for choice, names in problem.space.full.items()},
            network=problem.space.flow(problem.data.input_shape),
            environment=environment(problem.device),
            num_threads=torch.get_num_threads(),
        )
    )
