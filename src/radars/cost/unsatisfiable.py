"""Constraints that no architecture of a space satisfies: which, and what to loosen."""

from collections.abc import Sequence

from radars.cost.cheapest import cheapest
from radars.cost.constraint import Constraint
from radars.cost.cost_kind import format_cost
from radars.cost.metric import Metric
from radars.errors import ConfigError
from radars.space import ALWAYS, Conditions, Keep, Subspace

Bound = tuple[Constraint, Metric]
"""A constraint, with the cost that it bounds."""


def listed(bounds: Sequence[Bound]) -> str:
    """The constraints, in words."""
    return " and ".join(str(constraint) for constraint, _ in bounds)


def check_each(
    bounds: Sequence[Bound],
    full: Subspace,
    rules: Sequence[Keep],
    conditions: Conditions = ALWAYS,
) -> None:
    """Refuses a constraint that nothing satisfies.

    Raises:
        ConfigError: there is one; it says what the least is.
    """
    for constraint, metric in bounds:
        least = cheapest(metric, full, rules=rules, conditions=conditions)
        assert least is not None
        if metric.of(least) > constraint.limit:
            raise ConfigError(
                f"no architecture of the space satisfies {constraint}: the least is "
                f"{format_cost(constraint.metric, metric.of(least))}; loosen it"
            )


def not_together(
    bounds: Sequence[Bound],
    full: Subspace,
    rules: Sequence[Keep],
    conditions: Conditions = ALWAYS,
) -> ConfigError:
    """Says that nothing satisfies all, and what each would have to be where the others stay."""
    ways = []
    for index, (constraint, metric) in enumerate(bounds):
        others = [*bounds[:index], *bounds[index + 1 :]]
        least = cheapest(metric, full, others, rules, conditions)
        if least is not None:
            cost = format_cost(constraint.metric, metric.of(least))
            ways.append(f"{constraint} to {cost}")
    remedy = f"loosen {' or '.join(ways)}" if ways else "loosen more than one"
    return ConfigError(
        f"no architecture of the space satisfies {listed(bounds)} together; {remedy}"
    )


def whole_too_costly(bound: Bound, bounds: Sequence[Bound], cost: float) -> ConfigError:
    """Says that the network with the least of a cost, by its sums, has too much of it.

    Args:
        bound: the bound on that cost.
        bounds: all of them.
        cost: the cost of the whole network.
    """
    constraint, metric = bound
    margin = f", which has to be {metric.margin:.0%} below" if metric.margin else ""
    return ConfigError(
        f"no architecture of the space is known to satisfy {listed(bounds)}: the whole "
        f"network of the one with the least {constraint.metric} has "
        f"{format_cost(constraint.metric, cost)}{margin}; loosen {constraint}"
    )
