"""`choose`: the one thing that a search space knows, and how its arguments are checked."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Protocol, overload

from torch import nn

from radars.errors import SpaceError, first_line

Factory = Callable[[], nn.Module]
"""Builds one candidate; called only when the candidate is needed."""

Candidates = Mapping[str, Factory] | Iterable[tuple[str, Factory]]
"""The candidates of a choice: name to factory, in order."""


class Choose(Protocol):
    """What a search space calls to declare a choice; returns the module to put in its place."""

    # two overloads, because type checkers cannot infer a dict of classes and lambdas in a union

    @overload
    def __call__(self, name: str, candidates: Mapping[str, Factory]) -> nn.Module: ...

    @overload
    def __call__(self, name: str, candidates: Iterable[tuple[str, Factory]]) -> nn.Module: ...


Network = Callable[[Choose], nn.Module]
"""A function, or an `nn.Module` class, that takes `choose` and returns a network."""


@dataclass(frozen=True)
class Choice:
    """A named decision among candidates; `num_places` modules of the network follow it."""

    name: str
    candidates: tuple[str, ...]
    num_places: int


def build_candidate(choice: str, candidate: str, factory: Factory) -> nn.Module:
    """Calls a factory.

    Raises:
        SpaceError: the factory raises, or returns something that is not a module.
    """
    try:
        module = factory()
    except SpaceError:
        raise
    except (Exception, SystemExit) as error:
        raise SpaceError(
            f"the factory of candidate {candidate!r} of choice {choice!r} raised "
            f"{type(error).__name__}: {first_line(error)}; it must work without arguments"
        ) from error
    if not isinstance(module, nn.Module):
        raise SpaceError(
            f"the factory of candidate {candidate!r} of choice {choice!r} returns an nn.Module, "
            f"but returned {type(module).__name__}; end it with the module"
        )
    return module


def as_pairs(candidates: Candidates) -> list[tuple[str, Factory]]:
    """The candidates as pairs of a name and a factory, in order."""
    return list(candidates.items() if isinstance(candidates, Mapping) else candidates)


def checked_pairs(choice: str, candidates: Candidates) -> list[tuple[str, Factory]]:
    """The candidates as pairs, after checking what `choose` was given.

    Raises:
        SpaceError: a name is empty or repeated, there is no candidate, or one is not a factory.
    """
    if not isinstance(choice, str) or not choice:
        raise SpaceError(
            f"the name of a choice is a non-empty string, but got {choice!r}; "
            "call choose(name, candidates)"
        )
    pairs = as_pairs(candidates)
    if not pairs:
        raise SpaceError(
            f"a choice has at least one candidate, but {choice!r} has none; "
            "add one, or do not call choose"
        )
    names = [name for name, _ in pairs]
    for name, factory in pairs:
        if not isinstance(name, str) or not name:
            raise SpaceError(
                f"the name of a candidate is a non-empty string, but {choice!r} has {name!r}; "
                "name it by what it is, such as conv3"
            )
        if names.count(name) > 1:
            raise SpaceError(
                f"the candidates of a choice are distinct, but {choice!r} has {name!r} twice; "
                "rename or remove one"
            )
        if isinstance(factory, nn.Module) or not callable(factory):
            raise SpaceError(
                f"a candidate is a factory without arguments, but candidate {name!r} of choice "
                f"{choice!r} is a {type(factory).__name__}; write `lambda: ...`"
            )
    return pairs
