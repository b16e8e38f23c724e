"""What a run leaves on disk: its directory, checkpoints, events, and the lock on it."""
