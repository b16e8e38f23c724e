"""The search: RADARS, its two halves, and the parts that they share."""

from radars.search.config import SearchConfig
from radars.search.job import run_search
from radars.search.method_config import (
    ControllerConfig,
    DifferentiateConfig,
    ExploreConfig,
    SelectConfig,
)
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
