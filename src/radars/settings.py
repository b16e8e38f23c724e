"""Configurations from defaults, YAML files and dotted overrides, with one-line errors."""

import difflib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar

import yaml
from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException
from pydantic import BaseModel, ValidationError

from radars.errors import ConfigError, RadarsError, first_line

Model = TypeVar("Model", bound=BaseModel)

_MAX_FILE_BYTES = 1_000_000


def merge_settings(*layers: Mapping[str, Any], overrides: Sequence[str] = ()) -> dict[str, Any]:
    """Merges settings, later ones over earlier ones, then `key.path=value` overrides.

    Raises:
        ConfigError: an override is not of that form.
    """
    for override in overrides:
        key, separator, _ = override.partition("=")
        if not separator or not key.strip():
            raise ConfigError(
                f"an override is KEY=VALUE, but got {override!r}; write it like explore.steps=500"
            )
    try:
        merged = OmegaConf.merge(*map(dict, layers), OmegaConf.from_dotlist(list(overrides)))
        plain = OmegaConf.to_container(merged, resolve=False)
    except (OmegaConfBaseException, yaml.YAMLError, ValueError, RecursionError) as error:
        raise ConfigError(
            f"the settings cannot be read: {first_line(error)}; "
            "write an override like explore.steps=500"
        ) from error
    assert isinstance(plain, dict)
    return {str(key): value for key, value in plain.items()}


def read_settings(path: Path) -> dict[str, Any]:
    """Reads a YAML file of settings. No tag in it is executed.

    Raises:
        ConfigError: it is missing, too large, or not a YAML mapping.
    """
    try:
        if path.stat().st_size > _MAX_FILE_BYTES:
            raise ConfigError(
                f"a configuration is at most 1 MB, but {path} is larger; keep only settings in it"
            )
        config = OmegaConf.load(path)
        plain = OmegaConf.to_container(config, resolve=False)
    except OSError as error:
        raise ConfigError(
            f"cannot read the configuration {path}: {error.strerror}; check the path"
        ) from error
    except (OmegaConfBaseException, yaml.YAMLError, UnicodeError, RecursionError) as error:
        raise ConfigError(
            f"a configuration is a YAML mapping, but {path} is not: {first_line(error)}; "
            "write lines like seed: 1"
        ) from error
    if not isinstance(config, DictConfig) or not isinstance(plain, dict):
        raise ConfigError(
            f"a configuration is a YAML mapping of keys to values, but {path} is not; "
            "write lines like seed: 1"
        )
    return {str(key): value for key, value in plain.items()}


def validate_settings(model: type[Model], settings: Mapping[str, Any]) -> Model:
    """Makes a configuration, and turns what is wrong with it into one line.

    Raises:
        ConfigError: a key is unknown, or a value is not allowed; the first of them is named.
    """
    try:
        return model.model_validate(dict(settings))
    except ValidationError as error:
        first = error.errors()[0]
        key = ".".join(map(str, first["loc"]))
        cause = first.get("ctx", {}).get("error")
        if isinstance(cause, RadarsError):
            raise ConfigError(f"{key}: {cause}") from error
        if first["type"] == "extra_forbidden":
            raise ConfigError(_unknown_key(model, first["loc"])) from error
        raise ConfigError(
            f"{key} is not valid: {first['msg'][:1].lower()}{first['msg'][1:]}, but got "
            f"{str(first['input'])[:80]!r}"
        ) from error


def _unknown_key(model: type[BaseModel], location: Sequence[int | str]) -> str:
    known: type[BaseModel] = model
    for part in location[:-1]:
        field = known.model_fields.get(str(part))
        if field is None or not isinstance(field.annotation, type):
            break
        if issubclass(field.annotation, BaseModel):
            known = field.annotation
    names = list(known.model_fields)
    key = str(location[-1])
    close = difflib.get_close_matches(key, names, n=1)
    hint = f"did you mean {close[0]!r}?" if close else f"the keys there are {', '.join(names)}"
    return f"there is no key {'.'.join(map(str, location))!r}; {hint}"
