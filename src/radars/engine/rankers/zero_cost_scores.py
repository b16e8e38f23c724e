"""`zero_cost_scores`: what rankers say of an architecture before it is trained."""

import math
from collections.abc import Sequence
from statistics import fmean

from radars.data import move
from radars.engine.context import SearchContext
from radars.engine.rankers.ranker import Look, Ranker
from radars.errors import RunError
from radars.example import batch_size_of, split_batch
from radars.nn.zero_cost_step import zero_cost_step
from radars.registries import RANKERS
from radars.seeds import stable_seed
from radars.space import Architecture


def zero_cost_scores(
    context: SearchContext, names: Sequence[str], architecture: Architecture, num_draws: int
) -> dict[str, float]:
    """Looks at fresh weights, each draw with a training batch of its own; the means over draws.

    Weights and batches are the same for all architectures, so that less of what sets these apart is
    luck. A batch is run in halves, which hold less than an evaluation of the whole.

    Args:
        context: makes the weights, and says where they run.
        names: the names of the rankers.
        architecture: what is looked at.
        num_draws: the number of draws of fresh weights; with none, nothing is said of them: 0.

    Returns:
        Ranker to what it says, in the order of the names.

    Raises:
        RunError: a ranker says what is no number.
    """
    kinds: dict[str, type[Ranker]] = {name: RANKERS.get(name) for name in names}
    drawn: dict[str, list[float]] = {name: [] for name, kind in kinds.items() if kind.needs_network}
    config, device = context.problem.config, context.problem.device
    stream = context.problem.data.train.batches(
        config.data.batch_size, augment=False, seed=stable_seed(config.seed, "regions")
    )
    for draw in range(num_draws if drawn else 0):
        child = context.networks.new_child(architecture, "regions", draw)
        example_B = move(stream.next(), device).example_B
        for half_B in split_batch(example_B, 2 if batch_size_of(example_B) > 3 else 1):
            rankers = {name: kinds[name]() for name in drawn}
            zero_cost_step(child, half_B, rankers.values(), precision=config.precision)
            look = Look(context, architecture, child, half_B)
            for name, ranker in rankers.items():
                drawn[name].append(ranker.score(look))
    asked_once = Look(context, architecture)
    said = {
        name: fmean(drawn[name] or [0.0]) if name in drawn else kind().score(asked_once)
        for name, kind in kinds.items()
    }
    for name, score in said.items():
        if math.isnan(score):
            raise RunError(
                f"a ranker returns a number, but {name} returned {score} for "
                f"{architecture.to_json()}; leave it out of the rankers, or mend it"
            )
    return said
