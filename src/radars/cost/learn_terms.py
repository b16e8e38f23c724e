"""`learn_terms`: sums of small tables that give the cost of every architecture of a space.

Where choices are of values, what a layer costs depends on several of them: its own kernel, its
width and that of the layer before. Which ones is found by tracing networks that differ in one
choice, and its costs by tracing one network for every combination of these; one network shows a
combination of every layer, so few are traced.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from weakref import WeakKeyDictionary

import torch

from radars.cost.combinations import Needs, combinations
from radars.cost.layer_costs import NOTHING, Counts, LayerCosts, terms_of
from radars.cost.metric import ABSENT, Combination, Term
from radars.cost.traced_layers import TracedLayers
from radars.errors import SpaceError
from radars.example import InputShape
from radars.space import Architecture, Candidate, Choice, SearchSpace

_NUM_CHECKED = 8  # random architectures, at last


@dataclass(frozen=True)
class LearnedTerms:
    """What the architectures of a space cost.

    Attributes:
        terms: `macs`, `parameters` and `elements` (what all layers return for one example) to terms
            whose sums are exact.
        largest: the architecture with the most of all, as far as changing one choice at a time
            leads.
    """

    terms: Mapping[str, tuple[Term, ...]]
    largest: Architecture


_learned: WeakKeyDictionary[SearchSpace, dict[InputShape, LearnedTerms]] = WeakKeyDictionary()


def learn_terms(space: SearchSpace, input_shape: InputShape) -> LearnedTerms:
    """Learns them, once in a process.

    Args:
        space: the search space.
        input_shape: the shape of one example, without the batch.

    Raises:
        SpaceError: a network cannot take its input, or the costs of a layer depend on too much.
    """
    known = _learned.setdefault(space, {})
    if input_shape not in known:
        learner = _Learner(space, input_shape)
        known[input_shape] = LearnedTerms(learner.learn(), learner.largest)
    return known[input_shape]


class _Learner:
    """Traces architectures, and finds out which choices the costs of each layer depend on."""

    def __init__(self, space: SearchSpace, input_shape: InputShape) -> None:
        self._space = space
        self._traced = TracedLayers(space, input_shape)
        self._layers: dict[str, LayerCosts] = {}
        self._combinations: dict[tuple[str, ...], dict[Combination, Needs]] = {}
        self._generator = torch.Generator().manual_seed(0)
        self.largest = space.made({c.name: c.candidates[-1] for c in space.choices})

    def learn(self) -> dict[str, tuple[Term, ...]]:
        self._climb()
        for choice in self._space.choices:
            self._vary(choice)
        while True:
            for architecture in self._missing():
                self._note(architecture)
            drawn = [self._space.random_architecture(self._generator) for _ in range(_NUM_CHECKED)]
            if sum(self._note(architecture) for architecture in drawn) == 0:
                return terms_of(self._layers.values())

    def _climb(self) -> None:
        """Finds the largest architecture, from that of the last candidates."""
        for choice in self._space.choices:
            if choice.name in self.largest:
                tried = choice.candidates if _is_kind(choice) else _ends(choice.candidates)
                self.largest = max(
                    (self._with(self.largest, choice.name, each) for each in tried), key=self._size
                )

    def _vary(self, choice: Choice) -> None:
        """Notes what changes with one choice, where it is made and all else is largest."""
        here = self._making(choice.name)
        tried = choice.candidates if _is_kind(choice) else _ends(choice.candidates)
        for candidate in tried:
            if candidate != here[choice.name]:
                self._note(self._with(here, choice.name, candidate), before=here)

    def _size(self, architecture: Architecture) -> tuple[int, int]:
        macs, parameters, elements = map(sum, zip(*self._trace(architecture).values(), strict=True))
        return elements + parameters, macs

    def _with(self, base: Architecture, choice: str, candidate: Candidate) -> Architecture:
        """An architecture with one choice changed; what is made anew is as in the largest."""
        return self._space.made({**self._last(), **self.largest, **base, choice: candidate})

    def _last(self) -> dict[str, Candidate]:
        return {choice.name: choice.candidates[-1] for choice in self._space.choices}

    def _making(self, choice: str) -> Architecture:
        """The architecture nearest to the largest in which a choice is made."""
        taken = {**self._last(), **self.largest}
        name = choice
        while (parent := self._space.conditions.parent(name)) is not None:
            name, under = parent
            if taken[name] not in under:
                taken[name] = under[-1]
        return self._space.made(taken)

    def _trace(self, architecture: Architecture) -> dict[str, Counts]:
        """Name to costs of each layer of an architecture; notes which names there are."""
        counts = self._traced.of(architecture)
        for name in counts:
            self._layers.setdefault(name, LayerCosts())
        return counts

    def _note(self, architecture: Architecture, before: Architecture | None = None) -> bool:
        """Notes the costs of each layer; returns whether one depends on more than was known.

        Args:
            architecture: is traced.
            before: another that was.
        """
        is_news = False
        counts = self._trace(architecture)
        if before is not None:
            self._note(before)
        for name, layer in list(self._layers.items()):  # a trace may add others, which are 0 here
            own = counts.get(name, NOTHING)
            while True:
                key = layer.key(architecture)
                known, witness = layer.known.setdefault(key, (own, architecture))
                if known == own:
                    break
                is_news = True
                choice = self._difference(name, witness, architecture)
                self._depend(name, layer, choice)
        return is_news

    def _difference(self, name: str, first: Architecture, other: Architecture) -> str:
        """A choice with which a layer's costs change, on the way from one to the other."""
        every = [choice.name for choice in self._space.choices]
        choices = [c for c in every if first.get(c, ABSENT) != other.get(c, ABSENT)]
        low, high = 0, len(choices)  # with so many taken from the other
        start = self._trace(first).get(name, NOTHING)

        def mixed(number: int) -> Architecture:
            taken = {**first, **{c: other[c] for c in choices[:number] if c in other}}
            return self._space.made({**self._last(), **self.largest, **other, **taken})

        while high - low > 1:
            middle = (low + high) // 2
            if self._trace(mixed(middle)).get(name, NOTHING) == start:
                low = middle
            else:
                high = middle
        return choices[low]

    def _depend(self, name: str, layer: LayerCosts, choice: str) -> None:
        """Makes the costs of a layer depend on one more choice."""
        if choice in layer.choices:
            raise SpaceError(
                f"the same architecture always has the same costs, but {name!r} in "
                f"{self._space.name!r} does not; let the function depend on `choose` alone"
            )
        names = {*layer.choices, choice}
        ordered = tuple(c.name for c in self._space.choices if c.name in names)
        layer.depend_on(ordered, self._traced.of_layer(name))

    def _missing(self) -> Iterator[Architecture]:
        """Yields architectures until every combination of every layer was traced."""
        waiting: dict[str, tuple[tuple[str, ...], dict[Combination, Needs]]] = {}
        while True:
            taken: dict[str, Candidate] = {}
            is_done = True
            for name, layer in self._layers.items():
                choices, left = waiting.get(name, (None, {}))
                if choices != layer.choices:
                    left = self._combinations_of(layer.choices)
                left = {each: need for each, need in left.items() if each not in layer.known}
                waiting[name] = layer.choices, left
                is_done = is_done and not left
                fitting = (
                    need
                    for need in left.values()
                    if all(taken.get(c, v) == v for c, v in need.items())
                )
                taken |= next(fitting, {})
            if is_done:
                return
            yield self._space.completed(taken, self._generator)

    def _combinations_of(self, choices: tuple[str, ...]) -> dict[Combination, Needs]:
        """Those of some choices, found once: many layers depend on the same."""
        if choices not in self._combinations:
            self._combinations[choices] = combinations(self._space, choices)
        return self._combinations[choices]


def _is_kind(choice: Choice) -> bool:
    """Whether the candidates differ in kind, not in size alone."""
    return not all(isinstance(each, int | float) for each in choice.candidates)


def _ends(candidates: Sequence[Candidate]) -> Sequence[Candidate]:
    return (min(candidates), max(candidates))
