"""The options of a search space: keyword arguments of its network's function, checked by type."""

import inspect
from collections.abc import Callable, Iterable, Mapping
from typing import get_origin

from pydantic import PydanticUserError, TypeAdapter, ValidationError
from torch import nn

from radars.errors import ConfigError, did_you_mean, first_line

NetworkWithOptions = Callable[..., nn.Module]
"""A function, or an `nn.Module` class, of `choose` and of keyword options."""


def options_of(name: str, network: NetworkWithOptions) -> tuple[list[inspect.Parameter], bool]:
    """The options that a network takes, and whether it takes any other too.

    Raises:
        ConfigError: its arguments cannot be read, or it takes none.
    """
    try:
        signature = inspect.signature(network, eval_str=True)
    except Exception as error:
        raise ConfigError(
            f"the arguments of space {name!r} cannot be read: {type(error).__name__}: "
            f"{first_line(error)}; check its annotations"
        ) from error
    if not signature.parameters:
        raise ConfigError(
            f"space {name!r} takes `choose` as its first argument, but takes none; "
            "write def net(choose): ..."
        )
    _, *rest = signature.parameters.values()
    takes_any = any(parameter.kind is parameter.VAR_KEYWORD for parameter in rest)
    named = (inspect.Parameter.POSITIONAL_OR_KEYWORD, inspect.Parameter.KEYWORD_ONLY)
    return [parameter for parameter in rest if parameter.kind in named], takes_any


def checked_options(
    name: str, network: NetworkWithOptions, options: Mapping[str, object]
) -> dict[str, object]:
    """The options, each of the type that the network's annotation says.

    Raises:
        ConfigError: there is no such option, one is missing, or has the wrong type.
    """
    parameters, takes_any = options_of(name, network)
    known = {parameter.name: parameter for parameter in parameters}
    for option in options:
        if option not in known and not takes_any:
            raise ConfigError(
                f"the options of space {name!r} are {_listed(parameters)}, but got "
                f"{option!r}{did_you_mean(option, known)}"
            )
    missing = [
        parameter.name
        for parameter in parameters
        if parameter.default is parameter.empty and parameter.name not in options
    ]
    if missing:
        raise ConfigError(
            f"space {name!r} needs the option {missing[0]!r}, which has no default; "
            "give it one, or --set space_options.OPTION=VALUE"
        )
    return {
        option: _checked(name, known.get(option), option, value)
        for option, value in options.items()
    }


def _checked(name: str, parameter: inspect.Parameter | None, option: str, value: object) -> object:
    if parameter is None or parameter.annotation is parameter.empty:
        return value
    if get_origin(parameter.annotation) is tuple and isinstance(value, list):
        value = tuple(value)  # YAML has no tuples
    try:
        adapter: TypeAdapter[object] = TypeAdapter(parameter.annotation)
        return adapter.validate_python(value, strict=True)
    except PydanticUserError:
        return value  # a class of the user's own: not for us to check
    except ValidationError as error:
        raise ConfigError(
            f"option {option!r} of space {name!r} is {_type_name(parameter)}, but got {value!r}: "
            f"{error.errors()[0]['msg'].lower()}; correct it"
        ) from error


def _listed(parameters: Iterable[inspect.Parameter]) -> str:
    texts = [f"{parameter.name} ({_type_name(parameter)})" for parameter in parameters]
    return ", ".join(texts) or "none"


def _type_name(parameter: inspect.Parameter) -> str:
    if parameter.annotation is parameter.empty:
        return "anything"
    kind = getattr(parameter.annotation, "__origin__", parameter.annotation)
    return getattr(kind, "__name__", str(kind))
