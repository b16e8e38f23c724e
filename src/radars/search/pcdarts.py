"""`pcdarts`: DARTS with partial channels (Xu et al. 2020, "PC-DARTS").

Candidates see one in `dnas.partial_channels` channels, the others pass by (section 3.2), so that
memory and time fall by nearly that factor. Logits are left alone in the warm-up (section 4.2).

Not the paper's: edge normalisation (section 3.3), which steadies the choice among the inputs of a
node. No space here makes one: each node has one input, or keeps them all.
"""

from radars.search.dnas import DNAS


class PCDarts(DNAS):
    """See the module; `SearchSetup` makes the partial channels."""

    has_warmup = True
