"""The zoo: ready-made search spaces, a file a space; and spaces from a user's file or network."""

from radars.spaces.partial_channels import partial_channels
from radars.spaces.registry import ZooEntry, accepted_options, load_space, zoo
from radars.spaces.searchable import searchable

__all__ = [
    "ZooEntry",
    "accepted_options",
    "load_space",
    "partial_channels",
    "searchable",
    "zoo",
]
