"""`train_architecture`: a whole training, from its configuration to its result on disk."""

import json
from collections.abc import Mapping
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from typing import Any

from radars.data import Data
from radars.errors import ConfigError
from radars.nn.task import CLASSIFICATION, Task
from radars.run import (
    Interrupt,
    NoProgress,
    Progress,
    RunDirectory,
    check_installed,
    environment,
    open_curves,
)
from radars.run.device import fabric_on, reproducible
from radars.settings import validate_settings
from radars.space import Architecture, SearchSpace
from radars.train.config import TrainConfig
from radars.train.loop import train_steps
from radars.train.observer import Observer
from radars.train.result import TrainResult
from radars.train.setup import TrainSetup
from radars.train.state import TrainState
from radars.train.weights import WEIGHTS_NAME, save_weights

_ARCHITECTURE_NAME = "architecture.json"


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
    config = config or TrainConfig()
    check_installed(config.loggers)
    setup = TrainSetup.of(architecture, config, space=space, data=data, task=task)
    with ExitStack() as stack:
        interrupt = stack.enter_context(Interrupt())
        stack.enter_context(reproducible(setup.device))
        run = curves = None
        if out is not None:
            run = stack.enter_context(_open_run(out, config, setup.architecture, resume=resume))
        state = setup.state()
        checkpoint = run.latest() if run is not None else None
        if checkpoint is not None:
            state.load(checkpoint.tensors, checkpoint.values)
        if run is not None:
            first_epoch = state.step // setup.steps_per_epoch + 1
            curves = stack.enter_context(open_curves(config.loggers, run, first_epoch))
        observer = Observer(run, curves, progress or NoProgress(), interrupt, state)
        state.skipped.on_skip = partial(_log_skipped_step, observer, state)
        if checkpoint is None and run is not None:
            observer.log(
                "train_started",
                space=setup.space.name,
                seed=config.seed,
                environment=environment(setup.device),
                network=setup.space.flow(setup.data.input_shape).to_dict(),
            )
        if checkpoint is None:
            observer.save()
        fabric = fabric_on(setup.device, config.precision)
        with observer.watch(setup.num_steps, setup.steps_per_epoch) as tick:
            train_steps(
                fabric, state, config, task, steps_per_epoch=setup.steps_per_epoch, tick=tick
            )
        if not state.is_finite():
            raise observer.diverged()
        result = _result(setup, state)
        if run is not None:
            save_weights(state.network, run.path / WEIGHTS_NAME)
            observer.log("train_ended", train_accuracy=result.train_accuracy)
            run.write_result(result.to_dict())  # last, as it says that all the rest is there
    return result


def _open_run(
    out: str | Path, config: TrainConfig, architecture: Architecture, *, resume: bool
) -> RunDirectory:
    settings = config.model_dump(mode="json")
    if not resume:
        run = RunDirectory.create(out, settings)
        run.write_architecture(architecture)
        return run
    run = RunDirectory.resume(out)
    try:
        # validated: a setting that is newer than the run has its default
        saved = validate_settings(TrainConfig, run.config).model_dump(mode="json")
        _check_same("configuration", "config.yaml", saved, settings)
        file = run.path / _ARCHITECTURE_NAME
        if file.is_file():
            _check_same("architecture", file.name, json.loads(file.read_bytes()), architecture)
        else:  # killed just before it was written
            run.write_architecture(architecture)
    except BaseException:
        run.close()
        raise
    return run


def _log_skipped_step(observer: Observer, state: TrainState, count: int) -> None:
    observer.log("step_skipped", step=state.step, count=count)


def _check_same(what: str, name: str, saved: Mapping[str, Any], given: Mapping[str, Any]) -> None:
    given = json.loads(json.dumps(dict(given)))  # the file holds no tuples
    differing = [key for key in {**saved, **given} if saved.get(key) != given.get(key)]
    if differing:
        key = differing[0]
        raise ConfigError(
            f"a run is resumed with the {what} of its {name}, but {key} was {saved.get(key)!r} "
            f"and is now {given.get(key)!r}; leave it as it was or choose another --out"
        )


def _result(setup: TrainSetup, state: TrainState) -> TrainResult:
    loss, accuracy = state.means()
    return TrainResult(
        network=state.network,
        space=setup.space.name,
        seed=setup.config.seed,
        architecture=setup.architecture,
        epochs=setup.config.epochs,
        train_loss=loss,
        train_accuracy=accuracy,
        parameters=setup.parameters,
        macs=setup.macs,
        train_seconds=round(state.seconds, 3),
        class_names=setup.data.class_names,
        input_shape=setup.data.input_shape,
        normalisation=setup.data.normalisation,
    )
