"""A trained network in a file that works where radars is not installed."""

from radars.training.exporting.export_run import ExportFormat, ExportResult, export_run

__all__ = ["ExportFormat", "ExportResult", "export_run"]
