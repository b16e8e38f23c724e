"""What happened in a run, as one HTML file, and as figures for papers."""

from radars.reporting.page import report_page
from radars.reporting.record import ComparisonRecord, RunRecord, read_directory

__all__ = ["ComparisonRecord", "RunRecord", "read_directory", "report_page"]
