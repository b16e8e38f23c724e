"""What files and folders of a data set are called, and which split that is."""

SPLIT_NAMES = {
    "train": "train", "training": "train",
    "validation": "validation", "valid": "validation", "val": "validation", "dev": "validation",
    "test": "test", "testing": "test",
}  # fmt: skip
"""What a file or a folder may be called, and the split that it is."""
