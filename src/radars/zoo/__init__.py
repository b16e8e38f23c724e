"""The zoo: ready-made search spaces, a file a space; and spaces from a user's file or network."""

from radars.zoo.partial_channels import partial_channels
from radars.zoo.registry import ZooEntry, accepted_options, load_space, zoo
from radars.zoo.searchable import searchable

__all__ = [
    "ZooEntry",
    "accepted_options",
    "load_space",
    "partial_channels",
    "searchable",
    "zoo",
]
