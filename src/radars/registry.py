"""`Registry`: things by name, such as methods. Own ones and those of other packages alike.

What is registered is named by a text, `module:attribute`, and imported when it is first asked for.
A package registers by an entry point of the registry's group, a program by `register`.
"""

from collections.abc import Iterator, Mapping
from importlib import import_module
from importlib.metadata import entry_points
from typing import Generic, TypeVar

from radars.errors import ConfigError, did_you_mean, first_line

Thing = TypeVar("Thing")


class Registry(Generic[Thing]):
    """Things of one kind by name.

    Args:
        noun: what one of them is called.
        group: the group of the entry points by which packages add to them.
        own: name to `module:attribute`, of those that come with radars.
    """

    def __init__(self, noun: str, group: str, own: Mapping[str, str]) -> None:
        self.noun = noun
        self.group = group
        self._known: dict[str, Thing | str] = dict(own)
        self._has_looked = False

    def register(self, name: str, thing: Thing | str) -> None:
        """Adds a thing, or `module:attribute` for one that is imported when it is asked for.

        Raises:
            ConfigError: the name is taken by another, or is no name.
        """
        if not name or not all(letter.isalnum() or letter in "-_" for letter in name):
            raise ConfigError(
                f"the name of a {self.noun} is made of letters, digits, - and _, but got {name!r}; "
                f"choose another"
            )
        self._look_at_entry_points()
        known = self._known.get(name)
        if known is not None and known != thing:
            raise ConfigError(
                f"a {self.noun} has a name of its own, but {name!r} is taken; choose another"
            )
        self._known[name] = thing

    def names(self) -> tuple[str, ...]:
        """Every name: radars' own first. Nothing is imported."""
        self._look_at_entry_points()
        return tuple(self._known)

    def get(self, name: str) -> Thing:
        """The thing of a name.

        Raises:
            ConfigError: there is none, or it cannot be imported.
        """
        known = self._known[self.checked(name)]
        if isinstance(known, str):
            known = self._known[name] = self._imported(name, known)
        return known

    def checked(self, name: str) -> str:
        """The name, of which there is a thing. Nothing is imported.

        Raises:
            ConfigError: there is none.
        """
        if name not in self:
            raise ConfigError(
                f"a {self.noun} is one of {', '.join(self._known)}, but got {str(name)[:80]!r}"
                f"{did_you_mean(str(name), list(self._known))}"
            )
        return name

    def items(self) -> Iterator[tuple[str, Thing]]:
        """Every name and its thing, imported."""
        return ((name, self.get(name)) for name in self.names())

    def __contains__(self, name: object) -> bool:
        return name in self.names()

    def _look_at_entry_points(self) -> None:
        if self._has_looked:
            return
        self._has_looked = True
        for point in entry_points(group=self.group):
            self._known.setdefault(point.name, point.value)

    def _imported(self, name: str, place: str) -> Thing:
        module, _, attribute = place.partition(":")
        try:
            thing: Thing = getattr(import_module(module), attribute)
        except Exception as error:  # whatever a module of somebody else raises
            raise ConfigError(
                f"the {self.noun} {name!r} is {place}, but it cannot be imported "
                f"({first_line(error)}); install or repair its package"
            ) from error
        return thing
