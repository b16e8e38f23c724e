"""`darts`: differentiable architecture search (Liu, Simonyan, Yang 2019, "DARTS"), first order.

Every mixture is the softmax-weighted sum of all its candidates. The paper's first-order form
(section 2.3, xi = 0): weights on the training part, logits on the validation part, in turns.
"""

from radars.engine.methods.dnas import DNAS
from radars.engine.search_config import SearchConfig


class Darts(DNAS):
    """See the module."""

    @classmethod
    def is_second_order(cls, config: SearchConfig) -> bool:
        """See `Method`."""
        return config.dnas.second_order
