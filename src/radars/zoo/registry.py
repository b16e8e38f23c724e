"""Search spaces by name, and the options that they take."""

import difflib
import inspect
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import get_origin

from pydantic import PydanticUserError, TypeAdapter, ValidationError
from torch import nn

from radars.errors import ConfigError, first_line
from radars.space import Keep, SearchSpace
from radars.zoo import user_file
from radars.zoo.cifar_large import cifar_large
from radars.zoo.darts_cells import darts, darts_rules
from radars.zoo.digits import digits
from radars.zoo.mobile import mobile, mobile_large
from radars.zoo.nasbench201 import nasbench201
from radars.zoo.nasbench_macro import nasbench_macro
from radars.zoo.resnet import resnet
from radars.zoo.vit import vit

NetworkWithOptions = Callable[..., nn.Module]
"""A function, or an `nn.Module` class, of `choose` and of keyword options."""


@dataclass(frozen=True)
class ZooEntry:
    """A ready-made search space.

    Attributes:
        name: what it is loaded by.
        network: the function of `choose`, and of options, that builds it.
        input_shape: the shape of one example, without the batch, where no option changes it.
        summary: one line for people.
        rules: what every architecture of it keeps.
    """

    name: str
    network: NetworkWithOptions
    input_shape: tuple[int, ...]
    summary: str
    rules: tuple[Keep, ...] = ()


_ZOO = (
    ZooEntry("digits", digits, (1, 8, 8), "5 layers of 4 candidates for 8x8 digits: the default"),
    ZooEntry(
        "nasbench-macro", nasbench_macro, (3, 32, 32), "8 layers of 3 candidates: NAS-Bench-Macro"
    ),
    ZooEntry(
        "nasbench201", nasbench201, (3, 32, 32), "cells of 6 edges of 5 candidates: NAS-Bench-201"
    ),
    ZooEntry(
        "darts",
        darts,
        (3, 32, 32),
        "cells of 14 edges of 8 candidates, two kept a node: DARTS",
        darts_rules(),
    ),
    ZooEntry("cifar-large", cifar_large, (3, 32, 32), "8 layers of 25 MBConv candidates"),
    ZooEntry("resnet", resnet, (3, 32, 32), "12 bottleneck blocks of up to 19 candidates"),
    ZooEntry("vit", vit, (3, 32, 32), "8 transformer layers: 6 mixers, 4 MLPs each"),
    ZooEntry("mobile", mobile, (3, 224, 224), "21 layers of 7 MBConv candidates: ProxylessNAS"),
    ZooEntry("mobile-large", mobile_large, (3, 224, 224), "21 layers of 49 MBConv candidates"),
)


def zoo() -> tuple[ZooEntry, ...]:
    """The ready-made search spaces."""
    return _ZOO


def load_space(name: str, **options: object) -> SearchSpace:
    """Loads a space of the zoo, or of a user's file: `"path/file.py:function"`.

    Args:
        name: a name of the zoo, or a file and the function (or `nn.Module` class) in it. The file
            is executed.
        options: keyword arguments of the network's function, such as `num_classes`.

    Raises:
        ConfigError: there is no such space, file or function, or no such option, or an option has
            the wrong type.
        SpaceError: the function is not a well-formed search space.
    """
    if user_file.is_file_name(name):
        network = user_file.load_network(name)
        checked = partial(network, **_checked_options(name, network, options))
        with user_file.located(name):
            return SearchSpace(checked, name=name, rules=_rules_of(name, network))
    entry = _entry(name)
    options = _checked_options(name, entry.network, options)
    in_channels = options.get("in_channels", entry.input_shape[0])
    assert isinstance(in_channels, int)
    return SearchSpace(
        partial(entry.network, **options),
        name=name,
        input_shape=(in_channels, *entry.input_shape[1:]),
        rules=entry.rules,
    )


def accepted_options(name: str, candidates: Mapping[str, object]) -> dict[str, object]:
    """Those of the options that the space takes; for options that data suggest, not the user.

    Args:
        name: as for `load_space`.
        candidates: options such as `num_classes` and `in_channels`.

    Raises:
        ConfigError: there is no such space, file or function.
    """
    if user_file.is_file_name(name):
        network: NetworkWithOptions = user_file.load_network(name)
    else:
        network = _entry(name).network
    parameters, takes_any = _options(name, network)
    return {
        option: value
        for option, value in candidates.items()
        if takes_any or option in {parameter.name for parameter in parameters}
    }


def did_you_mean(given: str, known: Iterable[str]) -> str:
    """`; did you mean 'digits'?` where a known name is close, or `; give one of these`."""
    close = difflib.get_close_matches(given, list(known), n=1)
    return f"; did you mean {close[0]!r}?" if close else "; give one of these"


def _entry(name: str) -> ZooEntry:
    for entry in _ZOO:
        if entry.name == name:
            return entry
    names = [entry.name for entry in _ZOO]
    raise ConfigError(
        f"a space is one of {', '.join(names)}, or path/file.py:function, but got "
        f"{name!r}{did_you_mean(name, names)}"
    )


def _rules_of(name: str, network: NetworkWithOptions) -> tuple[Keep, ...]:
    """The rules that a user's function has as its attribute `rules`, if any."""
    rules = tuple(getattr(network, "rules", ()))
    for rule in rules:
        if not isinstance(rule, Keep):
            raise ConfigError(
                f"the rules of a space are radars.Keep(choices, number), but {name!r} has "
                f"{type(rule).__name__}; make them so"
            )
    return rules


def _options(name: str, network: NetworkWithOptions) -> tuple[list[inspect.Parameter], bool]:
    """The options that a network takes, and whether it takes any other too."""
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


def _checked_options(
    name: str, network: NetworkWithOptions, options: Mapping[str, object]
) -> dict[str, object]:
    parameters, takes_any = _options(name, network)
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
