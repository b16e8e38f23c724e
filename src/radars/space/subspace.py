"""Subspaces and architectures: immutable values that say what is still, or finally, chosen."""

import json
import math
from collections.abc import Iterable, Iterator, Mapping
from typing import Self

from radars.errors import SpaceError
from radars.space.choose import Candidate, is_candidate, plain_value


class Subspace(Mapping[str, tuple[Candidate, ...]]):
    """For every choice, a non-empty tuple of distinct candidates. Immutable and hashable.

    Args:
        candidates: choice name to its candidates, in order: names of operations, or values.

    Raises:
        SpaceError: a choice has no candidate, or has one twice.
    """

    __slots__ = ("_candidates",)

    def __init__(self, candidates: Mapping[str, Iterable[Candidate]]) -> None:
        self._candidates = {
            choice: tuple(map(plain_value, names)) for choice, names in candidates.items()
        }
        for choice, names in self._candidates.items():
            if not names:
                raise SpaceError(
                    f"every choice keeps at least one candidate, but {choice!r} has none; "
                    "leave it one candidate"
                )
            if len(set(names)) != len(names):
                raise SpaceError(
                    f"the candidates of a choice are distinct, but {choice!r} has {list(names)}; "
                    "name each once"
                )

    def __getitem__(self, choice: str) -> tuple[Candidate, ...]:
        return self._candidates[choice]

    def __iter__(self) -> Iterator[str]:
        return iter(self._candidates)

    def __len__(self) -> int:
        return len(self._candidates)

    def __hash__(self) -> int:
        return hash(frozenset(self._candidates.items()))

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Subspace) and self._candidates == other._candidates

    def __repr__(self) -> str:
        return f"Subspace({self._candidates})"

    @property
    def num_architectures(self) -> int:
        """How many architectures the subspace holds, were all of its choices made in each."""
        return math.prod(len(names) for names in self._candidates.values())

    @property
    def num_candidates(self) -> int:
        """How many candidates are live, over all choices."""
        return sum(len(names) for names in self._candidates.values())

    def as_subspace(self) -> "Subspace":
        """Itself, for who is given either a subspace or an architecture."""
        return self

    def holds(self, other: "Subspace | Architecture") -> bool:
        """Whether every architecture of `other` is one of this subspace's."""
        other = other.as_subspace()
        return self.keys() == other.keys() and all(
            set(names) <= set(self[choice]) for choice, names in other.items()
        )

    def allows(self, architecture: Mapping[str, Candidate]) -> bool:
        """Whether an architecture takes candidates of this subspace only."""
        return all(
            name in self._candidates.get(choice, ()) for choice, name in architecture.items()
        )

    def without(self, choice: str, candidate: Candidate) -> "Subspace":
        """The subspace with one candidate removed.

        Raises:
            SpaceError: the candidate is not there, or is the last one of its choice.
        """
        if candidate not in self._candidates.get(choice, ()):
            raise SpaceError(
                f"choice {choice!r} has no candidate {candidate!r} to remove; name one that it has"
            )
        rest = tuple(name for name in self[choice] if name != candidate)
        return Subspace({**self._candidates, choice: rest})

    def to_json(self) -> str:
        """The subspace as one JSON object; `from_json` reads it back."""
        return json.dumps({choice: list(names) for choice, names in self._candidates.items()})

    @classmethod
    def from_json(cls, text: str) -> Self:
        """Reads what `to_json` wrote.

        Raises:
            SpaceError: the text is not an object of lists of candidates.
        """
        value = _json_object(text, "a subspace")
        candidates: dict[str, list[Candidate]] = {}
        for choice, names in value.items():
            if not isinstance(names, list) or not all(map(is_candidate, map(plain_value, names))):
                raise SpaceError(
                    f"a subspace maps every choice to a list of candidates, but "
                    f"{choice!r} is {names!r}; "
                    'write it like ["skip", "conv3"]'
                )
            candidates[choice] = names
        return cls(candidates)


class Architecture(Mapping[str, Candidate]):
    """For every choice that is made, the one candidate that it takes. Immutable and hashable.

    A value that a choice took stands for itself, such as 24. An architecture equals any mapping of
    the same items, such as a dict.
    """

    __slots__ = ("_candidate",)

    def __init__(self, candidate: Mapping[str, Candidate]) -> None:
        self._candidate = {choice: plain_value(name) for choice, name in candidate.items()}

    def __getitem__(self, choice: str) -> Candidate:
        return self._candidate[choice]

    def __iter__(self) -> Iterator[str]:
        return iter(self._candidate)

    def __len__(self) -> int:
        return len(self._candidate)

    def __hash__(self) -> int:
        return hash(frozenset(self._candidate.items()))

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Mapping) and self._candidate == dict(other)

    def __repr__(self) -> str:
        return f"Architecture({self._candidate})"

    def as_subspace(self) -> Subspace:
        """The subspace that holds this architecture alone."""
        return Subspace({choice: (name,) for choice, name in self._candidate.items()})

    def to_json(self) -> str:
        """The architecture as one JSON object; `from_json` reads it back."""
        return json.dumps(self._candidate)

    @classmethod
    def from_json(cls, text: str) -> Self:
        """Reads what `to_json` wrote.

        Raises:
            SpaceError: the text is not an object of candidates.
        """
        value = _json_object(text, "an architecture")
        for choice, name in value.items():
            if not is_candidate(plain_value(name)):
                raise SpaceError(
                    f"an architecture maps every choice to one candidate, but "
                    f"{choice!r} is {name!r}; "
                    'write it like "conv3", or a value such as 24'
                )
        return cls(value)


def _json_object(text: str, what: str) -> dict[str, object]:
    try:
        value = json.loads(text, object_pairs_hook=_distinct_keys)
    except (ValueError, RecursionError) as error:
        raise SpaceError(
            f"{what} is a JSON object, but this is not JSON: {error}; "
            "write it again, or take the one of another run"
        ) from error
    if not isinstance(value, dict) or not value:
        raise SpaceError(
            f"{what} is a JSON object of choices, but got {str(value)[:60]!r}; "
            'write it like {"block0": "conv3"}'
        )
    return value


def _distinct_keys(pairs: list[tuple[str, object]]) -> dict[str, object]:
    value = dict(pairs)
    if len(value) != len(pairs):
        raise ValueError("a choice is named twice")
    return value
