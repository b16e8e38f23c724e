"""What a run is about, beside its configuration and in each checkpoint, to compare with later."""

from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from radars.errors import ConfigError, RunError
from radars.runs.checkpoint import CheckpointStore
from radars.runs.file_names import CHECKPOINT_NAME, IDENTITY_NAME
from radars.runs.read_run import read_config, read_object

_MISSING = "missing"


def known_identity(path: Path) -> dict[str, Any] | None:
    """What the run in a directory is about; None where it did not come so far.

    As its newest checkpoint has it, which a checksum guards, or else its file.

    Raises:
        ConfigError: the file is not a JSON object.
    """
    store = CheckpointStore(path / CHECKPOINT_NAME)
    try:
        step, _ = store.newest_intact_step()
        known = None if step is None else store.load_values(step).get("identity")
    except RunError:  # who goes on with the run is told
        known = None
    return known if isinstance(known, dict) else read_object(path / IDENTITY_NAME)


def check_config_file(
    path: Path, known: Mapping[str, Any] | None, changeable: Iterable[str], complete: object
) -> None:
    """Refuses a `config.yaml` that is not the one that the run was begun with.

    Args:
        path: the run directory.
        known: what the run is about; None where it is not known.
        changeable: settings that may be others.
        complete: a configuration that has every setting: a run that did not come so far as to say
            what it is about has all of them in its file.

    Raises:
        ConfigError: a setting is another, or is missing.
    """
    stored = dict(_flat(read_config(path) or {}))
    if known is None:
        missing = [key for key, _ in _flat(complete) if key not in stored]
        before = dict.fromkeys(missing)
    elif "config" in known:
        before = dict(_flat(known["config"]))
    else:  # of the version before
        return
    for key in before | (stored if known else {}):
        if any(key == name or key.startswith(f"{name}.") for name in changeable):
            continue
        was, now = before.get(key, _MISSING), stored.get(key, _MISSING)
        if key not in stored:
            raise ConfigError(
                f"a run continues with the config.yaml that it began with, but {key} is missing "
                f"in that of {path}; restore the file, or choose another --out"
            )
        if was != now:
            raise ConfigError(
                f"a run continues with the config.yaml that it began with, but {key} in that of "
                f"{path} was {was!r} and is now {now!r}; set it back, or choose another --out"
            )


def _flat(value: object, key: str = "") -> Iterator[tuple[str, object]]:
    """The settings within a mapping, by their dotted names."""
    if isinstance(value, Mapping) and (value or not key):
        for name, item in value.items():
            yield from _flat(item, f"{key}.{name}" if key else str(name))
    else:
        yield key, value
