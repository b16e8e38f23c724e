"""What `radars plan` shows: what a search would do with a budget."""
