"""`darts`: differentiable architecture search (Liu, Simonyan, Yang 2019, "DARTS"), first order.

Every mixture is the softmax-weighted sum of all its candidates. The paper's first-order form
(section 2.3, xi = 0): weights on the training part, logits on the validation part, in turns.
"""

from radars.engine.methods.dnas import DNAS


class Darts(DNAS):
    """See the module."""
