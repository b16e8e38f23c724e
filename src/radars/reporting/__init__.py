"""What happened in a run, as one HTML file, and as figures for papers."""

from radars.reporting.page import report_page
from radars.reporting.record import Comparison, Run, read_directory

__all__ = ["Comparison", "Run", "read_directory", "report_page"]
