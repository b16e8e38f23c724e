"""`SharedWeights`: the weights of a supernet, kept by candidates or by paths."""

from collections.abc import Mapping

import torch
from torch import Tensor

from radars.nn.candidate_weights import CandidateWeights, candidate_tensors
from radars.nn.memory_saving.disk_offload import DiskOffload
from radars.nn.memory_saving.weight_offload import WeightOffload
from radars.nn.optimizer import OptimizerConfig
from radars.nn.path_relaxation import PathRelaxation
from radars.nn.path_weights import PathWeights, path_tensors
from radars.space import Architecture, SearchSpace

SharedWeights = CandidateWeights | PathWeights
"""By candidates where a network is a fixed part with one candidate at each place."""


def shared_weights(
    space: SearchSpace,
    optimizer: OptimizerConfig,
    device: torch.device,
    seed: int | None,
    *,
    disk: DiskOffload | None,
    host_bytes: float,
    overlap: bool,
    path_relaxation: PathRelaxation | None,
) -> SharedWeights:
    """Those of a space, all on the host; the arguments are those of `Supernet`."""
    if space.is_modular:
        offload = WeightOffload(optimizer, device, seed, disk, host_bytes, overlap=overlap)
        return CandidateWeights(space, offload)
    return PathWeights(space, optimizer, device, seed, overlap=overlap, relaxation=path_relaxation)


def architecture_weights(
    space: SearchSpace, architecture: Architecture, state: Mapping[str, Tensor]
) -> dict[str, Tensor]:
    """The weights of an architecture in what `Supernet.state_dict` returned.

    They are named as in the network of the architecture. What was never trained is not there.

    Args:
        space: the space of the supernet.
        architecture: any of the space.
        state: the state of the supernet.
    """
    tensors = candidate_tensors if space.is_modular else path_tensors
    return tensors(space, architecture, state)
