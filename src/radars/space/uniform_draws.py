"""`UniformDraws`: architectures of a space drawn such that all are equally likely."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

import torch

from radars.space.choose import Candidate
from radars.space.conditions import ALWAYS, Conditions, drawn_index
from radars.space.keep import Keep
from radars.space.subspace import Architecture, Subspace


@dataclass(frozen=True)
class UniformDraws:
    """Draws the choices in order, each candidate as often as there are architectures with it.

    Attributes:
        full: the whole space.
        conditions: which of its choices are made.
        rules: what every architecture keeps.
    """

    full: Subspace
    conditions: Conditions = ALWAYS
    rules: tuple[Keep, ...] = ()

    def architecture(self, generator: torch.Generator) -> Architecture:
        """Draws an architecture; with rules, first which choices take something."""
        allowed = dict(self.full)
        taken: dict[str, Candidate] = {}
        for rule in self.rules:
            kept = [choice for choice in rule.choices if rule.nothing not in self.full[choice]]
            either = [c for c in rule.choices if c not in kept and len(self.full[c]) > 1]
            order = torch.randperm(len(either), generator=generator).tolist()
            kept += [either[index] for index in order[: rule.number - len(kept)]]
            for choice in rule.choices:
                allowed[choice] = tuple(
                    name for name in self.full[choice] if (name != rule.nothing) == (choice in kept)
                )
        for name, names in allowed.items():
            if self.conditions.is_made(name, taken):
                taken[name] = self.candidate(name, names, generator)
        return Architecture(taken)

    def completed(
        self, candidate: Mapping[str, Candidate], generator: torch.Generator
    ) -> Architecture:
        """The architecture of candidates for some choices; others that are made are drawn."""
        taken: dict[str, Candidate] = {}
        for choice, names in self.full.items():
            if self.conditions.is_made(choice, taken):
                if choice in candidate:
                    taken[choice] = candidate[choice]
                else:
                    taken[choice] = self.candidate(choice, names, generator)
        return Architecture(taken)

    def candidate(
        self, choice: str, names: tuple[Candidate, ...], generator: torch.Generator
    ) -> Candidate:
        """One of some candidates of a choice, as likely as there are architectures with it."""
        if not self.conditions:
            return names[int(torch.randint(len(names), (), generator=generator))]
        return names[drawn_index([self._ways[choice][name] for name in names], generator)]

    @cached_property
    def _ways(self) -> dict[str, dict[Candidate, int]]:
        """How many architectures of the space there are below each candidate of each choice."""
        return self.conditions.numbers(self.full)
