"""A trained network in a file that works where radars is not installed."""

from radars.training.exporting.export_network import (
    ExportFormat,
    ExportResult,
    check_export,
    export_network,
)

__all__ = ["ExportFormat", "ExportResult", "check_export", "export_network"]
