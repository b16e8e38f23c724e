"""`expected_cost`: the expectation of a cost over independent choices, with a gradient.

Shapes: C candidates of one choice, K combinations of a term.
"""

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor

from radars.cost.metric import ABSENT, Additive, Term
from radars.nn.transfer import constant
from radars.space import ALWAYS, Candidate, Conditions, Subspace


def expected_cost(
    cost: Additive,
    probabilities: Mapping[str, Tensor],
    among: Subspace,
    conditions: Conditions = ALWAYS,
) -> Tensor:
    """The expected cost: a scalar in double precision, as costs of many sizes add up.

    Args:
        cost: what it is.
        probabilities: choice to the probabilities (C,) of its candidates, where it is made.
        among: choice to these candidates.
        conditions: which choices are made.
    """
    terms = []
    for choice, probability_C in probabilities.items():
        costs = [float(cost.candidates[choice][name]) for name in among[choice]]
        cost_C = constant(costs, probability_C.device, torch.float64)
        terms.append(probability_C.double() @ cost_C)
    together = _OfTerms(probabilities, among, conditions)
    terms += [together.expected(term) for term in cost.terms]
    return torch.stack(terms).sum() + cost.fixed


class _OfTerms:
    """The expectations of what several choices add together."""

    def __init__(
        self, probabilities: Mapping[str, Tensor], among: Subspace, conditions: Conditions
    ) -> None:
        self._probabilities = probabilities
        self._among = among
        self._conditions = conditions
        self._device = next(iter(probabilities.values())).device

    def expected(self, term: Term) -> Tensor:
        """The sum over combinations of the number times the probability: a scalar."""
        live = [key for key in term.keys_within(self._among) if term.numbers[key]]
        if not live:
            return torch.zeros((), dtype=torch.float64, device=self._device)
        product_K = constant([term.numbers[key] for key in live], self._device, torch.float64)
        is_made: dict[tuple[str, tuple[Candidate, ...]], list[bool]] = {}
        for place, choice in enumerate(term.choices):
            taken = [key[place] for key in live]
            product_K = product_K * self._of(choice, taken)
            parent = self._conditions.parent(choice)
            if parent is not None and parent[0] not in term.choices:
                is_made[parent] = [name is not ABSENT for name in taken]
        for (parent_choice, under), made in is_made.items():
            of_made = self._made(parent_choice, under)
            where_made_K = constant([float(each) for each in made], self._device, torch.float64)
            product_K = product_K * (where_made_K * of_made + (1 - where_made_K) * (1 - of_made))
        return product_K.sum()

    def _of(self, choice: str, taken: Sequence[Candidate]) -> Tensor:
        """The probabilities (K,) of what a choice took, 1 where it is not made."""
        if choice not in self._probabilities:
            return torch.ones(len(taken), dtype=torch.float64, device=self._device)
        probability_C = self._probabilities[choice].double()
        padded_C = torch.cat([probability_C, probability_C.new_ones(1)])
        names = self._among[choice]
        index = [len(names) if name is ABSENT else names.index(name) for name in taken]
        return padded_C[constant(index, self._device)]

    def _made(self, choice: str, under: Sequence[Candidate]) -> Tensor:
        """How likely a choice is made and takes one of some candidates."""
        names = self._among.get(choice, ())
        wanted = [float(name in under) for name in names]
        probability_C = self._probabilities[choice].double()
        taken = probability_C @ constant(wanted, self._device, torch.float64)
        parent = self._conditions.parent(choice)
        return taken if parent is None else taken * self._made(*parent)
