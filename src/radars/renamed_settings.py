"""Settings under the names that they had in the version before; one version later they are gone."""

import warnings
from collections.abc import Iterable, Mapping
from typing import Any

from radars.errors import ConfigError

_RENAMED = {
    "levers": "memory_savings",
    "select.candidates": "select.finalists",
    "select.rungs": "select.halving_steps",
    "select.contender_draws": "select.finalist_draws",
    "select.regions_weight": "select.rankers.regions",
    "select.size_weight": "select.rankers.size",
    "select.expressivity_weight": "select.rankers.expressivity",
}


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
    result = _copied(settings)
    for path, new_path in _RENAMED.items():
        *groups, old = path.split(".")
        group = _group(result, groups)
        if group is None or old not in group:
            continue
        if not is_stored:
            _say(path)
        *groups, new = new_path.split(".")
        if not _put(_group(result, groups, make=True), new, group.pop(old)):
            raise ConfigError(
                f"{path} is called {new_path} now, but is given under both names; leave the old "
                f"one out"
            )
    return result


def with_new_name(override: str) -> str:
    """The same `key.path=value`, its key under the new name where it was renamed.

    Warns:
        RenamedSetting: says the new name.
    """
    for path, new_path in _RENAMED.items():
        rest = override.removeprefix(path)
        if rest != override and rest[:1] in (".", "[", "="):
            _say(path)
            return new_path + rest
    return override


def _say(path: str) -> None:
    warnings.warn(
        f"the setting {path} is called {_RENAMED[path]} now; the old name goes with the next "
        f"version",
        RenamedSetting,
        stacklevel=3,
    )


def _copied(settings: Mapping[str, Any]) -> dict[str, Any]:
    """Groups are copied, and values shared."""
    return {
        key: _copied(value) if isinstance(value, Mapping) else value
        for key, value in settings.items()
    }


def _group(
    settings: dict[str, Any], path: Iterable[str], *, make: bool = False
) -> dict[str, Any] | None:
    group = settings
    for name in path:
        found = group.setdefault(name, {}) if make else group.get(name)
        if not isinstance(found, dict):
            return None
        group = found
    return group


def _put(group: dict[str, Any] | None, name: str, value: Any) -> bool:
    """Sets what is not set yet; False where it is."""
    if group is None:
        return False
    if name not in group:
        group[name] = value
        return True
    before = group[name]
    if not (isinstance(value, dict) and isinstance(before, dict)) or value.keys() & before:
        return False
    before.update(value)
    return True
