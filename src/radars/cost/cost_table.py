"""`CostTable`: what each candidate adds to the cost of an architecture."""

from collections.abc import Mapping
from dataclasses import dataclass, field, fields

import torch

from radars.cost.count import count_macs, count_parameters, network_macs
from radars.cost.learn_terms import learn_terms
from radars.cost.metric import Additive, Metric, Term
from radars.cost.priced_places import price_places
from radars.errors import ConfigError, SpaceError
from radars.example import InputShape
from radars.space import Candidate, Factory, Place, SearchSpace, building, built


@dataclass(frozen=True)
class Cost:
    """Costs of a network or of a part of one, per example.

    Attributes:
        macs: multiply-accumulates of one forward pass.
        parameters: number of parameters.
    """

    macs: int = 0
    parameters: int = 0

    def __add__(self, other: "Cost") -> "Cost":
        return Cost(self.macs + other.macs, self.parameters + other.parameters)

    def __sub__(self, other: "Cost") -> "Cost":
        return Cost(self.macs - other.macs, self.parameters - other.parameters)


@dataclass(frozen=True)
class CostTable:
    """Costs of the fixed part of a space's network, and of each candidate of each choice.

    They add up exactly: multiply-accumulates and parameters of an architecture are `fixed` plus
    those of its candidates and of the terms.

    Attributes:
        fixed: the cost of what is not a candidate.
        candidates: choice to candidate to its cost.
        priced: costs that are traced or measured rather than counted, by name.
        terms: where the space is not modular: cost to what choices add together.
    """

    fixed: Cost
    candidates: Mapping[str, Mapping[str, Cost]]
    priced: Mapping[str, Metric] = field(default_factory=dict)
    terms: Mapping[str, tuple[Term, ...]] = field(default_factory=dict)

    @classmethod
    def of(cls, space: SearchSpace, input_shape: InputShape | None = None) -> "CostTable":
        """Counts each distinct candidate once at its own input shape, on the meta device.

        Args:
            space: the search space.
            input_shape: the shape of one example, without the batch; by default the space's own.

        Raises:
            SpaceError: neither the space nor the caller gives an input shape.
        """
        input_shape = input_shape or space.input_shape
        if input_shape is None:
            raise SpaceError(f"costs need an input shape, but {space.name!r} has none; give one")
        costs = {name: dict.fromkeys(names, Cost()) for name, names in space.full.items()}
        if not space.is_modular:
            return cls(Cost(), costs, terms=learn_terms(space, input_shape).terms)

        def count(factory: Factory, place: Place) -> tuple[int, int]:
            with building(torch.device("meta")):
                candidate = built(factory)
                return count_macs(candidate, *place.input_shapes), count_parameters(candidate)

        for place, counts in price_places(space, input_shape, count):
            for name, numbers in counts.items():
                costs[place.choice][name] += Cost(*numbers)
        first = space.best()
        with building(torch.device("meta")):
            network = space.build(first)
        total = Cost(
            network_macs(network, input_shape, space.input_dtype),
            count_parameters(network),
        )
        for choice, candidate_name in first.items():
            total = total - costs[choice][candidate_name]
        return cls(total, costs)

    def cost(self, architecture: Mapping[str, Candidate]) -> Cost:
        """The cost of an architecture."""
        total = self.fixed
        for choice, candidate in architecture.items():
            total = total + self.candidates[choice][candidate]
        together = {
            name: round(sum(term.of(architecture) for term in self.terms.get(name, ())))
            for name in COUNTED
        }
        return total + Cost(**together)

    def cost_of_choice(self, choice: str, architecture: Mapping[str, Candidate]) -> Cost:
        """What the candidate of a choice adds; an equal share of what several add together."""
        alone = self.candidates[choice][architecture[choice]]
        shares = {
            name: sum(
                term.of(architecture) / sum(c in architecture for c in term.choices)
                for term in self.terms.get(name, ())
                if choice in term.choices
            )
            for name in COUNTED
        }
        return alone + Cost(**{name: round(share) for name, share in shares.items()})

    def metric(self, name: str) -> Metric:
        """One of the costs, by name.

        Raises:
            ConfigError: it is not priced here.
        """
        if name in self.priced:
            return self.priced[name]
        if name not in COUNTED:
            raise ConfigError(
                f"the costs that are known here are {', '.join((*COUNTED, *self.priced))}, but "
                f"{name} is asked for; leave it out"
            )
        candidates = {
            choice: {candidate: getattr(cost, name) for candidate, cost in costs.items()}
            for choice, costs in self.candidates.items()
        }
        return Metric((Additive(getattr(self.fixed, name), candidates, self.terms.get(name, ())),))


COUNTED = tuple(known.name for known in fields(Cost))
"""The costs that are counted, exactly, without running anything."""
