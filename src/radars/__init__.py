"""Memory-bounded neural architecture search for PyTorch."""

from radars.errors import (
    BudgetError,
    ConfigError,
    DataError,
    RadarsError,
    RunError,
    SpaceError,
    TestSplitError,
)
from radars.nn.supernet import Supernet
from radars.search import SearchConfig, SearchResult, run_search
from radars.space import Architecture, Choose, SearchSpace, Subspace

__version__ = "0.1.0.dev0"

__all__ = [
    "Architecture",
    "BudgetError",
    "Choose",
    "ConfigError",
    "DataError",
    "RadarsError",
    "RunError",
    "SearchConfig",
    "SearchResult",
    "SearchSpace",
    "SpaceError",
    "Subspace",
    "Supernet",
    "TestSplitError",
    "run_search",
]
