"""What the command line asks of a report."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from radars.errors import ConfigError
from radars.reporting.page import report_page, sections
from radars.reporting.record import named_apart, read_directory
from radars.runs.files import write_atomically
from radars.runs.own_files import check_no_file_of_a_run

REPORT_NAME = "report.html"


def write_report(
    directories: Sequence[Path], out: Path | None = None, figures: Path | None = None
) -> list[Path]:
    """Writes the report of runs and comparisons; returns the files that were written.

    Args:
        directories: the directories of runs and comparisons.
        out: the HTML file; by default `report.html` in the first directory.
        figures: a directory for each figure as SVG and PDF; None for none.

    Raises:
        ConfigError: a directory is neither of a run nor of a comparison, or there is no place for
            what is written.
        RunError: a run's events are damaged, or a file cannot be written.
    """
    paths = list(dict.fromkeys(directory.resolve() for directory in directories))
    names = named_apart(paths)
    records = [
        replace(read_directory(path), name=name) for path, name in zip(paths, names, strict=True)
    ]
    file = out or paths[0] / REPORT_NAME
    if file.is_dir():
        raise ConfigError(
            f"a report is a file, but {file} is a directory; give --out a file's name, such as "
            f"{file / REPORT_NAME}"
        )
    if not file.parent.is_dir():
        raise ConfigError(
            f"a report goes into a directory that exists, but {file.parent} does not; make it, or "
            f"choose another --out"
        )
    check_no_file_of_a_run(file)
    written = [file]
    if figures is not None:
        from radars.reporting.to_matplotlib import write_figures  # an extra, and slow

        written += write_figures(sections(records), figures)
    write_atomically(file, report_page(records))
    return written
