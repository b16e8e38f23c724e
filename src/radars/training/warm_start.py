"""The shared weights of a search, for a training that starts from them."""

from collections.abc import Mapping
from pathlib import Path

import torch
from torch import Tensor, nn

from radars.errors import ConfigError
from radars.nn.memory_saving.weight_offload import weights_of
from radars.runs.checkpoint import CheckpointStore
from radars.runs.directory import read_result
from radars.space import Architecture, Candidates, SearchSpace
from radars.space.choose import as_pairs

_SHARED = "method/supernet/"  # in the checkpoint of a search; then the key of the weight offload
_OUTSIDE = "network"  # the offload's key of what is no candidate


def searched_weights(
    path: str | Path, space: SearchSpace, architecture: Architecture
) -> dict[str, Tensor]:
    """The shared weights of an architecture as a search left them, by their names in its network.

    A candidate that the search never ran has none.

    Args:
        path: the run directory of a search that has ended.
        space: the one that was searched.
        architecture: any of it, not only the one that was found.

    Raises:
        ConfigError: it is not the directory of such a search, its method shares no weights, or they
            do not fit the network.
        RunError: its checkpoints are damaged.
    """
    path = Path(path)
    result = read_result(path)
    if result is None or result.get("status") not in ("completed", "exceeded_time"):
        raise ConfigError(
            f"from_search is the directory of a search that has ended, but {path} is none; give "
            f"the --out of `radars search`"
        )
    checkpoint = CheckpointStore(path / "checkpoint").latest()
    tensors = {} if checkpoint is None else checkpoint.tensors
    network, key_of_place = _with_places(space, architecture)
    weights: dict[str, Tensor] = {}
    shared = {n.removeprefix(_SHARED): t for n, t in tensors.items() if n.startswith(_SHARED)}
    for place, key in {"": _OUTSIDE, **key_of_place}.items():
        weights |= {f"{place}{name}": t for name, t in weights_of(key, shared).items()}
    own = network.state_dict()
    fit = [name for name in weights if name in own and own[name].shape == weights[name].shape]
    if not weights or len(fit) < len(weights):
        problem = "differ from those of the network" if weights else "are not there"
        raise ConfigError(
            f"a training starts from weights that a search of the same space shared, but those of "
            f"{path} ({result.get('method')} on {result.get('space')}) {problem}; leave out "
            f"from_search"
        )
    return weights


def _with_places(
    space: SearchSpace, architecture: Architecture
) -> tuple[nn.Module, Mapping[str, str]]:
    """The network without values, and the offload's key of what is at each place in it."""
    keys: dict[nn.Module, str] = {}
    counts = dict.fromkeys(architecture, 0)

    def choose(name: str, candidates: Candidates) -> nn.Module:
        module = dict(as_pairs(candidates))[architecture[name]]()
        keys[module] = f"{name}#{counts[name]}/{architecture[name]}"
        counts[name] += 1
        return module

    with torch.device("meta"):
        network = space.replay(choose)
    names = {f"{name}.": module for name, module in network.named_modules()}
    return network, {name: keys[module] for name, module in names.items() if module in keys}
