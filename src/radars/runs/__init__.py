"""What a run leaves on disk: its directory, checkpoints, events, and the lock on it."""

from radars.runs.event_schema import Event
from radars.runs.events import load_events, read_events

__all__ = ["Event", "load_events", "read_events"]
