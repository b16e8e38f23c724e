"""What a package adds to radars: each is one file, and one line in `pyproject.toml`."""
