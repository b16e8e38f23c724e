"""Proposals: what differentiation prefers is rewarded, and the policy learns what it is worth."""

from collections.abc import Mapping

from radars.engine.phases.discretisation import discretisation_scores
from radars.engine.phases.explore import Explorer
from radars.engine.policies.categorical import GRADIENT
from radars.engine.policies.policy import Sample
from radars.space import Architecture, Subspace

Logits = Mapping[str, Mapping[str, float]]
"""Choice to live candidate to its logit."""


def learn_from_logits(
    explorer: Explorer, logits: Logits, initial: Logits, subspace: Subspace, number: int
) -> Architecture | None:
    """Rewards what logits prefer beside what the policy prefers; lets the policy hear the gradient.

    What the gradient says is where it moved the logits to, less where they began: that was the
    policy itself, which would hear its own rewards twice.

    Args:
        explorer: rewards, with the weights that differentiation left.
        logits: after it.
        initial: before it.
        subspace: that was differentiated.
        number: how many of each are rewarded.

    Returns:
        What the logits prefer; None where constraints leave nothing of the subspace.
    """
    context, controller = explorer.context, explorer.controller
    feasible = context.problem.feasible
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
    moved = {
        choice: {name: logit - initial[choice][name] for name, logit in of_choice.items()}
        for choice, of_choice in logits.items()
    }
    controller.tables = controller.tables | {GRADIENT: moved}
    controller.update()
    return preferred[0] if preferred else None
