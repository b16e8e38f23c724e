"""`learn_terms`: sums of small tables that give the cost of every architecture of a space.

Where choices are of values, what a layer costs depends on several of them: its own kernel, its
width and that of the layer before. Which ones is found by tracing networks that differ in one
choice, and its costs by tracing one network for every combination of these; one network shows a
combination of every layer, so few are traced.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import astuple, dataclass, field
from itertools import product
from weakref import WeakKeyDictionary

import torch

from radars.cost.metric import ABSENT, Term
from radars.cost.parts import Part, PartCounter
from radars.errors import SpaceError, first_line
from radars.space import Architecture, Candidate, Choice, SearchSpace, building

_MAX_TRACES = 3000
_MAX_COMBINATIONS = 5000  # of one layer
_NUM_CHECKED = 8  # random architectures, at last

Counts = tuple[int, ...]
_NOTHING: Counts = astuple(Part())


@dataclass
class _Layer:
    """What is known of the modules of one name.

    Attributes:
        choices: those that its costs depend on, as far as known.
        known: their candidates to its costs, and to the architecture that showed it.
    """

    choices: tuple[str, ...] = ()
    known: dict[tuple[Candidate, ...], tuple[Counts, Architecture]] = field(default_factory=dict)


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


_learned: WeakKeyDictionary[SearchSpace, dict[tuple[int, ...], LearnedTerms]] = WeakKeyDictionary()


def learn_terms(space: SearchSpace, input_shape: tuple[int, ...]) -> LearnedTerms:
    """Learns them, once in a process.

    Args:
        space: the search space.
        input_shape: of one example, without the batch.

    Raises:
        SpaceError: a network cannot take its input, or the costs of a layer depend on too much.
    """
    known = _learned.setdefault(space, {})
    if input_shape not in known:
        learner = _Learner(space, input_shape)
        known[input_shape] = LearnedTerms(learner.learn(), learner.largest)
    return known[input_shape]


class _Learner:
    """Traces architectures, and remembers what each layer cost in which."""

    def __init__(self, space: SearchSpace, input_shape: tuple[int, ...]) -> None:
        self._space = space
        self._counter = PartCounter(input_shape, space.input_dtype)
        self._input_shape = input_shape
        self._traced: dict[Architecture, dict[str, Counts]] = {}
        self._layers: dict[str, _Layer] = {}
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
                return self._terms()

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
        here = self._making(choice.name, self.largest)
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

    def _making(self, choice: str, base: Mapping[str, Candidate]) -> Architecture:
        """The architecture nearest to another in which a choice is made."""
        taken = {**self._last(), **self.largest, **base}
        name = choice
        while (parent := self._space.conditions.parent(name)) is not None:
            name, under = parent
            if taken[name] not in under:
                taken[name] = under[-1]
        return self._space.made(taken)

    def _trace(self, architecture: Architecture) -> dict[str, Counts]:
        if architecture not in self._traced:
            if len(self._traced) == _MAX_TRACES:
                raise SpaceError(
                    f"the costs of a layer depend on a few choices, but those of "
                    f"{self._space.name!r} are not known after {_MAX_TRACES} networks; give "
                    f"choices fewer values"
                )
            try:
                with building(torch.device("meta")):
                    parts = self._counter.parts(self._space.build(architecture))
            except SpaceError:
                raise
            except Exception as error:
                raise SpaceError(
                    f"the network of {dict(architecture)} cannot take an input of "
                    f"{self._input_shape}: {first_line(error)}; make the choices fit each other"
                ) from error
            counts = {name: astuple(part) for name, part in parts.items()}
            self._traced[architecture] = {n: c for n, c in counts.items() if any(c)}
            for name in self._traced[architecture]:
                self._layers.setdefault(name, _Layer())
        return self._traced[architecture]

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
        for name, layer in self._layers.items():
            own = counts.get(name, _NOTHING)
            while True:
                key = _key(layer.choices, architecture)
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
        start = self._trace(first).get(name, _NOTHING)

        def mixed(number: int) -> Architecture:
            taken = {**first, **{c: other[c] for c in choices[:number] if c in other}}
            return self._space.made({**self._last(), **self.largest, **other, **taken})

        while high - low > 1:
            middle = (low + high) // 2
            if self._trace(mixed(middle)).get(name, _NOTHING) == start:
                low = middle
            else:
                high = middle
        return choices[low]

    def _depend(self, name: str, layer: _Layer, choice: str) -> None:
        """Makes the costs of a layer depend on one more choice."""
        if choice in layer.choices:
            raise SpaceError(
                f"costs are the same whenever the same is built, but those of {name!r} in "
                f"{self._space.name!r} are not; let the function depend on `choose` alone"
            )
        names = {*layer.choices, choice}
        layer.choices = tuple(c.name for c in self._space.choices if c.name in names)
        layer.known = {
            _key(layer.choices, witness): (counts, witness)
            for counts, witness in layer.known.values()
        }
        for architecture, counts in self._traced.items():
            layer.known.setdefault(
                _key(layer.choices, architecture), (counts.get(name, _NOTHING), architecture)
            )

    def _missing(self) -> Iterator[Architecture]:
        """Yields architectures until every combination of every layer was traced."""
        waiting: dict[str, tuple[tuple[str, ...], list[tuple[Candidate, ...]]]] = {}
        while True:
            taken: dict[str, Candidate] = {}
            is_done = True
            for name, layer in self._layers.items():
                choices, combinations = waiting.get(name, (None, []))
                if choices != layer.choices:
                    combinations = list(self._combinations(layer))
                combinations = [each for each in combinations if each not in layer.known]
                waiting[name] = layer.choices, combinations
                is_done = is_done and not combinations
                fitting = (
                    need
                    for each in combinations
                    if (need := self._needs(layer.choices, each)) is not None
                    and all(taken.get(c, v) == v for c, v in need.items())
                )
                taken |= next(fitting, {})
            if is_done:
                return
            yield self._space.completed(taken, self._generator)

    def _combinations(self, layer: _Layer) -> Iterator[tuple[Candidate, ...]]:
        """The combinations of candidates that some architecture has."""
        conditions = self._space.conditions
        options = [
            (*self._space.full[c], *((ABSENT,) if conditions.parent(c) else ()))
            for c in layer.choices
        ]
        number = 1
        for each in options:
            number *= len(each)
        if number > _MAX_COMBINATIONS:
            raise SpaceError(
                f"the costs of a layer depend on a few choices, but one of {self._space.name!r} "
                f"depends on {', '.join(layer.choices)}; give them fewer values, or let fewer of "
                f"them decide about one layer"
            )
        for each in product(*options):
            if self._needs(layer.choices, each) is not None:
                yield each

    def _needs(
        self, choices: Iterable[str], combination: Iterable[Candidate]
    ) -> dict[str, Candidate] | None:
        """What has to be taken for a combination; None where no architecture has it."""
        conditions = self._space.conditions
        needs: dict[str, Candidate] = {}
        excluded: dict[str, set[Candidate]] = {}
        for choice, candidate in zip(choices, combination, strict=True):
            name = choice
            if candidate is ABSENT:
                parent = conditions.parent(choice)
                assert parent is not None
                excluded.setdefault(parent[0], set()).update(parent[1])
                continue
            needs[choice] = candidate
            while (parent := conditions.parent(name)) is not None:
                name, under = parent
                if name not in needs:
                    needs[name] = under[-1]
                elif needs[name] not in under:
                    return None
        for choice, unwanted in excluded.items():
            if choice in needs:
                if needs[choice] in unwanted:
                    return None
            else:
                others = [c for c in self._space.full[choice] if c not in unwanted]
                if not others:
                    return None
                needs[choice] = others[0]
        return needs

    def _terms(self) -> dict[str, tuple[Term, ...]]:
        """Sums over the layers that depend on the same choices."""
        tables: _Tables = {}
        for layer in self._layers.values():
            table = tables.setdefault(layer.choices, {})
            for key, (counts, _) in layer.known.items():
                added = table.get(key, _NOTHING)
                table[key] = tuple(a + b for a, b in zip(added, counts, strict=True))
        return {
            name: tuple(
                Term(choices, {key: float(counts[index]) for key, counts in table.items()})
                for choices, table in _merged(tables).items()
            )
            for index, name in enumerate(vars(Part()))
        }


_Tables = dict[tuple[str, ...], dict[tuple[Candidate, ...], Counts]]


def _merged(tables: _Tables) -> _Tables:
    """The tables without those whose choices are among another's, which has their numbers too."""
    merged: _Tables = {}
    for choices in sorted(tables, key=len, reverse=True):
        larger = next((other for other in merged if set(choices) <= set(other)), None)
        if larger is None:
            merged[choices] = dict(tables[choices])
            continue
        places = [larger.index(choice) for choice in choices]
        for key, counts in merged[larger].items():
            added = tables[choices].get(tuple(key[place] for place in places), _NOTHING)
            merged[larger][key] = tuple(a + b for a, b in zip(counts, added, strict=True))
    return merged


def _is_kind(choice: Choice) -> bool:
    """Whether the candidates differ in kind, not in size alone."""
    return not all(isinstance(each, int | float) for each in choice.candidates)


def _ends(candidates: Sequence[Candidate]) -> Sequence[Candidate]:
    return (min(candidates), max(candidates))


def _key(choices: Iterable[str], architecture: Mapping[str, Candidate]) -> tuple[Candidate, ...]:
    return tuple(architecture.get(choice, ABSENT) for choice in choices)
