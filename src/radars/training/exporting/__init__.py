"""A trained network in a file that works where radars is not installed."""

from radars.training.exporting.export_network import ExportFormat, ExportResult, export_network

__all__ = ["ExportFormat", "ExportResult", "export_network"]
