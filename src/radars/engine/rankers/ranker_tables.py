"""`ranker_tables`: what rankers of untrained networks say of each candidate."""

from collections.abc import Callable

from radars.engine.context import SearchContext
from radars.engine.policies.categorical import Controller
from radars.engine.policies.reward_model import Rewarded, Scores, fit_rewards
from radars.engine.rankers.zero_cost_scores import zero_cost_scores


def ranker_tables(
    context: SearchContext, controller: Controller, tick: Callable[[], None]
) -> dict[str, Scores]:
    """Asks each ranker about uniform draws, and fits what each candidate adds to what it says.

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
        rewarded = [
            Rewarded(architecture, scores[name])
            for architecture, scores in zip(architectures, said, strict=True)
        ]
        tables[name] = fit_rewards(rewarded, controller.full).effects
    return tables
