"""`run_search`: a whole search, from its configuration to its result, in a run directory or not."""

import json
from collections.abc import Mapping
from contextlib import suppress
from hashlib import sha256
from itertools import islice
from pathlib import Path
from typing import Any

from radars.cost import Cost, LatencyRow, read_latencies
from radars.data import say_missing_classes
from radars.engine.baselines.train_alike import PHASE
from radars.engine.given import Given
from radars.engine.identity import DIGESTS, Identity, check_same
from radars.engine.memory_guard import MemoryGuard
from radars.engine.methods.method import Found
from radars.engine.problem import SearchProblem
from radars.engine.search_config import CHANGEABLE, SearchConfig
from radars.engine.search_observer import TimeLimitReached
from radars.engine.search_result import Ranked, SearchResult, Status
from radars.engine.search_time import search_seconds
from radars.engine.session import LATENCIES_NAME, SearchSession, open_session
from radars.engine.workers import Origin
from radars.errors import BudgetError, ConfigError, RadarsError, RunError, SpaceError
from radars.failures import callers_errors, failures_said
from radars.memory import out_of_memory_said
from radars.memory.measure import peak_rss_bytes
from radars.objects import is_object_name
from radars.registries import COSTS
from radars.runs.directory import new_run, no_run_to_resume
from radars.runs.event_schema import EventSink, SearchEndedEvent
from radars.runs.file_names import PARETO_NAME
from radars.runs.identity_file import check_config_file, known_identity
from radars.runs.read_run import read_config
from radars.settings import validate_settings
from radars.space import Architecture
from radars.tracking.loggers import check_installed
from radars.tracking.progress import Progress
from radars.units import format_seconds

_MOST_RANKED = 5


def run_search(
    config: SearchConfig | None = None,
    given: Given | None = None,
    *,
    out: str | Path | None = None,
    resume: bool = False,
    progress: Progress | None = None,
    on_event: EventSink | None = None,
) -> SearchResult:
    """Searches for an architecture within a memory budget.

    Args:
        config: everything that decides the search; by default a short one on digits, or that of
            the run to resume.
        given: objects that are used instead of those that the configuration names; given again to
            resume.
        out: the run directory; None keeps nothing on disk.
        resume: go on with the run in `out` from its last checkpoint.
        progress: shows people how far it is.
        on_event: told of every event, as `events.jsonl` has them; what it raises ends the search.

    Raises:
        ConfigError, SpaceError, DataError: something is wrong with what was given; nothing has
            been written.
        BudgetError: no architecture fits the budget, and nothing has been written; or the method's
            own steps do not, and the result says `exceeded_memory`.
        Stopped: it was interrupted; the state is saved.
        RunError: it cannot go on.
    """
    out, given = None if out is None else Path(out), given or Given()
    config = None if config is None else given.recorded(config)
    if resume and out is not None:
        config = resumed_config(out, config)
    config = config or given.recorded(SearchConfig())
    check_installed(config.loggers)
    # of several processes it is not known yet which is the first
    own = None if resume or config.num_processes > 1 else out
    with callers_errors(), new_run(config, own) as run:
        latencies = _read_latencies(out) if resume and out is not None else None
        with failures_said(SpaceError, f"the network of {config.space!r}"):
            problem = SearchProblem.of(config, given, latencies=latencies)
            known = Identity.of(problem.space, problem.proxy, problem.data, problem.task)
        _say_missing_classes(problem)
        identity = known.to_dict() | _tables(config)
        if resume and out is not None:
            digests = {name: identity[name] for name in (*DIGESTS, *_tables(config))}
            check_same(out, known_identity(out), digests)
        origin = Origin(config, given, problem.latencies)
        if config.executor.jobs > 1:
            origin.check_sendable()
        opened = open_session(
            problem, identity, origin, run, out=out, resume=resume, progress=progress,
            on_event=on_event,
        )  # fmt: skip
        with opened as session:
            return _run(session)


def _say_missing_classes(problem: SearchProblem) -> None:
    if problem.task.is_classification:
        names = problem.data.class_names
        say_missing_classes(problem.data.train.label_N, names, "the training part")
        say_missing_classes(problem.data.validation.label_N, names, "the validation part")


def _run(session: SearchSession) -> SearchResult:
    """Runs what is left of a search, and writes how it ended."""
    method, observer, position = session.method, session.observer, session.state.position
    try:
        method.check_memory()
        if session.is_new:
            observer.save()
            if observer.is_shown:
                observer.say(_length(session))
        with (
            failures_said(RunError, f"a step on {session.problem.space.name!r}"),
            out_of_memory_said("what an evaluation holds"),
        ):
            found = _found(session)
    except BudgetError as error:
        nothing = dict.fromkeys(("architecture", "macs", "parameters", "costs"))
        details = {**nothing, "needed_bytes": error.needed_bytes}
        _end(session, "exceeded_memory", method.best_so_far(), details)
        raise
    except TimeLimitReached:
        return _end(session, "exceeded_time", _best_so_far(session))
    except RunError as error:
        # where the disk is full, that cannot be written either
        with suppress(RadarsError), failures_said(RunError, "what was found so far"):
            _end(session, "failed", _best_so_far(session), {"reason": str(error)})
        raise
    if not position.is_over:  # or it ended before, but could not say so
        position.is_over = True
        observer.save()  # the weights as they are in the end, for a training to start from
    return _end(session, "completed", found)


def _length(session: SearchSession) -> str:
    """How long a search is that begins: its time limit, its expected time, or its steps."""
    config, full = session.problem.config, session.problem.proxy.full
    if config.max_minutes is not None:
        return f"this search takes {format_seconds(60 * config.max_minutes)} at most (max_minutes)"
    work = session.method.planned_work(config, full)
    if work is None:
        return "this search has no time limit; max_minutes sets one"
    number = work.path_steps + config.baseline.num_steps(session.problem.space.num_architectures)
    supernets = f" and {work.supernet_steps:,} of a supernet" if work.supernet_steps else ""
    steps = f"{number:,} training steps of single networks{supernets}"
    seconds = _expected_seconds(session)
    if seconds is None:
        return f"this search has {steps}; max_minutes limits the time"
    about = format_seconds(seconds)
    return f"this search takes about {about} here, for {steps}; max_minutes limits the time"


def _expected_seconds(session: SearchSession) -> float | None:
    """How long a search takes; None where that is not known, or where a timed step fails."""
    seconds: float | None = None
    with suppress(Exception):  # the search meets what is wrong itself, and says it
        seconds = search_seconds(session.problem)
    session.state.context.guard.follow_meter()  # as the steps that were timed are not of the search
    return seconds


def _found(session: SearchSession) -> Found:
    """Runs what is left of the search, and of the baselines beside it."""
    baselines, position = session.baselines, session.state.position
    if baselines is None:
        return session.method.run(session.observer)
    found = baselines.found or session.method.run(session.observer)
    if not position.is_over:
        session.method.release()
        baselines.run(session.observer, found)
    return found


def _best_so_far(session: SearchSession) -> Found:
    """What was found, where only baselines are left; otherwise the best so far."""
    known = session.baselines and session.baselines.found
    return known or session.method.best_so_far()


def _end(
    session: SearchSession, status: Status, found: Found, details: Mapping[str, Any] | None = None
) -> SearchResult:
    """Writes what a search ended with."""
    problem, run, context = session.problem, session.run, session.state.context
    front: dict[str, Any] | None = None
    if context.evaluator.evaluations is not None:
        front = context.evaluator.evaluations.front(problem.config.pareto, problem.costs)
    result = _result(session, status, found, front)
    details = dict(details or {})
    if context.trainer.skipped.count:
        details["skipped_steps"] = context.trainer.skipped.count
    if run is not None:
        if status in ("completed", "exceeded_time"):
            run.write_architecture(dict(found.architecture))
            if front is not None:
                run.write_json(PARETO_NAME, front)
        is_found = status != "exceeded_memory"
        session.observer.log(
            SearchEndedEvent(
                status=status,
                architecture=dict(found.architecture) if is_found else None,
                costs=_candidate_costs(problem, found.architecture) if is_found else None,
                needed_bytes=details.get("needed_bytes"),
                reason=details.get("reason"),
                skipped_steps=context.trainer.skipped.count,
            )
        )
        # last, as it says that all the rest is there
        run.write_result(result.to_dict() | details)
    return result


def _result(
    session: SearchSession, status: Status, found: Found, front: Mapping[str, Any] | None
) -> SearchResult:
    problem, position = session.problem, session.state.position
    meter, baselines = session.state.context.guard.meter, session.baselines
    is_beyond = position.phase == PHASE  # the search itself is over
    baseline_seconds = position.seconds - position.began if is_beyond else 0.0
    cost = problem.costs.cost(found.architecture)
    return SearchResult(
        status=status,
        method=problem.config.method,
        space=problem.space.name,
        seed=problem.config.seed,
        architecture=found.architecture,
        num_architectures=problem.space.num_architectures,
        validation_accuracy=found.accuracy,
        budget_bytes=problem.config.budget,
        predicted_peak_bytes=meter.predicted_peak_bytes,
        measured_peak_bytes=meter.measured_peak_bytes,
        peak_rss_bytes=peak_rss_bytes(),
        search_seconds=round(position.seconds - baseline_seconds, 3),
        macs=cost.macs,
        parameters=cost.parameters,
        rounds=position.round_index,
        costs=_asked_costs(problem, found.architecture),
        ranking=_ranking(session, found),
        by_size=found.by_size,
        baselines=None if baselines is None else baselines.table(baseline_seconds),
        baselines_left_out=None if baselines is None else baselines.unfinished(),
        largest_excess_bytes=0 if meter.largest_excess is None else meter.largest_excess.num_bytes,
        limited={phase: tuple(steps) for phase, steps in position.limited.items()},
        front=tuple(point for point in (front or {}).get("points", ()) if point["on_front"]),
        directory=None if session.run is None else session.run.path,
        searched=problem.space,
        has_objects=is_object_name(problem.config.space)
        or is_object_name(problem.config.data.source),
    )


def _ranking(session: SearchSession, found: Found) -> tuple[Ranked, ...]:
    """The best architectures, the one found first."""
    costs, method = session.problem.costs, session.method
    accuracies = {found.architecture: found.accuracy}
    for architecture, accuracy, _ in islice(method.ranked(), 10 * _MOST_RANKED):
        if accuracy is None or len(accuracies) == _MOST_RANKED:
            break  # what was not scored is ranked by the policy or the logits alone
        accuracies.setdefault(architecture, accuracy)
    return tuple(
        Ranked(
            architecture,
            accuracy,
            macs=costs.cost(architecture).macs,
            memory_bytes=_path_bytes(session.state.context.guard, architecture),
            proposed_by=method.proposed_by(architecture),
        )
        for architecture, accuracy in accuracies.items()
    )


def _path_bytes(guard: MemoryGuard, architecture: Architecture) -> int | None:
    """The peak of a training step on an architecture; None where none fits the budget."""
    try:
        return guard.expected_path_bytes(architecture, guard.savings(architecture))
    except BudgetError:
        return None


def resumed_config(out: str | Path, asked: SearchConfig | None) -> SearchConfig:
    """The configuration that a run goes on with: only what does not change its result may be new.

    Args:
        out: the run directory.
        asked: what it is to go on with; None for the configuration that it was started with.

    Returns:
        The configuration.

    Raises:
        ConfigError: something else is new, the file of the run is not as it was, or there is none.
    """
    settings = read_config(out)
    if settings is None:
        raise no_run_to_resume(Path(out))
    check_stored(Path(out))
    stored = validate_settings(SearchConfig, settings)
    if asked is None:
        return stored
    for key, (before, after) in stored.kept_changes(asked).items():
        raise ConfigError(
            f"a resumed run keeps its settings, but {key} of {out} is {before!r} and now "
            f"{after!r} is asked for; leave out the options, or choose another --out"
        )
    return asked


def check_stored(out: Path) -> None:
    """Refuses a run whose `config.yaml` is not the one that it was begun with.

    Raises:
        ConfigError: it is not.
    """
    defaults = SearchConfig().model_dump(mode="json")
    check_config_file(out, known_identity(out), CHANGEABLE, defaults)


def _candidate_costs(problem: SearchProblem, architecture: Architecture) -> dict[str, Cost]:
    """Choice to what its candidate adds to the cost of the architecture."""
    return {choice: problem.costs.cost_of_choice(choice, architecture) for choice in architecture}


def _asked_costs(
    problem: SearchProblem, architecture: Architecture
) -> dict[str, dict[str, float | None]]:
    """What is asked for and not counted, by candidates and of the whole network."""
    metrics = {name: problem.costs.metric(name) for name in problem.config.asked_costs}
    return {
        name: {
            "sum": metric.of(architecture),
            "whole": None if metric.whole is None else metric.whole(architecture),
        }
        for name, metric in sorted(metrics.items())
        if not COSTS.get(name).is_counted
    }


def _tables(config: SearchConfig) -> dict[str, str]:
    """The digest of each table of costs that the configuration names."""
    table = config.costs.latency_table
    if table is None or "latency_ms" not in config.asked_costs:
        return {}
    rows = [row.to_dict() for row in read_latencies(Path(table))]
    return {"latency table": sha256(json.dumps(rows).encode()).hexdigest()}


def _read_latencies(out: Path) -> list[LatencyRow] | None:
    """What a search to go on with has measured: it continues with the same numbers."""
    path = out / LATENCIES_NAME
    return read_latencies(path) if path.is_file() else None
