"""A network's weights in one file, without pickle."""

from pathlib import Path

from safetensors import SafetensorError
from safetensors.torch import load_file, save
from torch import Tensor, nn

from radars.errors import ConfigError, first_line
from radars.reading import open_file
from radars.runs.files import write_atomically

WEIGHTS_NAME = "weights.safetensors"
"""The network that counts: of the best epoch where a part is held out to tell, else of the last."""

LAST_WEIGHTS_NAME = "last.safetensors"
"""That of the last epoch, where another counts."""


def save_weights(network: nn.Module, path: Path) -> None:
    """Writes the parameters and buffers of a network, atomically.

    Raises:
        RunError: the file cannot be written.
    """
    write_atomically(path, save(plain_state(network)))


def plain_state(network: nn.Module) -> dict[str, Tensor]:
    """A network's parameters and buffers as safetensors takes them: copies on the CPU."""
    # a copy each: safetensors takes neither strides nor memory that two share
    return {
        name: tensor.detach().cpu().contiguous().clone()
        for name, tensor in network.state_dict().items()
    }


def load_weights(network: nn.Module, path: Path) -> None:
    """Reads what `save_weights` wrote into a network that was built in the same way.

    Raises:
        ConfigError: the file is missing, damaged, or that of another network.
    """
    try:
        with open_file(path):
            state = load_file(path)
    except (OSError, SafetensorError) as error:
        raise ConfigError(
            f"the weights {path} cannot be read: {first_line(error)}; "
            "train again into another --out"
        ) from error
    own = network.state_dict()
    unlike = sorted(
        name
        for name in own.keys() | state.keys()
        if name not in own or name not in state or own[name].shape != state[name].shape
    )
    if unlike:
        raise ConfigError(
            f"the weights must be those of the architecture, but {path} and the network differ in "
            f"{len(unlike)} tensors, such as {unlike[0]!r}; restore architecture.json"
        )
    network.load_state_dict(state)
