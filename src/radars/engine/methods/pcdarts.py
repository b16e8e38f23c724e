"""`pcdarts`: DARTS with partial channels (Xu et al. 2020, "PC-DARTS").

Candidates see one in `dnas.partial_channels` channels, the others pass by (section 3.2), so that
memory and time fall by nearly that factor. Logits are left alone in the warm-up (section 4.2).

Where a node keeps some of its inputs, its edges are weighed together (section 3.3, edge
normalisation): one softmax over the candidates of all of them. It is the paper's product of a
softmax over edges and one over the candidates of each, with what an edge's logits have in common
for the edge's own logit; the edges kept are those with the largest product, as there.
"""

from radars.engine.methods.dnas import DNAS
from radars.engine.search_config import SearchConfig
from radars.space import SearchSpace
from radars.zoo import partial_channels


class PCDarts(DNAS):
    """See the module."""

    has_warmup = True

    @classmethod
    def adapted(cls, proxy: SearchSpace, config: SearchConfig) -> SearchSpace:
        """See `Method`: candidates see some of the channels."""
        return partial_channels(proxy, config.dnas.partial_channels)
