"""The search methods, a file each; `radars.py` is the main loop of RADARS."""
