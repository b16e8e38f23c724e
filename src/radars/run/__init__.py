"""What a run leaves on disk, how it is resumed and interrupted, and what people see of it."""

from radars.run.checkpoint import Checkpoint, CheckpointStore
from radars.run.directory import (
    PARETO_NAME,
    RunDirectory,
    read_config,
    read_front,
    read_result,
)
from radars.run.events import read_events
from radars.run.files import write_atomically
from radars.run.interrupt import Interrupt
from radars.run.progress import (
    Bar,
    NoProgress,
    PlainProgress,
    Progress,
    TerminalProgress,
    progress_for,
)
from radars.run.tensorboard import ScalarWriter

__all__ = [
    "PARETO_NAME",
    "Bar",
    "Checkpoint",
    "CheckpointStore",
    "Interrupt",
    "NoProgress",
    "PlainProgress",
    "Progress",
    "RunDirectory",
    "ScalarWriter",
    "TerminalProgress",
    "progress_for",
    "read_config",
    "read_events",
    "read_front",
    "read_result",
    "write_atomically",
]
