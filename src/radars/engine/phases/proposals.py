"""Proposals: what differentiation prefers is rewarded, and the policy learns what it is worth."""

from collections.abc import Mapping

from radars.engine.phases.discretisation import discretisation_scores
from radars.engine.phases.explore import Explorer
from radars.engine.policies.policy import Sample
from radars.space import Architecture, Subspace


def learn_from_logits(
    explorer: Explorer, logits: Mapping[str, Mapping[str, float]], subspace: Subspace
) -> Architecture | None:
    """Rewards what logits prefer beside what the policy prefers; lets the policy hear the logits.

    Args:
        explorer: rewards, with the weights that differentiation left.
        logits: choice to live candidate to its logit.
        subspace: that was differentiated.

    Returns:
        What the logits prefer; None where constraints leave nothing of the subspace.
    """
    context, controller = explorer.context, explorer.controller
    feasible = context.problem.feasible
    number = context.problem.config.differentiate.proposals
    scores = discretisation_scores(logits, context.problem.proxy.rules)
    preferred = feasible.best(scores, subspace, max(1, number))
    if number:
        rivals = feasible.best(controller.scores(), subspace, number)
        explorer.reward(
            [
                Sample(known, {})
                for known in dict.fromkeys((*preferred, *rivals))
                if context.guard.fits(known)
            ],
            is_after=True,
        )
    controller.tables = controller.tables | {"differentiate": logits}
    controller.update()
    return preferred[0] if preferred else None
