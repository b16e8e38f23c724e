"""`fbnet`: differentiable search with Gumbel-softmax (Wu et al. 2019, "FBNet").

The mixture's weights are drawn for each step (equation 6), at a temperature that falls from 5
(section 4). The paper multiplies the loss by a power of the expected latency (equation 2); here
soft targets add the logarithm of one to it, on any cost, and there are hard constraints too.
"""

from radars.engine.methods.dnas import DNAS


class FBNet(DNAS):
    """See the module."""

    relaxation = "gumbel"
    temperature = 5.0
    final_temperature = 0.1
