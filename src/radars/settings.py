"""Configurations from defaults, YAML files and dotted overrides, with one-line errors."""

import difflib
import math
import re
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar, get_args

import yaml
from omegaconf import OmegaConf
from omegaconf.errors import OmegaConfBaseException
from pydantic import BaseModel, ValidationError

from radars.errors import ConfigError, RadarsError, first_line
from radars.reading import MOST_TEXT_BYTES, read_file
from radars.renamed_settings import with_new_name, with_new_names

Model = TypeVar("Model", bound=BaseModel)

_MAX_VALUES = 100_000


def merge_settings(*layers: Mapping[str, Any], overrides: Sequence[str] = ()) -> dict[str, Any]:
    """Merges settings, later ones over earlier ones, then `key.path=value` overrides.

    Settings under an old name are taken, and come out under the new one.

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
        merged = OmegaConf.merge({}, *map(with_new_names, layers))
        merged.merge_with_dotlist(
            list(map(with_new_name, overrides))
        )  # also into lists, as in objectives[0].target=3
        plain = OmegaConf.to_container(merged, resolve=False)
    except (OmegaConfBaseException, yaml.YAMLError, ValueError, RecursionError) as error:
        raise ConfigError(
            f"the settings cannot be read: {first_line(error)}; "
            "write an override like explore.steps=500"
        ) from error
    assert isinstance(plain, dict)
    return with_new_names({str(key): value for key, value in plain.items()})


def read_settings(path: Path) -> dict[str, Any]:
    """Reads a YAML file of settings. No tag in it is executed.

    Raises:
        ConfigError: it is missing, too large, or not a YAML mapping of plain values.
    """
    text = read_text(path, "configuration")
    try:
        return parse_yaml(text)
    except (OmegaConfBaseException, yaml.YAMLError, ValueError, RecursionError) as error:
        raise ConfigError(
            f"a configuration is a YAML mapping of keys to values, but {path} is not: "
            f"{_reason(error)}; correct it"
        ) from error


def read_text(path: Path, what: str) -> str:
    """Reads a file that the user names.

    Args:
        path: the path of the file.
        what: names it in errors, such as `configuration`.

    Raises:
        ConfigError: it is missing, not a file, larger than 1 MB, or not UTF-8 text.
    """
    try:
        content = read_file(path, MOST_TEXT_BYTES)
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        raise ConfigError(f"cannot read the {what} {path}: {reason}; check the path") from error
    try:
        return content.decode()
    except UnicodeDecodeError as error:
        raise ConfigError(
            f"a {what} is UTF-8 text, but {path} is not, at byte {error.start}; save it as UTF-8"
        ) from error


def parse_yaml(text: str) -> dict[str, Any]:
    """Reads a YAML mapping of plain values. No tag in it is executed, no `${...}` looked up.

    Raises:
        ValueError, OmegaConfBaseException, yaml.YAMLError, RecursionError: it is not one.
    """
    root = yaml.compose(text, Loader=yaml.SafeLoader)
    if root is not None and not isinstance(root, yaml.MappingNode):
        raise ValueError("it is a list or a single value")
    if root is not None and _num_values(root, {}) > _MAX_VALUES:
        raise ValueError(f"its aliases stand for more than {_MAX_VALUES} values")
    values = OmegaConf.to_container(OmegaConf.create(text), resolve=False)
    assert isinstance(values, dict)
    return {str(key): value for key, value in values.items()}


def _reason(error: Exception) -> str:
    if isinstance(error, yaml.MarkedYAMLError) and error.problem and error.problem_mark:
        return f"line {error.problem_mark.line + 1}: {error.problem}"
    return first_line(error)


def _num_values(node: yaml.Node, known: dict[int, float]) -> float:
    """How many values a node stands for, each alias counted in full; infinite within itself."""
    if id(node) not in known:
        known[id(node)] = math.inf  # for as long as it is being counted
        parts: list[yaml.Node] = []
        if isinstance(node, yaml.SequenceNode):
            parts = node.value
        elif isinstance(node, yaml.MappingNode):
            parts = [part for pair in node.value for part in pair]
        known[id(node)] = 1 + sum(_num_values(part, known) for part in parts)
    return known[id(node)]


def validate_settings(model: type[Model], settings: Mapping[str, Any]) -> Model:
    """Makes a configuration, and turns what is wrong with it into one line.

    Raises:
        ConfigError: a key is unknown, or a value is not allowed; the first of them is named.
    """
    try:
        _check_numbers(settings, "")
        made = model.model_validate(dict(settings))
        _check_no_truth(settings, made, "")
        return made
    except ValidationError as error:
        first = error.errors()[0]
        key = ".".join(map(str, first["loc"]))
        cause = first.get("ctx", {}).get("error")
        if isinstance(cause, RadarsError):
            raise ConfigError(f"{key}: {cause}" if key else str(cause)) from error
        if first["type"] == "extra_forbidden":
            raise ConfigError(_unknown_key(model, first["loc"])) from error
        if first["type"] == "missing":
            raise ConfigError(f"{key} must be given, but is missing; add it") from error
        message = first["msg"].removeprefix("Value error, ")
        if not key:  # of how several keys fit together; it says what it got
            raise ConfigError(message) from error
        raise ConfigError(
            f"{key} {_rule(message)}, but got {_short(first['input'])}; "
            f"{_remedy(model, first['loc'])}"
        ) from error


def _check_numbers(value: object, key: str) -> None:
    """Refuses whole numbers that no machine counts to."""
    for name, item in _items(value):
        _check_numbers(item, f"{key}.{name}" if key else name)
    if isinstance(value, int) and abs(value) > 2**63:
        raise ConfigError(f"{key} must be at most 2^63, but got {_short(value)}; correct it")


def _check_no_truth(given: object, made: object, key: str) -> None:
    """Refuses true and false where a number is meant: they would be 1 and 0."""
    known = dict(_items(made))
    for name, item in _items(given):
        if name in known:
            _check_no_truth(item, known[name], f"{key}.{name}" if key else name)
    is_number = isinstance(made, int | float) and not isinstance(made, bool)
    if isinstance(given, bool) and is_number:
        raise ConfigError(f"{key} is a number, but got {str(given).lower()}; write the number")


def _items(value: object) -> Iterable[tuple[str, object]]:
    """What is in a group or a list of settings, by its name."""
    if isinstance(value, Mapping):
        return [(str(name), item) for name, item in value.items()]
    if isinstance(value, BaseModel):
        return list(value)
    if isinstance(value, list | tuple):
        return [(str(index), item) for index, item in enumerate(value)]
    return ()


def _rule(message: str) -> str:
    """What pydantic says of a value, as what it must be."""
    rule, *_ = re.split(r", unable to|, got a number| after validation", message)
    rule = re.sub(r"^\w+ should ", "must ", rule)
    rule = re.sub(r"a valid dictionary or instance of \w+", "a group of settings", rule)
    return rule if rule.startswith("must ") else f"is not valid: {rule[:1].lower()}{rule[1:]}"


def _short(value: object) -> str:
    try:
        return repr(value)[:80]
    except ValueError:  # Python prints no number of more than 4300 digits
        return "a huge number"


def _remedy(model: type[BaseModel], location: Sequence[int | str]) -> str:
    field = _model_at(model, location[:-1]).model_fields.get(str(location[-1]))
    default = None if field is None or field.is_required() else field.get_default()
    if isinstance(default, str | int | float):
        return f"correct it, or leave it out for {default}"
    return "correct it"


def _model_at(model: type[BaseModel], location: Sequence[int | str]) -> type[BaseModel]:
    known: type[BaseModel] = model
    for part in location:
        field = known.model_fields.get(str(part))
        if field is None:
            continue  # the number of an item of a list, whose model is known already
        for inner in (field.annotation, *get_args(field.annotation)):
            if isinstance(inner, type) and issubclass(inner, BaseModel):
                known = inner
    return known


def _unknown_key(model: type[BaseModel], location: Sequence[int | str]) -> str:
    return unknown_key(list(map(str, location)), _model_at(model, location[:-1]).model_fields)


def unknown_key(path: Sequence[str], names: Iterable[str]) -> str:
    """What is wrong with a key that is none of the names, and which was meant."""
    names = list(names)
    close = difflib.get_close_matches(path[-1], names, n=1)
    hint = f"did you mean {close[0]!r}?" if close else f"the keys there are {', '.join(names)}"
    return f"there is no key {'.'.join(path)!r}; {hint}"
