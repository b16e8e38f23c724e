"""The zoo: ready-made search spaces, a file a space; and spaces from a user's own file."""

from radars.spaces.partial_channels import partial_channels
from radars.spaces.registry import ZooEntry, accepted_options, load_space, zoo

__all__ = ["ZooEntry", "accepted_options", "load_space", "partial_channels", "zoo"]
