"""What a shell offers when Tab is pressed after an option.

Importing PyTorch takes seconds, and a shell does not wait: only the names are read, and nothing is
imported.
"""

from collections.abc import Iterable, Iterator
from pathlib import Path

from radars.registries import DATA_SOURCES, METHODS, SPACES

TABLES = ("nas-bench-macro", "nas-bench-201")


def complete_space(incomplete: str) -> list[str]:
    """Spaces of the zoo, then folders and Python files."""
    return [*_starting(SPACES.names(), incomplete), *_paths(incomplete, ".py")]


def complete_data(incomplete: str) -> list[str]:
    """The embedded data, then folders and parquet files."""
    return [*_starting(DATA_SOURCES.names(), incomplete), *_paths(incomplete, ".parquet")]


def complete_method(incomplete: str) -> list[str]:
    """Search methods."""
    return list(_starting(METHODS.names(), incomplete))


def complete_methods(incomplete: str) -> list[str]:
    """Search methods with commas between: the last of them, none twice."""
    before, comma, last = incomplete.rpartition(",")
    others = [name for name in METHODS.names() if name not in before.split(",")]
    return [f"{before}{comma}{name}" for name in _starting(others, last)]


def complete_table(incomplete: str) -> list[str]:
    """Published tables, up to the `=`."""
    return [f"{name}=" for name in _starting(TABLES, incomplete)]


def _starting(names: Iterable[str], incomplete: str) -> Iterator[str]:
    return (name for name in names if name.startswith(incomplete))


def _paths(incomplete: str, suffix: str) -> list[str]:
    """Folders, and files of a kind, whose path begins as what was typed; hidden ones only so."""
    folder_text, slash, beginning = incomplete.rpartition("/")
    try:
        entries = sorted(Path(folder_text + slash or ".").expanduser().iterdir())
    except OSError:
        return []
    return [
        f"{folder_text}{slash}{entry.name}{'/' if entry.is_dir() else ''}"
        for entry in entries
        if entry.name.startswith(beginning)
        and (entry.is_dir() or entry.suffix == suffix)
        and (beginning.startswith(".") or not entry.name.startswith("."))
    ]
