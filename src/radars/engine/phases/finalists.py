"""Finalists: how many are trained alone, and which; the policy learns from each batch of them."""

import math

from radars.engine.context import SearchContext
from radars.engine.method_config import SelectConfig
from radars.engine.pace import Pace
from radars.engine.phases.shortlist import shortlist
from radars.engine.phases.successive_halving import SuccessiveHalving, num_select_steps
from radars.engine.policies.categorical import Controller
from radars.engine.policies.policy import Sample
from radars.space import Architecture, Subspace


def num_finalists(config: SelectConfig, pace: Pace, subspace: Subspace) -> int:
    """How many finalists there are to be.

    Where time is limited, more of it goes to more finalists and to longer trainings alike: four
    times the time is for twice the finalists, each trained twice as long. Less time likewise. What
    trainings do not take, as they are long enough, is for more finalists.

    Args:
        config: how many there are otherwise, and how long they are trained.
        pace: knows the time.
        subspace: that they are of.
    """
    number = float(config.finalists)
    if pace.ends_at is not None and pace.step_seconds:
        usual_seconds = num_select_steps(config, config.finalists) * pace.step_seconds
        times = max(0.0, pace.seconds_left) / usual_seconds
        longer = math.sqrt(times)
        if config.max_steps is not None:
            longer = min(longer, config.max_steps / max(config.halving_steps))
        number *= times / longer if times else 0.0
    return min(max(1, round(number)), subspace.num_architectures)


def next_finalists(
    context: SearchContext,
    controller: Controller,
    subspace: Subspace,
    halving: SuccessiveHalving,
    shared_steps: float,
    pace: Pace,
) -> list[Architecture]:
    """Lets the policy learn from the finalists that were trained; returns what it proposes next.

    Args:
        context: the objectives, the settings (`config.select`), and what is allowed.
        controller: the policy.
        subspace: that they are of.
        halving: the finalists so far; those of its first halving round are learnt from.
        shared_steps: the training steps of what they inherit.
        pace: knows the time.

    Returns:
        None of them where there are as many as planned; with a time limit, as there is time for.
    """
    config = context.problem.config
    num_left = _num_left(config.select, halving, pace)
    if num_left <= 0:
        return []
    group = 2 * config.num_rounds  # beyond those of rounds
    num_known = sum(known.group == group for known in controller.rewarded)
    trained = list(zip(halving.finalists, halving.accuracies, strict=True))[num_known:]
    if trained:
        samples = [Sample(architecture, {}) for architecture, _ in trained]
        rewards = [context.reward(*known) for known in trained]
        fraction = trained_fraction(context, halving, shared_steps)
        controller.reinforce(samples, rewards, group=group, is_alone=True, fraction=fraction)
        controller.update()
    number = min(num_left, config.select.batch)
    return shortlist(context, controller, subspace, number, halving.finalists)


def trained_fraction(
    context: SearchContext, halving: SuccessiveHalving, shared_steps: float
) -> float:
    """How much of the way of their training the finalists of a halving round have behind them."""
    num_steps = shared_steps + halving.num_steps
    return context.problem.fraction_trained(num_steps, max(halving.accuracies))


def gains(
    context: SearchContext,
    controller: Controller,
    shared_steps: float,
    halving: SuccessiveHalving,
) -> list[float]:
    """What each finalist is expected to gain on others by the end of its training.

    Args:
        context: knows how long what is found is trained.
        controller: has the rewards, and what rankers say.
        shared_steps: the training steps of what finalists inherit.
        halving: the finalists.
    """
    model = controller.model()
    fraction = trained_fraction(context, halving, shared_steps)
    return [model.gain(finalist, fraction) for finalist in halving.finalists]


def _num_left(config: SelectConfig, halving: SuccessiveHalving, pace: Pace) -> int:
    """How many finalists are still to be trained in the first halving round.

    With a time limit, as many as fit what is left of its part of the time, by those before.
    """
    if pace.ends_at is None or not halving.finalists:
        return halving.num_planned - len(halving.finalists)
    number = config.finalists
    part = number * config.halving_steps[0] / num_select_steps(config, number)
    left_seconds = part * (pace.seconds_spent + pace.seconds_left) - pace.seconds_spent
    return round(left_seconds * len(halving.finalists) / max(1e-9, pace.seconds_spent))
