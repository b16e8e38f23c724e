"""The search: RADARS, its two halves, and the parts that they share."""

from radars.search.config import (
    ControllerConfig,
    DifferentiateConfig,
    ExploreConfig,
    SearchConfig,
    SelectConfig,
)
from radars.search.job import run_search
from radars.search.result import SearchResult

__all__ = [
    "ControllerConfig",
    "DifferentiateConfig",
    "ExploreConfig",
    "SearchConfig",
    "SearchResult",
    "SelectConfig",
    "run_search",
]
