"""Several search methods under one budget, and published tables that judge what they found."""

from radars.compare.config import Cell, CompareConfig, Grid
from radars.compare.report import markdown_table
from radars.compare.rows import Row, read_rows
from radars.compare.run import compare
from radars.compare.table import Entry, Table
from radars.compare.tables import read_table

__all__ = [
    "Cell",
    "CompareConfig",
    "Entry",
    "Grid",
    "Row",
    "Table",
    "compare",
    "markdown_table",
    "read_rows",
    "read_table",
]
