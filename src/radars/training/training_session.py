"""`TrainingSession`: what a training needs while it runs, opened in order and closed again."""

import json
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lightning_fabric import Fabric

from radars.engine.identity import check_same, data_digest, network_digest, task_digest
from radars.errors import ConfigError
from radars.execution.environment import environment
from radars.execution.workplace import workplace
from radars.runs.directory import RunDirectory, no_run_to_resume
from radars.runs.event_schema import StepSkippedEvent, TrainStartedEvent
from radars.runs.file_names import ARCHITECTURE_NAME
from radars.runs.identity_file import check_config_file, known_identity
from radars.runs.read_run import put_back, read_config, read_object
from radars.settings import validate_settings
from radars.space import Architecture
from radars.tracking.loggers import open_curves
from radars.tracking.progress import Progress
from radars.training.train_config import CHANGEABLE, CHANGEABLE_DATA, TrainConfig
from radars.training.training_observer import TrainingObserver
from radars.training.training_setup import TrainSetup
from radars.training.training_state import TrainState


@dataclass(frozen=True)
class TrainingSession:
    """A training that is ready to run, or to go on.

    Attributes:
        setup: what is trained.
        run: the run directory; None where nothing is kept, or another process writes.
        state: how far it is.
        observer: shows it, logs it, saves it, and stops it.
        is_new: whether it begins, rather than goes on from a checkpoint.
    """

    setup: TrainSetup
    run: RunDirectory | None
    state: TrainState
    observer: TrainingObserver
    is_new: bool


@contextmanager
def open_training(
    fabric: Fabric,
    setup: TrainSetup,
    out: str | Path | None,
    new_run: RunDirectory | None = None,
    *,
    resume: bool,
    progress: Progress,
) -> Iterator[TrainingSession]:
    """Opens what a training needs, and closes it whatever happens.

    Args:
        fabric: device, precision, and the processes that train together.
        setup: what is trained.
        out: the run directory; None keeps nothing on disk.
        new_run: that of a training that is new, where it is made already.
        resume: go on with the run in `out` from its last checkpoint.
        progress: shows people how far it is.
    """
    config = setup.config
    with ExitStack() as stack:
        interrupt = stack.enter_context(workplace(fabric.device))
        run = curves = None
        if out is not None and fabric.global_rank == 0:
            identity = identity_of(setup)
            if resume:
                known = known_identity(Path(out)) or {}
                check_same(
                    Path(out),
                    known,
                    {name: identity[name] for name in known.keys() & identity.keys()},
                )
            run = new_run or open_training_run(out, config, setup.architecture, resume=resume)
            stack.enter_context(run)
            run.begin(identity)
            run.write_architecture(setup.architecture)
        state = setup.state(fabric.device, fabric.global_rank)
        checkpoint = fabric.broadcast(run.latest() if run is not None else None)
        if checkpoint is not None:
            with put_back(checkpoint):
                state.load_state_dict(checkpoint.state)
        if run is not None:
            first_epoch = state.step // setup.steps_per_epoch + 1
            curves = stack.enter_context(open_curves(config.loggers, run, first_epoch))
        observer = TrainingObserver(run, curves, progress, interrupt, state, fabric)
        state.skipped.on_skip = lambda count: observer.log(
            StepSkippedEvent(step=state.step, count=count)
        )
        is_new = checkpoint is None
        if is_new and run is not None:
            observer.log(
                TrainStartedEvent(
                    space=setup.space.name,
                    seed=config.seed,
                    environment=environment(fabric.device),
                    network=setup.space.flow(setup.data.input_shape),
                )
            )
        yield TrainingSession(setup, run, state, observer, is_new)


def open_training_run(
    out: str | Path, config: TrainConfig, architecture: Architecture, *, resume: bool
) -> RunDirectory:
    """The run directory of a training, locked; refuses what is not to be gone on with."""
    if not resume:
        return RunDirectory.create(out, config.model_dump(mode="json"))
    check_resumed(Path(out), config, architecture)
    return RunDirectory.resume(out)


def identity_of(setup: TrainSetup) -> dict[str, Any]:
    """What a training is about, beside its configuration."""
    return {
        "network": network_digest(setup.space, setup.architecture, setup.data.input_shape),
        "data": data_digest(setup.data),
        "task": task_digest(setup.task),
    }


def check_resumed(out: Path, config: TrainConfig, architecture: Mapping[str, str]) -> None:
    """Refuses to go on with a training by settings that its result depends on, or another network.

    Raises:
        ConfigError: they are not those in its run directory.
    """
    settings = read_config(out)
    if settings is None:
        raise no_run_to_resume(out)
    changeable = (*CHANGEABLE, *(f"data.{name}" for name in CHANGEABLE_DATA))
    defaults = TrainConfig().model_dump(mode="json")
    check_config_file(out, known_identity(out), changeable, defaults)
    # validated: a setting that is newer than the run has its default
    saved = validate_settings(TrainConfig, settings)
    _check_same("configuration", "config.yaml", _decisive(saved), _decisive(config))
    file = out / ARCHITECTURE_NAME
    saved_architecture = read_object(file)
    if saved_architecture is not None:
        _check_same("architecture", file.name, saved_architecture, architecture)


def _decisive(config: TrainConfig) -> dict[str, Any]:
    """The settings that a result depends on."""
    left_out: dict[str, Any] = dict.fromkeys(CHANGEABLE, True)
    return config.model_dump(mode="json", exclude=left_out | {"data": set(CHANGEABLE_DATA)})


def _check_same(what: str, name: str, saved: Mapping[str, Any], given: Mapping[str, Any]) -> None:
    given = json.loads(json.dumps(dict(given)))  # the file holds no tuples
    differing = [key for key in {**saved, **given} if saved.get(key) != given.get(key)]
    if differing:
        key = differing[0]
        raise ConfigError(
            f"a run is resumed with the {what} of its {name}, but {key} was {saved.get(key)!r} "
            f"and is now {given.get(key)!r}; leave it as it was or choose another --out"
        )
