"""The three parts of a RADARS search: explore, differentiate, select."""
