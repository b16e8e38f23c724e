"""Nested calls as readable Python source."""

from collections.abc import Sequence
from dataclasses import dataclass

_WIDTH = 96
_STEP = 4


@dataclass(frozen=True)
class Call:
    """A call in source code; without a function and in square brackets, a list.

    Attributes:
        function: what is called, such as `nn.Conv2d`.
        arguments: each with its name, or an empty one where it is positional.
        brackets: around the arguments.
    """

    function: str
    arguments: Sequence[tuple[str, "Call | str"]] = ()
    brackets: str = "()"

    def render(self, indent: int = 0, used: int = 0) -> str:
        """The source, broken into lines where it does not fit into one.

        Args:
            indent: spaces in front of the line that it begins on.
            used: characters of that line that are in front of it.
        """
        opening, closing = self.brackets[0], self.brackets[1]
        flat = f"{self.function}{opening}{', '.join(self._parts())}{closing}"
        if indent + used + len(flat) < _WIDTH or not self.arguments:
            return flat
        space = " " * (indent + _STEP)
        parts = [f"{space}{part},\n" for part in self._parts(indent + _STEP)]
        return f"{self.function}{opening}\n{''.join(parts)}{' ' * indent}{closing}"

    def _parts(self, indent: int | None = None) -> list[str]:
        """The arguments: each in one line, or broken where an indent is given."""
        parts = []
        for name, value in self.arguments:
            label = f"{name}=" if name else ""
            if isinstance(value, Call):
                value = value.render(-_FAR) if indent is None else value.render(indent, len(label))
            parts.append(label + value)
        return parts


_FAR = 10**9  # so far to the left that every line is long enough
