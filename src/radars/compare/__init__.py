"""Judging what a search found: published tables of accuracies."""

from radars.compare.tables import Entry, Table, read_table

__all__ = ["Entry", "Table", "read_table"]
