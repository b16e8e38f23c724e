"""`Policy`: a distribution over architectures that learns from rewards."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

import torch

from radars.cost import Feasible
from radars.space import Architecture, Candidate, Subspace


@dataclass(frozen=True)
class Sample:
    """An architecture that was drawn, and the candidates that each draw had to choose from."""

    architecture: Architecture
    allowed: Mapping[str, tuple[str, ...]]


class Policy(Protocol):
    """A distribution over architectures that learns from rewards."""

    def sample(self, feasible: Feasible, *, uniform: bool = False) -> Sample:
        """Draws an allowed architecture, from the policy or uniformly."""
        ...

    def reinforce(self, samples: Sequence[Sample], rewards: Sequence[float]) -> None:
        """Learns from the rewards of samples."""
        ...


@dataclass(frozen=True)
class Uniform:
    """A policy that learns nothing.

    Attributes:
        full: every candidate.
        generator: the generator of the draws.
    """

    full: Subspace
    generator: torch.Generator

    def sample(self, feasible: Feasible, *, uniform: bool = False) -> Sample:
        """See `Policy`."""

        def pick(choice: str, names: tuple[Candidate, ...]) -> Candidate:
            return feasible.pick_uniformly(choice, names, self.generator)

        return Sample(*feasible.sample(self.full, pick, self.generator))

    def reinforce(self, samples: Sequence[Sample], rewards: Sequence[float]) -> None:
        """See `Policy`."""
