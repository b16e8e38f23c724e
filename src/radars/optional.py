"""Arguments that may be left out: those that were given."""

from typing import Any


def without_none(**values: Any) -> dict[str, Any]:
    """The arguments that were given: those that are not None."""
    return {key: value for key, value in values.items() if value is not None}
