"""Settings under the names that they had in the version before; one version later they are gone."""

import warnings
from collections.abc import Mapping
from typing import Any

from radars.errors import ConfigError

_RENAMED = {
    "levers": "memory_savings",
    "select.candidates": "finalists",
    "select.rungs": "halving_steps",
    "select.contender_draws": "finalist_draws",
}
"""Old path to the new name, in the same group."""


class RenamedSetting(FutureWarning):
    """A setting was given under its old name."""


def with_new_names(settings: Mapping[str, Any], *, is_stored: bool = False) -> dict[str, Any]:
    """The same settings, those that were renamed under their new names.

    Args:
        settings: plain values; not changed.
        is_stored: whether a run wrote them down, and not the user: then nothing is said.

    Warns:
        RenamedSetting: says the new name of one.

    Raises:
        ConfigError: one is given under both names.
    """
    result = dict(settings)
    for path in _RENAMED:
        *groups, old = path.split(".")
        if not _has(result, groups, old):
            continue
        new_path = _new_path(path, is_stored=is_stored)
        *_, new = new_path.split(".")
        group = result
        for name in groups:
            group[name] = group = dict(group[name])
        value = group.pop(old)
        before = group.get(new, {})
        if isinstance(value, Mapping) and isinstance(before, Mapping) and not value.keys() & before:
            group[new] = {**before, **value}
        elif new in group:
            raise ConfigError(
                f"{path} is called {new_path} now, but is given under both names; leave the old "
                f"one out"
            )
        else:
            group[new] = value
    return result


def with_new_name(override: str) -> str:
    """The same `key.path=value`, its key under the new name where it was renamed.

    Warns:
        RenamedSetting: says the new name.
    """
    for path in _RENAMED:
        rest = override.removeprefix(path)
        if rest != override and rest[:1] in (".", "[", "="):
            return _new_path(path) + rest
    return override


def _has(settings: Mapping[str, Any], groups: list[str], name: str) -> bool:
    group: object = settings
    for part in groups:
        group = group.get(part) if isinstance(group, Mapping) else None
    return isinstance(group, Mapping) and name in group


def _new_path(path: str, *, is_stored: bool = False) -> str:
    group, dot, _ = path.rpartition(".")
    new_path = f"{group}{dot}{_RENAMED[path]}"
    if not is_stored:
        warnings.warn(
            f"the setting {path} is called {new_path} now; the old name goes with the next version",
            RenamedSetting,
            stacklevel=2,
        )
    return new_path
