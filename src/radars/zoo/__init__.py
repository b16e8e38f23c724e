"""The zoo: ready-made search spaces, a file a space; and spaces from a user's file or network."""

from radars.zoo.load_space import accepted_options, load_space
from radars.zoo.narrowed import narrowed
from radars.zoo.partial_channels import partial_channels
from radars.zoo.searchable import searchable
from radars.zoo.zoo_entry import ZooEntry, zoo

__all__ = [
    "ZooEntry",
    "accepted_options",
    "load_space",
    "narrowed",
    "partial_channels",
    "searchable",
    "zoo",
]
