"""The tries of `adversary.py`, by what is not as it should be."""

from tries.checkpoints import forged_checkpoints
from tries.commands import quoted_paths, settings, signals, time_limits
from tries.data import changed_data, hostile_images
from tries.exports import exports
from tries.files import files_of_a_comparison, files_of_a_run, given_files, overwritten
from tries.locks import deleted_locks
from tries.networks import networks, taken_for_another
from tries.place import Try
from tries.sittings import configurations, killed_at_once, prices, spaces

KINDS: dict[str, tuple[int, Try]] = {
    "files of a run are other things": (90, files_of_a_run),
    "files that are given are other things": (40, given_files),
    "files of a comparison are other things": (24, files_of_a_comparison),
    "checkpoints forged, with a right checksum": (30, forged_checkpoints),
    "written over a run": (16, overwritten),
    "lock deleted while a run goes on": (10, deleted_locks),
    "configuration edited between sittings": (30, configurations),
    "space edited between sittings": (20, spaces),
    "data edited between sittings": (20, changed_data),
    "killed at once, then resumed": (16, killed_at_once),
    "prices in the cache changed": (16, prices),
    "images that are none, or ask for a program": (24, hostile_images),
    "candidates that misbehave": (56, networks),
    "candidates that are taken for one another": (12, taken_for_another),
    "networks that are hard to export": (30, exports),
    "settings that nobody means": (60, settings),
    "time limits that end anywhere": (16, time_limits),
    "paths that a shell would read otherwise": (10, quoted_paths),
    "signals at any moment": (24, signals),
}
"""Each kind of try: how many there are, and what one does."""
