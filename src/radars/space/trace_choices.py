"""`trace_choices`: which choices a network function makes, found by running it."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import torch
from torch import nn
from torch.nn.parameter import is_lazy

from radars.errors import SpaceError
from radars.space.blueprint import building, built, content_of
from radars.space.candidate_checks import BuiltBefore, check_state, warn_of_equal
from radars.space.choose import Candidate, Candidates, Choice, Choose, Offer, checked_offer
from radars.space.code_content import Content
from radars.space.conditions import Conditions
from radars.space.reaches import reaches

Replay = Callable[[Choose], nn.Module]
"""Runs the network function of a space with a `choose`."""

_NUM_CHECKED = 16  # random traces that are held against the conditions


@dataclass
class Trace:
    """The choices that one run of the function makes, in order.

    Attributes:
        choices: name to the choice.
        is_nested: whether one is made inside a candidate of another, or could be.
        modules: choice to what it took at each of its places, and the module.
    """

    choices: dict[str, Choice] = field(default_factory=dict)
    is_nested: bool = False
    modules: dict[str, list[tuple[Candidate, nn.Module]]] = field(
        default_factory=dict, compare=False
    )

    def note(self, offer: Offer) -> None:
        """Adds what `choose` was given.

        Raises:
            SpaceError: the same name has had other candidates.
        """
        is_value = offer.factories is None
        known = self.choices.get(offer.choice, Choice(offer.choice, offer.candidates, 0, is_value))
        if (known.candidates, known.is_value) != (offer.candidates, is_value):
            raise SpaceError(
                f"places that share choice {offer.choice!r} have the same candidates, but one has "
                f"{list(known.candidates)} and another {list(offer.candidates)}; give them the "
                f"same, or another name"
            )
        self.choices[offer.choice] = replace(known, num_places=known.num_places + 1)


def trace_choices(replay: Replay, name: str, *, is_ours: bool = False) -> tuple[Choice, ...]:
    """Every choice that the function makes in some run, each behind its parent.

    The function is run on the meta device, where nothing is allocated: three times where all
    choices are operations side by side, and otherwise once more for each candidate.

    Args:
        replay: runs it.
        name: the name of the space.
        is_ours: whether it is of this library. Where choices are nested or of values, others are
            held against random traces, and candidates of one choice that are the same are warned
            of; what is ours was tested. Where choices are side by side, candidates are looked at
            with their inputs.

    Raises:
        SpaceError: there is no choice; a choice has no candidate, or one twice, or others in other
            runs; a factory raises; more than one other choice decide whether one is made; a part
            of the network is the same in each run, or the network differs from run to run.
    """
    before = BuiltBefore()
    with building(torch.device("meta")):
        first, network = _traced(replay, lambda offer: offer.candidates[0])
        if not first.choices:
            raise SpaceError(
                f"a search space makes at least one choice, but {name!r} makes none; call "
                f"choose(name, candidates) in it"
            )
        last, last_network = _traced(replay, lambda offer: offer.candidates[-1])
        repeated, again = _traced(replay, lambda offer: offer.candidates[0])
    for each in (network, last_network, again):
        before.check_network(name, each)
        check_state(repr(name), each)
    if (repeated, _shapes(again)) != (first, _shapes(network)):
        raise SpaceError(
            f"a network function makes the same network whenever the same is chosen, but that of "
            f"{name!r} made another the second time; draw nothing at random in it"
        )
    is_nested = first.is_nested or last.is_nested or first.choices.keys() != last.choices.keys()
    has_values = any(choice.is_value for choice in first.choices.values())
    if not is_nested and not has_values:
        _check_same_candidates(name, first, last)
        return tuple(first.choices.values())
    return _Discovery(replay, name, before, is_ours).run()


def _shapes(network: nn.Module) -> list[tuple[str, torch.Size]]:
    named = (*network.named_parameters(), *network.named_buffers())
    return [(name, tensor.shape) for name, tensor in named if not is_lazy(tensor)]


class _Discovery:
    """Runs the function once for each candidate of each choice, where that choice is made."""

    def __init__(self, replay: Replay, name: str, before: BuiltBefore, is_ours: bool) -> None:
        self._replay = replay
        self._name = name
        self._is_ours = is_ours
        self._before = before
        self._choices: dict[str, Choice] = {}
        self._order: list[str] = []
        self._contexts: dict[str, dict[str, Candidate]] = {}  # where each is made
        self._made: dict[str, dict[Candidate, set[str]]] = {}  # choice, candidate: what is made
        self._contents: dict[str, dict[str, Content | None]] = {}  # choice, candidate: what it is

    def run(self) -> tuple[Choice, ...]:
        """The choices with their parents."""
        first = self._trace({})
        waiting = [(choice, set(first.choices)) for choice in self._noted(first, {})]
        while waiting:
            choice, made_here = waiting.pop(0)  # with its first candidate
            self._made[choice] = {self._choices[choice].candidates[0]: made_here}
            for candidate in self._choices[choice].candidates[1:]:
                taken = {**self._contexts[choice], choice: candidate}
                trace = self._trace(taken)
                made = self._made[choice][candidate] = set(trace.choices)
                self._note_content(choice, candidate, trace)
                waiting += [(name, made) for name in self._noted(trace, taken)]
        choices = tuple(self._with_parent(choice) for choice in self._order)
        if not self._is_ours:
            self._check(choices)
            for choice, contents in self._contents.items():
                warn_of_equal(choice, [contents])
        return choices

    def _note_content(self, choice: str, candidate: Candidate, trace: Trace) -> None:
        """Notes what a candidate of operations is, and what is chosen where it is taken."""
        parts = [content_of(module) for _, module in trace.modules.get(choice, ())]
        if parts:
            is_known = None not in parts
            content = (tuple(trace.choices), *parts) if is_known else None
            self._contents.setdefault(choice, {})[candidate] = content

    def _trace(self, taken: Mapping[str, Candidate]) -> Trace:
        with building(torch.device("meta")):
            trace, network = _traced(
                self._replay, lambda offer: taken.get(offer.choice, offer.candidates[0])
            )
        self._before.check_network(self._name, network)
        check_state(repr(self._name), network)
        return trace

    def _noted(self, trace: Trace, taken: dict[str, Candidate]) -> list[str]:
        """Adds what a trace makes; returns what is new."""
        _check_same_candidates(self._name, Trace(self._choices), trace, only_common=True)
        new, position = [], 0
        for name, choice in trace.choices.items():
            if name in self._choices:
                position = max(position, self._order.index(name) + 1)
                most = max(choice.num_places, self._choices[name].num_places)
                self._choices[name] = replace(choice, num_places=most)
                continue
            self._order.insert(position, name)
            position += 1
            self._choices[name], self._contexts[name] = choice, taken
            self._note_content(name, choice.candidates[0], trace)
            new.append(name)
        return new

    def _with_parent(self, name: str) -> Choice:
        """The choice with the last of those that decide whether it is made."""
        deciding = [
            other
            for other in self._order
            if 0 < sum(name in made for made in self._made[other].values()) < len(self._made[other])
        ]
        if not deciding:
            return self._choices[name]
        parent = deciding[-1]
        under = tuple(value for value, made in self._made[parent].items() if name in made)
        return replace(self._choices[name], parent=parent, under=under)

    def _check(self, choices: tuple[Choice, ...]) -> None:
        """Holds random traces against the parents that were found."""
        conditions = Conditions(choices)
        generator = torch.Generator().manual_seed(0)
        for _ in range(_NUM_CHECKED):
            taken = {
                choice.name: choice.candidates[
                    int(torch.randint(len(choice.candidates), (), generator=generator))
                ]
                for choice in choices
            }
            trace = self._trace(taken)
            _check_same_candidates(self._name, Trace(self._choices), trace, only_common=True)
            for wrong in sorted(conditions.made(taken).keys() ^ trace.choices.keys()):
                raise SpaceError(
                    f"one other choice at most decides whether a choice is made, but more decide "
                    f"about {wrong!r} of {self._name!r}; make it where one of them takes "
                    f"something, or always"
                )


def _traced(replay: Replay, take: Callable[[Offer], Candidate]) -> tuple[Trace, nn.Module]:
    """The choices of a run that takes these candidates, and the network."""
    trace = Trace()
    building: list[str] = []  # the candidates whose factories are running

    def choose(name: str, candidates: Candidates) -> Any:
        offer = checked_offer(name, candidates)
        if name in building:
            raise SpaceError(
                f"a choice is not made inside its own candidates, but {name!r} is; give it "
                f"another name there"
            )
        trace.note(offer)
        factories = (offer.factories or {}).values()
        trace.is_nested |= bool(building) or any(reaches(each, choose) for each in factories)
        building.append(name)
        candidate = take(offer)
        taken = offer.take(candidate)
        building.pop()
        if offer.factories is not None:
            trace.modules.setdefault(name, []).append((candidate, taken))
        return taken

    def attempt() -> nn.Module:
        trace.choices.clear()
        trace.modules.clear()
        building.clear()
        return replay(choose)

    network = built(attempt)
    for choice, parts in trace.modules.items():
        for candidate, module in parts:
            check_state(f"candidate {candidate!r} of choice {choice!r}", module)
    return trace, network


def _check_same_candidates(
    name: str, first: Trace, other: Trace, *, only_common: bool = False
) -> None:
    """Checks that a trace makes the choices of another; `only_common`, however often."""
    for choice, found in other.choices.items():
        before = first.choices.get(choice)
        if only_common:
            if before is None:
                continue
            found = replace(found, num_places=before.num_places)
        if found != before:
            raise SpaceError(
                f"a choice has the same candidates in every trace of {name!r}, but {choice!r} does "
                f"not; give it the same whatever the other choices are, or another name"
            )
