"""`SharedWeights`: the weights of a supernet, kept by candidates or by paths."""

import torch

from radars.nn.candidate_weights import CandidateWeights
from radars.nn.memory_saving.disk_offload import DiskOffload
from radars.nn.memory_saving.weight_offload import WeightOffload
from radars.nn.optimizer import OptimizerConfig
from radars.nn.path_relaxation import PathRelaxation
from radars.nn.path_weights import PathWeights
from radars.space import SearchSpace

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
