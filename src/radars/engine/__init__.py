"""The search: RADARS, its two halves, and the parts that they share."""

from radars.engine.method_config import (
    ControllerConfig,
    DifferentiateConfig,
    ExploreConfig,
    SelectConfig,
)
from radars.engine.search_config import SearchConfig
from radars.engine.search_result import SearchResult

__all__ = [
    "ControllerConfig",
    "DifferentiateConfig",
    "ExploreConfig",
    "SearchConfig",
    "SearchResult",
    "SelectConfig",
]
