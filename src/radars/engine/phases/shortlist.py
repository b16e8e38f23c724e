"""Shortlist: which architectures are trained alone at the end of a search."""

from collections.abc import Sequence
from itertools import islice
from statistics import fmean

from radars.engine.context import SearchContext
from radars.engine.policies.categorical import Controller
from radars.engine.policies.reward_model import Rewarded, RewardModel
from radars.space import Architecture, Subspace

_PROMISING = 4  # for each finalist: several may build the same network
_KEPT_SURPRISE = 0.5  # of what a reward is above what the model expects; the rest is taken for luck


def shortlist(
    context: SearchContext,
    controller: Controller,
    subspace: Subspace,
    count: int,
    others: Sequence[Architecture] = (),
) -> list[Architecture]:
    """The most promising architectures of a subspace, best first.

    They are those of which the model of the rewards expects most in the end, and those that were
    rewarded: a reward that is higher than expected counts in part, as the model knows nothing of
    how candidates act together. All are within budget and constraints, as whole networks, and no
    two build the same network.

    Args:
        context: knows what is allowed.
        controller: has the rewards.
        subspace: the subspace of the last round.
        count: the most that are returned; fewer where there are not so many.
        others: finalists already, whose networks are not returned again.
    """
    model = controller.model()
    likeliest = islice(
        context.problem.feasible.ranked(model.final_effects(), subspace),
        (count + len(others)) * _PROMISING,
    )
    expected = {known: model.in_the_end(known) for known in likeliest}
    for known, surprise in zip(
        controller.rewarded, surprises(controller.rewarded, model), strict=True
    ):
        architecture = Architecture(known.architecture)
        if subspace.allows(architecture):
            kept = _KEPT_SURPRISE * model.agreement
            expected[architecture] = model.in_the_end(architecture) + kept * surprise
    best = sorted(expected, key=expected.__getitem__, reverse=True)
    # one at a time, as whole networks may have to be measured
    holding = filter(context.problem.feasible.holds, best)
    finalists = context.sampler.different(holding, count, others)
    return finalists or ([] if others else [context.problem.feasible.first_holding(())])


def surprises(rewarded: Sequence[Rewarded], model: RewardModel) -> list[float]:
    """By how much each reward is higher than the model expects, within its group."""
    differences: dict[int, list[float]] = {}
    for known in rewarded:
        differences.setdefault(known.group, []).append(known.reward - model(known.architecture))
    means = {group: fmean(values) for group, values in differences.items()}
    return [known.reward - model(known.architecture) - means[known.group] for known in rewarded]
