"""Objects that a caller passes in the place of a name, and how configurations write them down."""

from radars.errors import ConfigError

_PREFIX = "object:"


def object_name(name: str) -> str:
    """What a configuration says in the place of an object of this name."""
    return _PREFIX + name


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
            f"{text.removeprefix(_PREFIX)!r} is one; pass it again from Python, as in "
            f"radars.search(...) or radars.train(...)"
        )
