"""How large a network is."""

import math

from radars.engine.rankers.ranker import Look, Ranker


class Size(Ranker):
    """The logarithm of the multiply-accumulates of one example, of the network that is trained."""

    needs_network = False

    def score(self, look: Look) -> float:
        """See `Ranker`."""
        macs = look.context.problem.planner.costs.cost(look.architecture).macs
        return math.log(macs or 1)
