"""`Conditions`: which choices are made only where another one takes something."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Protocol

import torch

from radars.space.choose import Candidate, Choice

Scores = Mapping[str, Mapping[Candidate, float]]
"""Choice to candidate to a number."""


class HasCandidates(Protocol):
    """A subspace: choice to its candidates."""

    def __iter__(self) -> Iterator[str]: ...
    def __contains__(self, choice: object, /) -> bool: ...
    def __getitem__(self, choice: str, /) -> tuple[Candidate, ...]: ...


class Conditions:
    """A choice has at most one parent, whose candidate decides whether it is made.

    So the choices are a forest, and sums over what hangs below a candidate go from the leaves up.

    Args:
        choices: each behind its parent.
    """

    def __init__(self, choices: Iterable[Choice] = ()) -> None:
        self._parents: dict[str, tuple[str, tuple[Candidate, ...]]] = {}
        self._order: list[str] = []
        for choice in choices:
            self._order.append(choice.name)
            if choice.parent is not None:
                self._parents[choice.name] = choice.parent, choice.under

    def __bool__(self) -> bool:
        """Whether some choices are not always made."""
        return bool(self._parents)

    def parent(self, choice: str) -> tuple[str, tuple[Candidate, ...]] | None:
        """What decides whether a choice is made, and with which candidates of it; None for none."""
        return self._parents.get(choice)

    def is_made(self, choice: str, taken: Mapping[str, Candidate]) -> bool:
        """Whether a choice is made where those before it took these candidates."""
        if choice not in self._parents:
            return True
        parent, under = self._parents[choice]
        return parent in taken and taken[parent] in under

    def made(self, taken: Mapping[str, Candidate]) -> dict[str, Candidate]:
        """Those of the candidates whose choices are made, in order."""
        if not self._parents:
            return dict(taken)
        made: dict[str, Candidate] = {}
        for choice in self._order:
            if choice in taken and self.is_made(choice, made):
                made[choice] = taken[choice]
        return made

    def is_whole(self, taken: Mapping[str, Candidate]) -> bool:
        """Whether candidates are of all choices that are made with them, and of no others."""
        known = self.made(taken)
        return {choice for choice in self._order if self.is_made(choice, known)} == set(taken)

    def parents_first(self, choices: Sequence[str]) -> list[str]:
        """Choices in their order, but each behind its parent."""
        if not self._parents:
            return list(choices)
        placed: dict[str, None] = {}

        def place(choice: str) -> None:
            parent = self._parents.get(choice, ("",))[0]
            if parent in choices and parent not in placed:
                place(parent)
            placed[choice] = None

        for choice in choices:
            if choice not in placed:
                place(choice)
        return list(placed)

    def numbers(self, subspace: HasCandidates) -> dict[str, dict[Candidate, int]]:
        """Choice to candidate to how many ways there are to go on below it."""
        numbers: dict[str, dict[Candidate, int]] = {}
        for choice in reversed(list(subspace)):
            numbers[choice] = dict.fromkeys(subspace[choice], 1)
            for child, under in self._children(choice):
                if child in numbers:
                    ways = sum(numbers[child].values())
                    for candidate in numbers[choice]:
                        numbers[choice][candidate] *= ways if candidate in under else 1
        return numbers

    def with_best_below(self, scores: Scores, subspace: HasCandidates) -> Scores:
        """Scores of candidates with the best that can be had below them."""
        if not self._parents:
            return scores
        best: dict[str, dict[Candidate, float]] = {}
        for choice in reversed(list(subspace)):
            known = scores.get(choice, {})
            best[choice] = {name: known.get(name, 0.0) for name in subspace[choice]}
            for child, under in self._children(choice):
                if child in best:
                    for name in best[choice]:
                        best[choice][name] += max(best[child].values()) if name in under else 0.0
        return best

    def _children(self, choice: str) -> Sequence[tuple[str, tuple[Candidate, ...]]]:
        return [
            (child, under) for child, (parent, under) in self._parents.items() if parent == choice
        ]


ALWAYS = Conditions()
"""Every choice is always made."""


def drawn_index(numbers: Sequence[int], generator: torch.Generator) -> int:
    """Draws an index, as likely as its number is large; exact for numbers of any size."""
    total = sum(numbers)
    draw = 0
    for _ in range(total.bit_length() // 32 + 2):  # 64 bits more than needed: no bias to speak of
        draw = draw << 32 | int(torch.randint(2**32, (), generator=generator))
    target = draw % total
    for index, number in enumerate(numbers):
        if target < number:
            return index
        target -= number
    raise ValueError("one of the numbers is above 0")
