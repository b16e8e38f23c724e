"""Settings of the version before: renamed or gone. One version later their names are unknown."""

import warnings
from collections.abc import Iterable, Mapping
from typing import Any

from radars.errors import ConfigError, RadarsWarning

_RENAMED = {
    "levers": "memory_savings",
    "select.candidates": "select.finalists",
    "select.rungs": "select.halving_steps",
    "explore.warmup_fraction": "enas.updates.warmup_fraction",
    "explore.update_every": "enas.updates.update_every",
    "explore.samples": "enas.updates.samples",
}

_WEIGHTS = {
    "select.rankers": None,  # of several, by name
    "select.regions_weight": "regions",
    "select.size_weight": "size",
    "select.expressivity_weight": "expressivity",
}
"""Weights of rankers, of which `explore.rankers` has the names."""

_USUAL_WEIGHTS = {"regions": 1.0}

_NOTES = {"enas.": ", of enas alone", "explore.rankers": ", without weights"}

_POLICY = "explore.controller.temperature says how sharply the policy follows its rewards"
_FINALISTS = "the rewards of explore say which architectures are finalists"
_GONE = {
    "explore.controller.learning_rate": _POLICY,
    "explore.controller.entropy_weight": _POLICY,
    "explore.controller.baseline_decay": _POLICY,
    "explore.controller.group_weight": _POLICY,
    "differentiate.feedback": "rewards of differentiate.proposals say what its logits count",
    "select.draws": _FINALISTS,
    "select.draw_batches": _FINALISTS,
    "select.regions_draws": "explore.ranker_draws says how many architectures rankers look at",
    "select.finalist_draws": _FINALISTS,
    "select.contender_draws": _FINALISTS,
}
"""Settings without a successor, and what decides now."""


class OldSetting(RadarsWarning, FutureWarning):
    """A setting of the version before was given."""


class RenamedSetting(OldSetting):
    """A setting was given under its old name."""


class GoneSetting(OldSetting):
    """A setting was given that there is no more."""


def with_new_names(settings: Mapping[str, Any], *, is_stored: bool = False) -> dict[str, Any]:
    """The same settings under their new names, without those that are gone.

    Args:
        settings: plain values; not changed.
        is_stored: whether a run wrote them down, and not the user: then nothing is said.

    Warns:
        RenamedSetting: says the new name of one.
        GoneSetting: says what decides instead of one.

    Raises:
        ConfigError: one is given under both names.
    """
    result = _copied(settings)
    for path, new_path in _RENAMED.items():
        group, old = _place(result, path)
        if group is not None and old in group:
            if not is_stored:
                _say(path, new_path)
            _move(result, path, new_path, group.pop(old))
    _take_weights(result, is_stored=is_stored)
    for path, decides in _GONE.items():
        group, old = _place(result, path)
        if group is not None and old in group:
            del group[old]
            if not is_stored:
                message = f"the setting {path} is gone: {decides}; leave it out"
                warnings.warn(message, GoneSetting, stacklevel=2)
    return result


def with_new_name(override: str) -> str:
    """The same `key.path=value`, its key under the new name where it was renamed.

    Warns:
        RenamedSetting: says the new name.
    """
    for path, new_path in _RENAMED.items():
        rest = override.removeprefix(path)
        if rest != override and rest[:1] in (".", "[", "="):
            _say(path, new_path)
            return new_path + rest
    return override


def _take_weights(settings: dict[str, Any], *, is_stored: bool) -> None:
    """Names the rankers that had a weight, where weights are given."""
    weights: dict[str, Any] = {}
    last = ""
    for path, name in _WEIGHTS.items():
        group, old = _place(settings, path)
        if group is None or old not in group or not (name or isinstance(group[old], Mapping)):
            continue
        last, value = path, group.pop(old)
        if not is_stored:
            _say(path, "explore.rankers")
        weights = {**weights, **(value if name is None else {name: value})}
    if last:
        asked = {**_USUAL_WEIGHTS, **weights}
        _move(settings, last, "explore.rankers", [name for name in asked if asked[name] != 0])


def _say(path: str, new_path: str) -> None:
    note = next((text for start, text in _NOTES.items() if new_path.startswith(start)), "")
    warnings.warn(
        f"the setting {path} is called {new_path} now{note}; the old name goes with the next "
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


def _place(settings: dict[str, Any], path: str) -> tuple[dict[str, Any] | None, str]:
    """The group that a setting is in, where there is one, and its name there."""
    *groups, name = path.split(".")
    return _group(settings, groups), name


def _move(settings: dict[str, Any], path: str, new_path: str, value: Any) -> None:
    """Puts a value at its new place.

    Raises:
        ConfigError: there is one already.
    """
    *groups, new = new_path.split(".")
    if not _put(_group(settings, groups, make=True), new, value):
        raise ConfigError(
            f"{path} is called {new_path} now, but is given under both names; leave the old one out"
        )


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
