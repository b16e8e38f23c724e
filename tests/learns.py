"""What a network of every space does in a few steps."""

import torch
from torch import nn

from radars.space import Architecture, SearchSpace


def assert_learns(space: SearchSpace, architecture: Architecture | None = None) -> None:
    """The loss on eight images of noise falls by half in a few steps."""
    torch.manual_seed(0)
    if architecture is None:
        architecture = space.best({c: {names[-1]: 1.0} for c, names in space.full.items()})
    network = space.build(architecture)
    image_BCHW, label_B = torch.randn(8, 3, 8, 8), torch.arange(8)
    optimizer = torch.optim.AdamW(network.parameters(), 0.01)
    losses = []
    for _ in range(8):
        loss = nn.functional.cross_entropy(network(image_BCHW), label_B)
        loss.backward()  # type: ignore[no-untyped-call]
        optimizer.step()
        optimizer.zero_grad()
        losses.append(float(loss.detach()))
    assert losses[-1] < 0.5 * losses[0]
