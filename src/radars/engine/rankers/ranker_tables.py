"""`ranker_tables`: what rankers of untrained networks say of each candidate."""

from collections.abc import Callable, Sequence
from statistics import NormalDist

from radars.engine.context import SearchContext
from radars.engine.policies.categorical import Controller
from radars.engine.policies.reward_model import Rewarded, Scores, fit_rewards
from radars.engine.rankers.zero_cost_scores import zero_cost_scores
from radars.ranks import ranks_of


def ranker_tables(
    context: SearchContext, controller: Controller, tick: Callable[[], None]
) -> dict[str, Scores]:
    """Asks each ranker about uniform draws, and fits what each candidate adds to how it ranks them.

    Args:
        context: makes fresh weights, and says where they run.
        controller: draws.
        tick: called after each draw that was looked at.

    Returns:
        Ranker to choice to candidate to what it adds.
    """
    config = context.problem.config.explore
    architectures = [
        context.sampler.draw(controller, uniform=True).architecture
        for _ in range(config.ranker_draws)
    ]
    said = []
    for architecture in architectures:
        said.append(zero_cost_scores(context, config.rankers, architecture, 1))
        tick()
    tables: dict[str, Scores] = {}
    for name in config.rankers:
        scores = normal_scores([scores[name] for scores in said])
        rewarded = [Rewarded(*ranked) for ranked in zip(architectures, scores, strict=True)]
        tables[name] = fit_rewards(rewarded, controller.full).effects
    return tables


def normal_scores(values: Sequence[float]) -> list[float]:
    """The ranks of values, as quantiles of the standard normal distribution (Blom 1958).

    Only the order counts: a network whose signal dies is far behind in what a ranker says of it,
    and would otherwise decide what its candidates add. Equal values have equal scores.
    """
    normal = NormalDist()
    return [normal.inv_cdf((rank - 0.375) / (len(values) + 0.25)) for rank in ranks_of(values)]
