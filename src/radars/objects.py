"""Objects that a caller passes in the place of a name, and how configurations write them down."""

from typing import Any, Protocol, TypeVar

from pydantic import BaseModel

from radars.errors import ConfigError


class HasName(Protocol):
    """A space or data."""

    @property
    def name(self) -> str:
        """What people call it."""


ConfigT = TypeVar("ConfigT", bound=BaseModel)
"""A configuration with `space` and `data.source`."""

_PREFIX = "object:"


def object_name(name: str) -> str:
    """What a configuration says in the place of an object of this name."""
    return _PREFIX + name


def bare_name(text: str) -> str:
    """The name of an object, or of what a configuration names."""
    return text.removeprefix(_PREFIX)


def with_objects(config: ConfigT, *, space: HasName | None, data: HasName | None) -> ConfigT:
    """A configuration that says of objects that they are objects, and not another name.

    Args:
        config: what the objects are used with.
        space: the space, where an object was passed.
        data: likewise.
    """
    changes: dict[str, Any] = {}
    if space is not None:
        changes["space"] = object_name(space.name)
    if data is not None:
        of_data: BaseModel = config.data  # type: ignore[attr-defined]
        changes["data"] = of_data.model_copy(update={"source": object_name(data.name)})
    return config.model_copy(update=changes)


def is_object_name(text: str) -> bool:
    """Whether a configuration says this in the place of an object."""
    return text.startswith(_PREFIX)


def check_no_object(what: str, text: str) -> None:
    """Refuses to look an object up by its name.

    Args:
        what: names it in the error, such as `space`.
        text: what a configuration says.

    Raises:
        ConfigError: it stands for an object.
    """
    if is_object_name(text):
        raise ConfigError(
            f"a {what} that was passed as an object has no name to find it by, but "
            f"{bare_name(text)!r} is one; pass it again from Python, as in "
            f"radars.search(...), radars.train(...) or evaluate(...)"
        )
