"""Several search methods under one budget, and published tables that judge what they found."""

from radars.comparison.cells import compare
from radars.comparison.comparison_config import Cell, CompareConfig, Grid
from radars.comparison.published_table import Entry, PublishedTable
from radars.comparison.read_table import read_table
from radars.comparison.results_table import markdown_table
from radars.comparison.rows import Row, read_rows

__all__ = [
    "Cell",
    "CompareConfig",
    "Entry",
    "Grid",
    "PublishedTable",
    "Row",
    "compare",
    "markdown_table",
    "read_rows",
    "read_table",
]
