"""`load_space`: a search space by its name in the zoo, or from a user's file."""

from collections.abc import Mapping
from functools import lru_cache, partial

from radars.errors import ConfigError, did_you_mean
from radars.objects import check_no_object
from radars.registries import SPACES
from radars.space import Keep, SearchSpace
from radars.zoo import user_file
from radars.zoo.space_options import NetworkWithOptions, checked_options, options_of
from radars.zoo.zoo_entry import ZooEntry

_MOST_KEPT = 16  # spaces of the zoo


def load_space(name: str, **options: object) -> SearchSpace:
    """Loads a space of the zoo, or of a user's file: `"path/file.py:function"`.

    A space of the zoo is made once for the same options, so that what was traced of it is known to
    each search of it in a process; a file is executed each time.

    Args:
        name: a name of the zoo, or a file and the function (or `nn.Module` class) in it. The file
            is executed.
        options: keyword arguments of the network's function, such as `num_classes`.

    Raises:
        ConfigError: there is no such space, file or function, or no such option, or an option has
            the wrong type.
        SpaceError: the function is not a well-formed search space.
    """
    check_no_object("space", name)
    if user_file.is_file_name(name):
        network = user_file.load_network(name)
        checked = partial(network, **checked_options(name, network, options))
        with user_file.located(name):
            return SearchSpace(checked, name=name, rules=_rules_of(name, network))
    entry = _entry(name)
    options = checked_options(name, entry.network, options)
    try:
        hash(tuple(options.values()))
    except TypeError:
        return _made(entry, name, **options)
    return _kept(entry, name, **dict(sorted(options.items())))


def _made(entry: ZooEntry, name: str, /, **options: object) -> SearchSpace:
    channels, *sides = entry.input_shape
    in_channels, side = options.get("in_channels", channels), options.get("image_size")
    assert isinstance(in_channels, int)
    if isinstance(side, int):
        sides = [side] * len(sides)
    return SearchSpace(
        partial(entry.network, **options),
        name=name,
        input_shape=(in_channels, *sides),
        rules=entry.rules,
    )


_kept = lru_cache(_MOST_KEPT, typed=True)(_made)  # 1 and True are different options


def accepted_options(name: str, candidates: Mapping[str, object]) -> dict[str, object]:
    """Those of the options that the space takes; for options that data suggest, not the user.

    Args:
        name: as for `load_space`.
        candidates: options such as `num_classes` and `in_channels`.

    Raises:
        ConfigError: there is no such space, file or function.
    """
    check_no_object("space", name)
    if user_file.is_file_name(name):
        network: NetworkWithOptions = user_file.load_network(name)
    else:
        network = _entry(name).network
    parameters, takes_any = options_of(name, network)
    return {
        option: value
        for option, value in candidates.items()
        if takes_any or option in {parameter.name for parameter in parameters}
    }


def _entry(name: str) -> ZooEntry:
    if name not in SPACES:
        names = SPACES.names()
        raise ConfigError(
            f"a space is one of {', '.join(names)}, or path/file.py:function, but got "
            f"{name!r}{did_you_mean(name, names)}"
        )
    entry: ZooEntry = SPACES.get(name)
    return entry


def _rules_of(name: str, network: NetworkWithOptions) -> tuple[Keep, ...]:
    """The rules that a user's function has as its attribute `rules`, if any."""
    rules = tuple(getattr(network, "rules", ()))
    for rule in rules:
        if not isinstance(rule, Keep):
            raise ConfigError(
                f"the rules of a space are radars.Keep(choices, number), but {name!r} has "
                f"{type(rule).__name__}; use radars.Keep"
            )
    return rules
