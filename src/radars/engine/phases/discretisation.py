"""From architecture logits to the network: the strongest candidates, and the strongest of edges."""

import math
from collections.abc import Mapping, Sequence

from radars.space import Keep


def discretisation_scores(
    logits: Mapping[str, Mapping[str, float]], rules: Sequence[Keep]
) -> dict[str, dict[str, float]]:
    """Scores whose best sum is what DARTS derives (Liu et al. 2019, section 2.4).

    Of the choices of a rule those are kept whose strongest candidate has the largest weight in the
    mixtures; what takes nothing does not compete. Choices without a rule keep their logits.

    Args:
        logits: choice to candidate to its logit.
        rules: how many of some choices take something.
    """
    scores = {choice: dict(values) for choice, values in logits.items()}
    for rule in rules:
        every = [value for choice in rule.choices for value in logits[choice].values()]
        for choice in rule.choices:
            total = every if rule.weighed_together else list(logits[choice].values())
            scores[choice] = {
                name: 0.0 if name == rule.nothing else value - _log_sum_exp(total)
                for name, value in logits[choice].items()
            }
    return scores


def _log_sum_exp(values: Sequence[float]) -> float:
    largest = max(values)
    return largest + math.log(sum(math.exp(value - largest) for value in values))
