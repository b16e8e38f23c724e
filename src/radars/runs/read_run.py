"""What a run directory holds: its configuration, its result, its newest checkpoint."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import yaml
from omegaconf.errors import OmegaConfBaseException

from radars.errors import ConfigError, RadarsError, RunError, first_line
from radars.reading import MOST_JSON_BYTES, MOST_TEXT_BYTES, UnreadableError, parse_json, read_file
from radars.renamed_settings import with_new_names
from radars.runs.checkpoint import Checkpoint, CheckpointStore
from radars.runs.file_names import CHECKPOINT_NAME, CONFIG_NAME, PARETO_NAME, RESULT_NAME
from radars.settings import parse_yaml


def read_config(path: str | Path) -> dict[str, Any] | None:
    """Reads the `config.yaml` of a run directory; None where there is no run.

    Raises:
        ConfigError: the file is not a configuration.
    """
    path = Path(path)
    return load_config(path) if os.path.lexists(path / CONFIG_NAME) else None


def read_result(path: str | Path) -> dict[str, Any] | None:
    """Reads the `result.json` of a run directory; None where the run has no result yet.

    Raises:
        ConfigError: the file is not a JSON object.
    """
    return read_object(Path(path) / RESULT_NAME)


def read_front(path: str | Path) -> dict[str, Any] | None:
    """Reads the `pareto.json` of a run directory; None where there is none.

    Raises:
        ConfigError: the file is not a JSON object.
    """
    return read_object(Path(path) / PARETO_NAME)


def read_object(file: Path) -> dict[str, Any] | None:
    """Reads a JSON object of a run directory; None where there is no such file.

    Raises:
        ConfigError: the file is not a JSON object.
    """
    try:
        value = parse_json(read_file(file, MOST_JSON_BYTES))
    except (FileNotFoundError, NotADirectoryError):
        return None
    except (UnreadableError, ValueError) as error:
        reason = getattr(error, "strerror", None) or first_line(error)
        raise ConfigError(f"cannot read {file}: {reason}; remove it and --resume") from error
    if not isinstance(value, dict):
        raise ConfigError(f"a result is a JSON object, but {file} is not; remove it and --resume")
    return value


def read_checkpoint(path: str | Path) -> Checkpoint | None:
    """Loads the newest intact checkpoint of a run directory; None where there is none.

    Raises:
        RunError: there are checkpoints, and all are damaged.
    """
    checkpoint = CheckpointStore(Path(path) / CHECKPOINT_NAME).latest()
    if checkpoint is None:
        return None
    return Checkpoint(checkpoint.step, checkpoint.state["run"])


@contextmanager
def put_back(checkpoint: Checkpoint) -> Iterator[None]:
    """Within, the state of a checkpoint is put back; what does not fit ends in a line.

    Raises:
        RunError: it is the state of something else.
    """
    try:
        yield
    except RadarsError:
        raise
    except (LookupError, TypeError, ValueError, AttributeError, RuntimeError) as error:
        raise RunError(
            f"a run continues from a state of its own, but the checkpoint of step "
            f"{checkpoint.step} is of something else: {first_line(error)}; remove it, to continue "
            f"from the one before, or start again with another --out"
        ) from error


def load_config(path: Path) -> dict[str, Any]:
    """Reads the `config.yaml` of a run directory.

    Raises:
        ConfigError: it is not there, or it cannot be read.
    """
    file = path / CONFIG_NAME
    try:
        return with_new_names(parse_yaml(read_file(file, MOST_TEXT_BYTES).decode()), is_stored=True)
    except (OSError, ValueError, RecursionError, yaml.YAMLError, OmegaConfBaseException) as error:
        reason = getattr(error, "strerror", None) or first_line(error)
        raise ConfigError(f"{file} cannot be read: {reason}; restore it") from error
