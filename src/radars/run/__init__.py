"""What a run leaves on disk, how it is resumed and interrupted, and what people see of it."""

from radars.run.checkpoint import Checkpoint, CheckpointStore
from radars.run.curves import Curves, Picture
from radars.run.directory import (
    PARETO_NAME,
    RunDirectory,
    read_config,
    read_front,
    read_result,
)
from radars.run.environment import environment
from radars.run.events import event_files, read_event_file, read_events
from radars.run.files import write_atomically
from radars.run.interrupt import Interrupt
from radars.run.loggers import LoggerName, check_installed, open_curves
from radars.run.observer import RunObserver
from radars.run.progress import (
    Bar,
    NoProgress,
    PlainProgress,
    Progress,
    TerminalProgress,
    progress_for,
)
from radars.run.skipped import SkippedSteps

__all__ = [
    "PARETO_NAME",
    "Bar",
    "Checkpoint",
    "CheckpointStore",
    "Curves",
    "Interrupt",
    "LoggerName",
    "NoProgress",
    "Picture",
    "PlainProgress",
    "Progress",
    "RunDirectory",
    "RunObserver",
    "SkippedSteps",
    "TerminalProgress",
    "check_installed",
    "environment",
    "event_files",
    "open_curves",
    "progress_for",
    "read_config",
    "read_event_file",
    "read_events",
    "read_front",
    "read_result",
    "write_atomically",
]
