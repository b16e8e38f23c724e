"""`look_at`: what can be said of an architecture before it is trained."""

import math
from statistics import fmean
from typing import NamedTuple

from radars.engine.rankers.zero_cost.expressivity import Expressivity
from radars.engine.rankers.zero_cost.regions import Regions
from radars.engine.search_setup import SearchSetup
from radars.engine.workbench import Workbench
from radars.nn.zero_cost_step import zero_cost_step
from radars.seeds import stable_seed
from radars.space import Architecture


class Untrained(NamedTuple):
    """What can be said of an architecture before it is trained.

    Attributes:
        regions: how well its fresh weights tell examples apart
            (`radars.engine.rankers.zero_cost.regions`).
        size: the logarithm of its multiply-accumulates.
        expressivity: how evenly they use its channels
            (`radars.engine.rankers.zero_cost.expressivity`); checkpoints of before it was asked
            for have none.
    """

    regions: float
    size: float
    expressivity: float = 0.0


def look_at(
    setup: SearchSetup, bench: Workbench, architecture: Architecture, num_draws: int
) -> Untrained:
    """Looks at fresh weights, each draw with a training batch of its own; the mean over draws.

    Weights and batches are the same for all architectures, so that less of what sets these apart is
    luck. A batch is run in halves, which hold less than an evaluation of the whole.

    Args:
        setup: makes the weights.
        bench: where it runs.
        architecture: what is looked at.
        num_draws: of fresh weights; with none, nothing is said of them: 0.
    """
    stream = bench.train.batches(
        setup.config.data.batch_size, augment=False, seed=stable_seed(0, "regions")
    )
    regions: list[float] = []
    expressivity: list[float] = []
    for draw in range(num_draws):
        child = setup.new_child(architecture, "regions", draw)
        example_B = stream.next().example_B
        for half_B in example_B.tensor_split(2 if len(example_B) > 3 else 1):
            judges = Regions(), Expressivity()
            zero_cost_step(child, half_B.to(bench.device), judges, precision=bench.precision)
            regions.append(judges[0].score())
            expressivity.append(judges[1].score())
    macs = bench.planner.costs.cost(architecture).macs
    return Untrained(fmean(regions or [0.0]), math.log(macs or 1), fmean(expressivity or [0.0]))
