"""`choose`: the one thing that a search space knows, and how its arguments are checked."""

import json
import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol, TypeVar, overload

from torch import nn

from radars.errors import SpaceError, first_line, raised_at

Factory = Callable[[], nn.Module]
"""Builds one candidate; called only when the candidate is needed."""

Candidate = Any
"""What a choice can take: the name of an operation, or a value.

A value is an int, a float, a bool, a string, None, or a tuple of these; it stands for itself.
"""

Candidates = Mapping[str, Factory] | Iterable[tuple[str, Factory]] | Iterable[Candidate]
"""The candidates of a choice, in order: name to factory, or values."""

Value = TypeVar("Value", bound=int | float | str | tuple[Any, ...] | None)


class Choose(Protocol):
    """What a search space calls to declare a choice.

    It returns the module to put in its place where candidates are operations, and one of the
    values where they are values.
    """

    # overloads, because type checkers cannot infer a dict of classes and lambdas in a union

    @overload
    def __call__(self, name: str, candidates: Mapping[str, Factory]) -> nn.Module: ...

    @overload
    def __call__(  # type: ignore[overload-overlap]
        self, name: str, candidates: Iterable[tuple[str, Factory]]
    ) -> nn.Module: ...

    @overload
    def __call__(self, name: str, candidates: Sequence[Value]) -> Value: ...


Network = Callable[[Choose], nn.Module]
"""A function, or an `nn.Module` class, that takes `choose` and returns a network."""


@dataclass(frozen=True)
class Choice:
    """A named decision among candidates.

    Attributes:
        name: what it is called.
        candidates: the names of operations, or the values.
        num_places: how often it is made: how many modules of the network follow it.
        is_value: whether the candidates are values.
        parent: the choice that decides whether it is made; None where it always is.
        under: the candidates of the parent with which it is made.
    """

    name: str
    candidates: tuple[Candidate, ...]
    num_places: int
    is_value: bool = False
    parent: str | None = None
    under: tuple[Candidate, ...] = ()


@dataclass(frozen=True)
class Offer:
    """What `choose` was given under a name.

    Attributes:
        choice: the name.
        candidates: the names of operations, or the values.
        factories: name to factory; None where the candidates are values.
    """

    choice: str
    candidates: tuple[Candidate, ...]
    factories: Mapping[str, Factory] | None

    def take(self, candidate: Candidate) -> Any:
        """What `choose` returns where this candidate is taken: a new module, or the value.

        Raises:
            SpaceError: the factory raises, or returns something that is not a module.
        """
        if self.factories is None:
            return candidate
        return build_candidate(self.choice, candidate, self.factories[candidate])


def offer_of(choice: str, candidates: Candidates) -> Offer:
    """What `choose` was given, unchecked."""
    listed = candidates if isinstance(candidates, Mapping) else list(candidates)
    if isinstance(listed, list) and not _are_pairs(listed):
        return Offer(choice, tuple(listed), None)
    pairs = as_pairs(listed)
    return Offer(choice, tuple(name for name, _ in pairs), dict(pairs))


def checked_offer(choice: str, candidates: Candidates) -> Offer:
    """What `choose` was given.

    Raises:
        SpaceError: a name is empty or repeated, there is no candidate, or one is neither a factory
            nor a value.
    """
    listed = candidates if isinstance(candidates, Mapping | str) else list(candidates)
    if isinstance(listed, list) and not _are_pairs(listed):
        _check_name(choice)
        if isinstance(candidates, set | frozenset):
            raise SpaceError(
                f"the values of a choice have an order, but those of {choice!r} are a set; give a "
                f"list"
            )
        _check_values(choice, listed)
        return Offer(choice, tuple(listed), None)
    if isinstance(listed, str):
        raise SpaceError(
            f"the candidates of a choice are a mapping of factories or a list of values, but those "
            f"of {choice!r} are the string {listed!r}; write [{listed!r}]"
        )
    pairs = checked_pairs(choice, listed)
    return Offer(choice, tuple(name for name, _ in pairs), dict(pairs))


def name_of(candidate: Candidate) -> str:
    """A candidate as people read it, and as the key of a JSON object: a value is JSON itself."""
    return candidate if isinstance(candidate, str) else json.dumps(candidate)


def plain_value(value: Any) -> Candidate:
    """A candidate as JSON has it, with tuples for lists."""
    return tuple(map(plain_value, value)) if isinstance(value, list | tuple) else value


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
            f"{type(error).__name__}: {first_line(error)}{raised_at(error)}; it is called without "
            f"arguments, for each architecture anew"
        ) from error
    if not isinstance(module, nn.Module):
        raise SpaceError(
            f"the factory of candidate {candidate!r} of choice {choice!r} returns an nn.Module, "
            f"but returned {type(module).__name__}; end it with the module"
        )
    return module


def _are_pairs(candidates: list[Any]) -> bool:
    """Whether candidates are operations, each a pair of a name and a factory."""
    return all(
        isinstance(each, tuple) and len(each) == 2 and callable(each[1]) for each in candidates
    )


def _check_values(choice: str, values: list[Any]) -> None:
    for value in values:
        if not is_candidate(value):
            raise SpaceError(
                f"a value is an int, a finite float, a bool, a string, None or a tuple of these, "
                f"but choice {choice!r} has {value!r}; give modules as a mapping of names to "
                f"factories"
            )
    for index, value in enumerate(values):
        if value in values[:index] or name_of(value) in map(name_of, values[:index]):
            raise SpaceError(
                f"the values of a choice are distinct, but {choice!r} has {value!r} twice; remove "
                f"one"
            )


def is_candidate(value: Any) -> bool:
    """Whether a choice can take it: the name of an operation, or a value."""
    if isinstance(value, tuple):
        return all(map(is_candidate, value))
    if isinstance(value, float):
        return math.isfinite(value)
    return value is None or isinstance(value, int | str)


def _check_name(choice: str) -> None:
    if not isinstance(choice, str) or not choice:
        raise SpaceError(
            f"the name of a choice is a non-empty string, but got {choice!r}; "
            "call choose(name, candidates)"
        )


def as_pairs(candidates: Candidates) -> list[tuple[str, Factory]]:
    """The candidates as pairs of a name and a factory, in order."""
    return list(candidates.items() if isinstance(candidates, Mapping) else candidates)


def checked_pairs(choice: str, candidates: Candidates) -> list[tuple[str, Factory]]:
    """The candidates as pairs, after checking what `choose` was given.

    Raises:
        SpaceError: a name is empty or repeated, there is no candidate, or one is not a factory.
    """
    _check_name(choice)
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
