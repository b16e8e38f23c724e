"""`train_architecture`: a whole training, from its configuration to its result on disk.

Several devices share each batch (data parallel, PyTorch's DDP through Lightning Fabric), a process
each. The examples of a step, and so the loss, are those of one process.
"""

from collections.abc import Mapping
from contextlib import AbstractContextManager, ExitStack, nullcontext, suppress
from pathlib import Path
from tempfile import TemporaryDirectory

from lightning_fabric import Fabric

from radars.data import Data
from radars.errors import ConfigError, RadarsError, RunError, SpaceError, Stopped
from radars.execution.fabric import fabric_on, launch
from radars.execution.interrupt import Interrupt
from radars.failures import failures_said
from radars.memory import out_of_memory_said
from radars.nn.task import CLASSIFICATION, Task
from radars.objects import with_objects
from radars.runs.directory import RunDirectory, new_run
from radars.runs.event_schema import TrainEndedEvent
from radars.space import SearchSpace
from radars.tracking.loggers import check_installed
from radars.tracking.progress import NoProgress, Progress, progress_for
from radars.training.loop import mix_of, train_steps
from radars.training.train_config import TrainConfig
from radars.training.train_result import TrainResult
from radars.training.trained import load_trained
from radars.training.training_session import (
    TrainingSession,
    check_resumed,
    open_training,
    open_training_run,
)
from radars.training.training_setup import TrainSetup
from radars.training.training_state import TrainState
from radars.training.weights_file import LAST_WEIGHTS_NAME, WEIGHTS_NAME, save_weights


def train_architecture(
    architecture: Mapping[str, str],
    config: TrainConfig | None = None,
    *,
    space: SearchSpace | None = None,
    data: Data | None = None,
    task: Task = CLASSIFICATION,
    out: str | Path | None = None,
    resume: bool = False,
    progress: Progress | None = None,
) -> TrainResult:
    """Trains an architecture from scratch on the whole training split.

    The same seed gives the same weights, bit for bit, also where the training was killed and
    resumed. The test split is not read.

    Args:
        architecture: one candidate for each choice of the space.
        config: everything that decides the training; by default one for `digits`.
        space: used instead of the one that the configuration names.
        data: used instead of those that the configuration names; the batch size and whether to
            augment are still the configuration's.
        task: the loss and the score; classification where nothing else is said. Labels are
            smoothed where the loss is torch's cross-entropy.
        out: the run directory; None keeps nothing on disk.
        resume: go on with the run in `out` from its last checkpoint.
        progress: shows people how far it is.

    Raises:
        ConfigError, SpaceError, DataError: something is wrong with what was given; nothing has
            been written.
        Stopped: it was interrupted; the state is saved.
        RunError: it cannot go on; the loss of too many steps is not finite, say.
    """
    config = with_objects(config or TrainConfig(), space=space, data=data)
    check_installed(config.loggers)
    is_given = space is not None or data is not None or task is not CLASSIFICATION
    if config.devices > 1 and is_given:
        raise ConfigError(
            "several devices make space and data anew in each process, so the configuration must "
            "name them, but an object was given; set space and data.source, or devices to 1"
        )
    progress = progress or NoProgress()
    if resume and out is not None:
        check_resumed(Path(out), config, architecture)
    if config.devices > 1:
        setup = TrainSetup.of(architecture, config)
        return _train_in_processes(setup, out, resume=resume, progress=progress)
    with new_run(config, None if resume or out is None else Path(out)) as run:
        with failures_said(SpaceError, f"the network of {config.space!r}"):
            setup = TrainSetup.of(architecture, config, space=space, data=data, task=task)
        fabric = fabric_on(setup.device, config.precision)
        return _train(fabric, setup, out, run, resume=resume, progress=progress)


def _train(
    fabric: Fabric,
    setup: TrainSetup,
    out: str | Path | None,
    new_run: RunDirectory | None = None,
    *,
    resume: bool,
    progress: Progress,
) -> TrainResult:
    """The training, or the part in it of one of several processes; the first one writes."""
    with open_training(fabric, setup, out, new_run, resume=resume, progress=progress) as session:
        run, state = session.run, session.state
        try:
            if session.is_new:
                session.observer.save()
            with failures_said(RunError, f"a step of the network of {setup.space.name!r}"):
                _run_steps(fabric, session)
        except RunError as error:
            with suppress(RunError):  # where the disk is full, that cannot be written either
                _end_as_failed(run, setup, error)
            raise
        if state.best is not None and run is not None:
            save_weights(state.current, run.path / LAST_WEIGHTS_NAME)
        result = _result(setup, state)
        if run is not None:
            save_weights(result.network, run.path / WEIGHTS_NAME)
            session.observer.log(TrainEndedEvent(train_accuracy=result.train_accuracy))
            run.write_result(result.to_dict())  # last, as it says that all the rest is there
    return result


def _run_steps(fabric: Fabric, session: TrainingSession) -> None:
    """Runs what is left of the training.

    Raises:
        RunError: a weight is no longer finite, or the device has no memory left.
    """
    setup, config, observer = session.setup, session.setup.config, session.observer
    with (
        _out_of_memory_said(fabric, config.data.batch_size),
        observer.watch(setup.num_steps, setup.steps_per_epoch) as tick,
    ):
        train_steps(
            fabric,
            session.state,
            config,
            setup.task,
            steps_per_epoch=setup.steps_per_epoch,
            tick=tick,
            mix=mix_of(config, setup.data.num_classes),
            held_out=setup.data.validation if config.held_out_fraction else None,
        )
    if not session.state.is_finite():
        raise observer.diverged()


def _train_in_processes(
    setup: TrainSetup, out: str | Path | None, *, resume: bool, progress: Progress | None
) -> TrainResult:
    """Trains in a process a device; what they leave on disk is the result."""
    with ExitStack() as stack:
        interrupt = stack.enter_context(Interrupt())  # the processes hear it too, and save
        out = out or Path(stack.enter_context(TemporaryDirectory()), "run")
        config, architecture = setup.config, setup.architecture
        with open_training_run(out, config, architecture, resume=resume):
            pass  # what is wrong with it is said here, by one
        shows = progress is not None and not isinstance(progress, NoProgress)
        settings = config.model_dump_json(), dict(architecture), str(out), shows
        try:
            problem = launch(
                setup.device, config.precision, config.devices, _train_as_one_of_many, *settings
            )
        except RunError as error:
            if interrupt.stop_requested:  # before the processes listened
                raise Stopped("the training was interrupted while its processes began") from error
            raise
        if problem is not None:
            raise problem
        return load_trained(out, device=setup.device).result


def _train_as_one_of_many(
    fabric: Fabric, config_json: str, architecture: dict[str, str], out: str, shows: bool
) -> RadarsError | None:
    """What a process does; returns what stopped all of them, if anything did."""
    setup = TrainSetup.of(architecture, TrainConfig.model_validate_json(config_json))
    is_first = fabric.global_rank == 0
    progress = progress_for() if shows and is_first else NoProgress()
    try:
        _train(fabric, setup, out, resume=True, progress=progress)
    except (Stopped, RunError) as error:  # at the same step in every process
        return error
    return None


def _out_of_memory_said(fabric: Fabric, batch_size: int) -> AbstractContextManager[None]:
    if fabric.world_size > 1:  # the others wait for this process, until it dies
        return nullcontext()
    return out_of_memory_said(f"one of batch_size {batch_size}", "lower data.batch_size")


def _end_as_failed(run: RunDirectory | None, setup: TrainSetup, error: RunError) -> None:
    if run is not None:
        failed = {
            "schema": 1,
            "status": "failed",
            "kind": "train",
            "space": setup.space.name,
            "seed": setup.config.seed,
            "architecture": dict(setup.architecture),
            "reason": str(error),
        }
        run.write_result(failed)


def _result(setup: TrainSetup, state: TrainState) -> TrainResult:
    loss, accuracy = state.means()
    best = state.best
    if best is not None:
        state.current.load_state_dict(best.weights)
    return TrainResult(
        network=state.current,
        space=setup.space.name,
        seed=setup.config.seed,
        architecture=setup.architecture,
        epochs=setup.config.epochs,
        train_loss=loss,
        train_accuracy=accuracy,
        validation_accuracy=best and best.accuracy,
        best_epoch=best and best.epoch,
        parameters=setup.parameters,
        macs=setup.macs,
        train_seconds=round(state.seconds, 3),
        class_names=setup.data.class_names,
        input_shape=setup.data.input_shape,
        normalisation=setup.data.normalisation,
    )
