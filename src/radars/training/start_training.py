"""What the command line asks of a training: its architecture, its configuration, starting it."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from shlex import quote
from typing import Any

from radars.engine.identity import check_same, network_digest, task_digest
from radars.engine.search_config import CHANGEABLE as SEARCH_CHANGEABLE
from radars.errors import SpaceError, Stopped
from radars.nn.task import CLASSIFICATION, Task
from radars.runs.directory import say_that_it_is_new
from radars.runs.identity_file import check_config_file, known_identity
from radars.runs.read_run import read_config, read_result
from radars.settings import merge_settings, read_settings, read_text, validate_settings
from radars.space import Architecture, SearchSpace
from radars.tracking.progress import Progress
from radars.training.train_config import CHANGEABLE, INHERITED_DATA, TrainConfig
from radars.training.train_result import TrainResult
from radars.training.trained import TrainedNetwork, load_trained
from radars.training.training_job import train_architecture
from radars.training.training_session import check_resumed


def start_training(
    architecture_file: Path,
    given: Mapping[str, Any],
    *,
    config_file: Path | None,
    overrides: Sequence[str],
    out: Path,
    resume: bool,
    progress: Progress,
) -> TrainResult:
    """Trains the architecture of a file in `out`, or goes on with the training there.

    Args:
        architecture_file: as a search writes it. The space and the data of the search whose
            `config.yaml` is beside it are those of the training, where nothing else is said.
        given: settings from options.
        config_file: a YAML file of settings.
        overrides: `key.path=value`.
        out: the run directory.
        resume: go on with what is there, if anything is; what is completed is only read again.
        progress: shows people how far it is.

    Raises:
        ConfigError: the file cannot be read, or a setting is not valid.
        SpaceError: the file is not an architecture of the space.
    """
    architecture = read_architecture(architecture_file)
    from_file = read_settings(config_file) if config_file is not None else {}
    settings = merge_settings(
        settings_of_search(architecture_file.parent), from_file, given, overrides=overrides
    )
    config = validate_settings(TrainConfig, settings)
    if resume and read_config(out) is None:
        say_that_it_is_new(out)
        resume = False
    known = completed_training(out, config, architecture) if resume else None
    if known is not None:
        return known.result
    try:
        return train_architecture(architecture, config, out=out, resume=resume, progress=progress)
    except Stopped as error:
        raise Stopped(
            f"{error}; continue with the same command, --out {quote(str(out))} and --resume"
        ) from error


def completed_training(
    out: Path,
    config: TrainConfig,
    architecture: Mapping[str, str],
    *,
    space: SearchSpace | None = None,
    task: Task = CLASSIFICATION,
) -> TrainedNetwork | None:
    """The network of the training in a run directory; None where it is not completed.

    Args:
        out: the run directory.
        config: what it would go on with.
        architecture: likewise.
        space: used instead of the one that the configuration names.
        task: the loss and the score that it was trained with.

    Raises:
        ConfigError: another training is asked for than the one there.
    """
    if (read_result(out) or {}).get("status") != "completed":
        return None
    check_resumed(out, config, architecture)
    trained = load_trained(out, space=space, task=task)
    digests = {"task": task_digest(task)}
    if space is not None:
        digests["network"] = network_digest(space, architecture, trained.input_shape)
    check_same(out, known_identity(out), digests)
    return trained


def read_architecture(file: Path) -> Architecture:
    """Reads an `architecture.json`.

    Raises:
        ConfigError: the file cannot be read.
        SpaceError: it is not an architecture.
    """
    text = read_text(file, "architecture")
    try:
        return Architecture.from_json(text)
    except SpaceError as error:
        raise SpaceError(f"{file}: {error}") from error


def settings_of_search(directory: Path) -> dict[str, Any]:
    """The space and the data of the search in a directory; nothing where there is none."""
    searched = read_config(directory) or {}
    known = known_identity(directory)
    if known is not None:
        check_config_file(directory, known, (*CHANGEABLE, *SEARCH_CHANGEABLE), {})
    settings: dict[str, Any] = {
        key: searched[key] for key in ("space", "space_options") if key in searched
    }
    data = searched.get("data")
    if isinstance(data, Mapping):
        settings["data"] = {key: data[key] for key in INHERITED_DATA if key in data}
    return settings
