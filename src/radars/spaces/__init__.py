"""The zoo: ready-made search spaces, a file a space."""
