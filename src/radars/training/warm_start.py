"""The shared weights of a search, for a training that starts from them."""

from pathlib import Path

import torch
from torch import Tensor

from radars.errors import ConfigError
from radars.nn.shared_weights import architecture_weights
from radars.runs.read_run import read_checkpoint, read_result
from radars.space import Architecture, SearchSpace, building


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
            f"from_search names a search that has ended, but {path} holds none; give "
            f"the --out of `radars search`"
        )
    checkpoint = read_checkpoint(path)
    shared = {} if checkpoint is None else checkpoint.state["method"].get("supernet", {})
    weights = architecture_weights(space, architecture, shared)
    with building(torch.device("meta")):
        own = space.build(architecture).state_dict()
    fit = [name for name in weights if name in own and own[name].shape == weights[name].shape]
    if not weights or len(fit) < len(weights):
        problem = "differ from those of the network" if weights else "are not there"
        raise ConfigError(
            f"a training starts from weights that a search of the same space shared, but those of "
            f"{path} ({result.get('method')} on {result.get('space')}) {problem}; leave out "
            f"from_search"
        )
    return weights
