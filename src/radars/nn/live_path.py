"""`LivePath`: the network of one path on the device, with the weights that all paths share."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from radars.nn.memory_saving.module_with_optimizer import ModuleWithOptimizer
from radars.nn.optimizer import OptimizerConfig
from radars.nn.overlap import Overlap
from radars.nn.path_names import FIXED, kept_as, labelled_network
from radars.seeds import drawn_on_host
from radars.space import Architecture, SearchSpace, building

_HOST = torch.device("cpu")


@dataclass(frozen=True)
class LivePath:
    """The network of a path, on the device.

    Attributes:
        trained: what is trained, with its optimizer.
        labels: prefix of the names of a candidate's tensors to what it is called in all networks.
    """

    trained: ModuleWithOptimizer
    labels: Mapping[str, str]

    def named(self, overlap: bool) -> Iterator[tuple[str, Tensor]]:
        """The tensors by what they are called in all networks."""
        for name, tensor in self.trained.state_dict().items():
            kind, _, rest = name.partition("|")
            yield f"{kind}|{kept_as(rest, self.labels, overlap)}", tensor


def make_live(
    space: SearchSpace,
    architecture: Architecture,
    known: Overlap,
    optimizer: OptimizerConfig,
    device: torch.device,
    *,
    seed: int | None,
    overlap: bool,
) -> LivePath:
    """Builds the network of a path with its weights: those that are known, or initial ones.

    Args:
        space: the search space.
        architecture: the path.
        known: the weights that all paths share.
        optimizer: how they are trained.
        device: where the network is then.
        seed: the seed of initial weights; None where nobody reads them.
        overlap: whether candidates of one choice, too, share what their tensors have in common.
    """
    network, labels = _unset(space, architecture, known, overlap)
    if network is None:
        with drawn_on_host(seed, FIXED):
            network, labels = labelled_network(space, architecture)
    trained = ModuleWithOptimizer.of(network, optimizer)
    path = LivePath(trained, labels)
    known.pull(path.named(overlap))
    if device != _HOST:
        trained.move(device)
    return path


def _unset(
    space: SearchSpace, architecture: Architecture, known: Overlap, overlap: bool
) -> tuple[nn.Module | None, dict[str, str]]:
    """The network with memory of its own, where every value of it is known; else None."""
    if not known:
        return None, {}
    try:
        with building(torch.device("meta")):
            network, labels = labelled_network(space, architecture)
    except Exception:  # a constructor that reads values
        return None, {}
    state = network.state_dict()
    saved = {id(tensor) for tensor in (*network.parameters(), *network.buffers())}
    plain = [
        value
        for module in network.modules()
        for value in vars(module).values()
        if isinstance(value, Tensor)
    ]
    named = ((f"module|{kept_as(name, labels, overlap)}", t) for name, t in state.items())
    if plain or len(saved) > len(state):
        return None, {}
    if not all(known.knows(name, tensor) for name, tensor in named):
        return None, {}
    return network.to_empty(device=_HOST), labels
