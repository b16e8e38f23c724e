"""What the tensors of one path's network are called in the networks of all paths."""

from collections.abc import Mapping
from typing import Any

from torch import nn

from radars.space import Candidate, Candidates, SearchSpace, built, offer_of

FIXED = "network"  # what is no candidate of operations


def labelled_network(
    space: SearchSpace, architecture: Mapping[str, Candidate]
) -> tuple[nn.Module, dict[str, str]]:
    """The network of an architecture, and what its candidates of operations are called.

    Returns:
        The network; the prefix of a candidate's names in it to `choice#place/candidate`.
    """
    made: dict[nn.Module, str] = {}
    counts: dict[str, int] = {}

    def choose(name: str, candidates: Candidates) -> Any:
        offer = offer_of(name, candidates)
        taken = offer.take(architecture[name])
        if offer.factories is not None:
            made[taken] = f"{name}#{counts.get(name, 0)}/{architecture[name]}"
            counts[name] = counts.get(name, 0) + 1
        return taken

    def attempt() -> nn.Module:
        made.clear()
        counts.clear()
        return space.replay(choose)

    network = built(attempt)
    labels = {f"{name}.": made[part] for name, part in network.named_modules() if part in made}
    return network, labels


def kept_as(name: str, labels: Mapping[str, str], overlap: bool) -> str:
    """What a tensor is called in all networks: by the innermost candidate that it is part of.

    Args:
        name: what it is called in the network of one path.
        labels: the labels of that network (`labelled_network`).
        overlap: whether all candidates of a choice have one name.
    """
    prefixes = [prefix for prefix in labels if name.startswith(prefix)]
    if not prefixes:
        return f"{FIXED}/{name}"
    prefix = max(prefixes, key=len)
    label = labels[prefix].rpartition("/")[0] if overlap else labels[prefix]
    return f"{label}/{name.removeprefix(prefix)}"
