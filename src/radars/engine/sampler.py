"""`Sampler`: architectures that satisfy the constraints and fit the budget."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field

import torch

from radars.cost import Feasible
from radars.engine.memory_guard import MemoryGuard
from radars.engine.policies.policy import Policy, Sample, Uniform
from radars.errors import BudgetError, ConfigError
from radars.space import Architecture, SearchSpace, building, fingerprint, origins_of

_MAX_DRAWS = 1000
_FROM_ALL = 10  # draws from all that is allowed, before those of little memory


@dataclass(frozen=True)
class Sampler:
    """Draws architectures, and tells apart those that build different networks.

    Attributes:
        space: the network that is trained while searching.
        feasible: the architectures that may be returned.
        guard: knows what fits the budget.
        smaller: makes what is drawn from if hardly any of these fit: those that hold ever less.
    """

    space: SearchSpace
    feasible: Feasible
    guard: MemoryGuard
    smaller: Callable[[], Sequence[Feasible]]
    _fingerprints: dict[Architecture, str] = field(default_factory=dict, repr=False, compare=False)

    def allows(self, architecture: Architecture) -> bool:
        """Whether an architecture satisfies the constraints and fits the budget."""
        return self.feasible.allows(architecture) and self.guard.fits(architecture)

    def draw(self, policy: Policy, *, uniform: bool = False) -> Sample:
        """Draws from a policy, or uniformly: also where a policy is sure of what does not fit.

        Where few architectures fit, draws go on among those that hold less.

        Raises:
            BudgetError: none was found in many draws.
        """
        for draw in range(_MAX_DRAWS):
            is_uniform = uniform or draw > _MAX_DRAWS // 2
            sample = self._sample(policy, draw, uniform=is_uniform)
            if sample is not None and self.guard.fits(sample.architecture):
                return sample
        raise BudgetError(
            f"of {_MAX_DRAWS} architectures that satisfy the constraints none fits the budget of "
            f"{self.guard.planner.budget_bytes:,} bytes; raise the budget or loosen a constraint"
        )

    def _sample(self, policy: Policy, draw: int, *, uniform: bool) -> Sample | None:
        """A draw, by its number: after the first few, those that hold less have their turns.

        None where the policy knows none that hold so little.
        """
        if draw < _FROM_ALL:
            return policy.sample(self.feasible, uniform=uniform)
        smaller = self.smaller()
        try:
            return policy.sample(smaller[(draw - _FROM_ALL) % len(smaller)], uniform=uniform)
        except ConfigError:
            return None

    def draw_uniform(self, generator: torch.Generator) -> Architecture:
        """Draws uniformly.

        Raises:
            BudgetError: none was found in many draws.
        """
        return self.draw(Uniform(self.space.full, generator)).architecture

    def fingerprint(self, architecture: Architecture) -> str:
        """Tells architectures apart by the network that they build; traced once for each."""
        if architecture not in self._fingerprints:
            with building(torch.device("meta")):
                network = self.space.build(architecture)
            spec = self.guard.planner.spec
            origins = origins_of(network)
            with torch.device("meta"):
                traced = fingerprint(network, spec.input_shape, spec.input_dtype, origins)
            if origins is None:  # it may differ in what is not traced
                traced = f"{traced} {architecture}"
            self._fingerprints[architecture] = traced
        return self._fingerprints[architecture]

    def different(
        self, architectures: Iterable[Architecture], count: int, others: Iterable[Architecture] = ()
    ) -> list[Architecture]:
        """The first `count` that fit the budget and build different networks; fewer if it ends.

        Args:
            architectures: looked at in this order.
            count: the most that are taken.
            others: what builds the network of one of these is not taken.
        """
        taken: list[Architecture] = []
        known = {self.fingerprint(architecture) for architecture in others}
        for architecture in architectures:
            if len(taken) == count:
                break
            if self.guard.fits(architecture) and self.fingerprint(architecture) not in known:
                known.add(self.fingerprint(architecture))
                taken.append(architecture)
        return taken
