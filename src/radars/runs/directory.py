"""`RunDirectory`: everything that one run leaves on disk, and what it needs to be resumed."""

import contextlib
import json
import shutil
import warnings
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import yaml
from omegaconf import OmegaConf
from omegaconf.errors import OmegaConfBaseException
from pydantic import BaseModel

from radars.errors import ConfigError, RadarsWarning, first_line
from radars.renamed_settings import with_new_names
from radars.runs.checkpoint import Checkpoint, CheckpointStore
from radars.runs.event_schema import CheckpointDamagedEvent, Event, ResumedEvent
from radars.runs.events import EventLog
from radars.runs.file_names import (
    ARCHITECTURE_NAME,
    CHECKPOINT_NAME,
    CONFIG_NAME,
    EVENTS_NAME,
    IDENTITY_NAME,
    RESULT_NAME,
    TENSORBOARD_NAME,
    WEIGHTS_NAME,
)
from radars.runs.files import (
    TEMPORARY_SUFFIX,
    is_full,
    plain,
    to_json,
    unwritable,
    write_atomically,
)
from radars.runs.lock import DirectoryLock
from radars.runs.new_directory import check_no_links, check_unused, remove_empty, remove_new
from radars.runs.read_run import load_config, read_checkpoint, read_result
from radars.settings import parse_yaml


class RunDirectory:
    """A directory that belongs to one run; made by `create` or `resume`, used in a `with` block.

    Attributes:
        path: the path of the directory.
        config: the complete configuration, as in `config.yaml`.
        resumed_step: the step of the checkpoint that the run goes on from, or None.
        resume_events: what was logged as it was resumed; of a new run nothing.
    """

    def __init__(self, path: Path, config: Mapping[str, Any], lock: DirectoryLock) -> None:
        self.path = path
        self.config = config
        self.resumed_step: int | None = None
        self.resume_events: tuple[Event, ...] = ()
        self._lock = lock
        self._identity: dict[str, Any] | None = None
        self._made: list[Path] = []  # directories
        self._checkpoints = CheckpointStore(path / CHECKPOINT_NAME)
        self._events = EventLog(path / EVENTS_NAME)

    @classmethod
    def create(cls, path: str | Path, config: Mapping[str, Any]) -> Self:
        """Starts a run in a new or empty directory.

        Args:
            path: the path of the directory.
            config: the complete configuration.

        Raises:
            ConfigError: the directory holds something, cannot be made, or the configuration is
                not made of plain values; nothing is left behind.
            RunError: another process uses the directory, or it cannot be written.
        """
        path = Path(path).absolute()
        config_text, read_again = _dump_config(config)
        check_unused(path)
        made = [p for p in (path, *path.parents) if not p.exists()]
        lock: DirectoryLock | None = None
        is_ours = False
        try:
            try:
                path.mkdir(parents=True, exist_ok=True)
            except OSError as error:
                if is_full(error):
                    raise unwritable(path, error) from error
                raise ConfigError(
                    f"cannot make the run directory {path}: {error.strerror}; choose another --out"
                ) from error
            lock = DirectoryLock(path)
            check_unused(path)  # again: another process may have been faster
            is_ours = True
            # its presence is what makes the directory a run
            write_atomically(path / CONFIG_NAME, config_text)
            run = cls(path, read_again, lock)
        except BaseException:
            if is_ours:
                remove_new(path)
            if lock is not None:
                lock.release()
            remove_empty(made)
            raise
        run._made = made
        return run

    @property
    def has_begun(self) -> bool:
        """Whether it is said what it is about."""
        return self._identity is not None

    def discard(self) -> None:
        """Closes a run that is new, and removes it: it turned out that it cannot begin."""
        remove_new(self.path)
        self.close()
        remove_empty(self._made)

    def begin(self, identity: Mapping[str, Any]) -> None:
        """Says what the run is about, for whoever goes on with it (`known_identity`).

        Args:
            identity: plain values; with the configuration, they are kept beside it and in each
                checkpoint.
        """
        self._identity = {"config": dict(self.config), **identity}
        if not (self.path / IDENTITY_NAME).is_file():
            self.write_json(IDENTITY_NAME, self._identity)

    @classmethod
    def resume(cls, path: str | Path) -> Self:
        """Goes on with a run from its newest intact checkpoint, or from its start without any.

        What was logged after that checkpoint will happen again, so those events are dropped; so
        is the result of a run that ended early.

        Raises:
            ConfigError: there is no run, or it is completed.
            RunError: another process uses the directory, or every checkpoint is damaged.
        """
        path = Path(path).absolute()
        if not (path / CONFIG_NAME).is_file():
            raise no_run_to_resume(path)
        check_no_links(path)
        lock = DirectoryLock(path)
        try:
            if (read_result(path) or {}).get("status") == "completed":
                raise ConfigError(
                    f"resuming needs an unfinished run, but {path} is completed; "
                    f"read its {RESULT_NAME} or choose another --out"
                )
            run = cls(path, load_config(path), lock)
        except BaseException:
            lock.release()
            raise
        try:
            run._go_back_to_checkpoint()
        except BaseException:
            run.close()
            raise
        return run

    @property
    def tensorboard_path(self) -> Path:
        """Where TensorBoard logs go; see `TensorBoardCurves`."""
        return self.path / TENSORBOARD_NAME

    @property
    def weights_path(self) -> Path:
        """Where weights may be put aside while the run goes on; nothing there outlives it."""
        return self.path / WEIGHTS_NAME

    def log(self, event: Event) -> None:
        """Appends an event.

        Raises:
            RunError: it cannot be written.
        """
        self._events.append(event)

    def save(self, step: int, state: Mapping[str, Any]) -> None:
        """Saves a checkpoint, atomically; see `CheckpointStore.save`.

        Events logged before this call belong to it, events logged later do not.
        """
        self._events.sync()
        about = {"events_bytes": self._events.num_bytes, "identity": self._identity}
        self._checkpoints.save(step, {"run": state, **about})

    def latest(self) -> Checkpoint | None:
        """Loads the newest intact checkpoint; None without any. See `CheckpointStore.latest`."""
        return read_checkpoint(self.path)

    def write_architecture(self, architecture: Mapping[str, Any]) -> None:
        """Writes `architecture.json`, atomically."""
        self.write_json(ARCHITECTURE_NAME, architecture)

    def write_result(self, result: Mapping[str, Any]) -> None:
        """Writes `result.json`, atomically; NaN is written as null."""
        self.write_json(RESULT_NAME, result)

    def write_json(self, name: str, value: object) -> None:
        """Writes another JSON file beside these, atomically; NaN is written as null."""
        write_atomically(self.path / name, to_json(value, indent=2) + "\n")

    def close(self) -> None:
        """Closes the files and frees the directory for other processes."""
        self._events.close()
        self._lock.release()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    def _go_back_to_checkpoint(self) -> None:
        step, damaged = self._checkpoints.newest_intact_step()
        values = {} if step is None else self._checkpoints.load_values(step)
        self._events.truncate(values.get("events_bytes", 0))
        (self.path / RESULT_NAME).unlink(missing_ok=True)
        # before anything is written: they may be what fills the disk
        for leftover in self.path.glob(f".*{TEMPORARY_SUFFIX}"):
            leftover.unlink(missing_ok=True)
        self._checkpoints.remove_leftovers()
        shutil.rmtree(self.weights_path, ignore_errors=True)
        self.resumed_step = step
        self.resume_events = (
            *(CheckpointDamagedEvent(step=damaged_step) for damaged_step in damaged),
            ResumedEvent(step=step),
        )
        for event in self.resume_events:
            self.log(event)


@contextlib.contextmanager
def new_run(config: BaseModel, out: Path | None) -> Iterator[RunDirectory | None]:
    """The directory of a new run, with its configuration before anything that takes long.

    It is removed again where an error says that the run cannot begin.

    Args:
        config: the complete configuration.
        out: the directory; None for none.
    """
    if out is None:
        yield None
        return
    with RunDirectory.create(out, config.model_dump(mode="json")) as run:
        try:
            yield run
        except KeyboardInterrupt:  # it can be gone on with
            raise
        except BaseException:
            if not run.has_begun:
                run.discard()
            raise


def no_run_to_resume(path: Path) -> ConfigError:
    """The error for a directory in which there is no run to go on with."""
    return ConfigError(
        f"resuming needs the {CONFIG_NAME} of a run, but {path} has none; "
        f"leave out --resume or choose another --out"
    )


def say_that_it_is_new(path: Path) -> None:
    """Warns that there was nothing to go on with."""
    warnings.warn(
        f"there is no run in {path} to continue; a new one starts, from the settings given here",
        RadarsWarning,
        stacklevel=2,
    )


def _dump_config(config: Mapping[str, Any]) -> tuple[str, dict[str, Any]]:
    """The text of a `config.yaml`, and what is read from it."""
    try:
        values = plain(config, "the configuration")
        text = OmegaConf.to_yaml(OmegaConf.create(values))  # type: ignore[call-overload]
        read_again = parse_yaml(text)
        if json.dumps(read_again) != json.dumps(values):
            raise ValueError("YAML does not give back some of its values")
    except (TypeError, ValueError, yaml.YAMLError, OmegaConfBaseException) as error:
        raise ConfigError(
            f"a configuration is plain YAML: {first_line(error)}; "
            "use numbers, texts, lists and mappings"
        ) from error
    return str(text), with_new_names(read_again, is_stored=True)
