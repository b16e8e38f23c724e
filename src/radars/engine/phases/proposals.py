"""Proposals: what differentiation prefers is rewarded, and the policy learns what it is worth."""

from collections.abc import Mapping

from radars.engine.pace import Pace
from radars.engine.phases.discretisation import discretisation_scores
from radars.engine.phases.explore import Explorer
from radars.engine.policies.categorical import GRADIENT
from radars.engine.policies.policy import Sample
from radars.space import Architecture, Subspace

Logits = Mapping[str, Mapping[str, float]]
"""Choice to live candidate to its logit."""


_OF_PHASE = 0.5  # of the time of differentiating: the most that rewards of proposals take


def num_proposals(wanted: int, pace: Pace, reward_seconds: float) -> int:
    """How many proposals are rewarded, beside as many rivals; leaves their time after the steps.

    Args:
        wanted: how many there are to be, where time is not limited.
        pace: that of the phase, before its first step.
        reward_seconds: what a reward takes; 0 where that is not known.
    """
    number, pair_seconds = wanted, 2 * reward_seconds
    if pace.ends_at is not None and pair_seconds:
        number = min(wanted, int(_OF_PHASE * max(0.0, pace.seconds_left) / pair_seconds))
    pace.reserve(number * pair_seconds)
    return number


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
