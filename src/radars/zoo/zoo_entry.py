"""`ZooEntry`: a ready-made search space, as `registries.SPACES` names it."""

from dataclasses import dataclass

from radars.registries import SPACES
from radars.space import Keep
from radars.zoo.space_options import NetworkWithOptions


@dataclass(frozen=True)
class ZooEntry:
    """A ready-made search space.

    Attributes:
        name: what it is loaded by.
        network: the function of `choose`, and of options, that builds it.
        input_shape: the shape of one example, without the batch, where no option changes it.
        summary: one line for people.
        rules: what every architecture of it keeps.
    """

    name: str
    network: NetworkWithOptions
    input_shape: tuple[int, ...]
    summary: str
    rules: tuple[Keep, ...] = ()


def zoo() -> tuple[ZooEntry, ...]:
    """The ready-made search spaces: radars' own, and those that packages register."""
    return tuple(entry for _, entry in SPACES.items())
