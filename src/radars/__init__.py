"""Memory-bounded neural architecture search for PyTorch.

Names are imported when they are first used, so that `radars --help` and the completion of a shell
need not wait for PyTorch.
"""

from importlib import import_module
from typing import TYPE_CHECKING

from radars.errors import (
    BudgetError,
    ConfigError,
    DataError,
    RadarsError,
    RunError,
    SpaceError,
    TestSplitError,
)

if TYPE_CHECKING:
    from radars.data import tensor_data
    from radars.engine import SearchConfig, SearchResult
    from radars.engine.run import run_search
    from radars.nn.supernet import Supernet
    from radars.nn.task import Task
    from radars.space import Architecture, Choose, Keep, SearchSpace, Subspace
    from radars.training import TrainedNetwork
    from radars.training import load_trained as load
    from radars.zoo import searchable

__version__ = "0.1.0.dev0"

__all__ = [
    "Architecture",
    "BudgetError",
    "Choose",
    "ConfigError",
    "DataError",
    "Keep",
    "RadarsError",
    "RunError",
    "SearchConfig",
    "SearchResult",
    "SearchSpace",
    "SpaceError",
    "Subspace",
    "Supernet",
    "Task",
    "TestSplitError",
    "TrainedNetwork",
    "load",
    "run_search",
    "searchable",
    "tensor_data",
]

_MODULE_OF = {
    "Architecture": "radars.space",
    "Choose": "radars.space",
    "Keep": "radars.space",
    "SearchConfig": "radars.engine",
    "SearchResult": "radars.engine",
    "SearchSpace": "radars.space",
    "Subspace": "radars.space",
    "Supernet": "radars.nn.supernet",
    "Task": "radars.nn.task",
    "TrainedNetwork": "radars.training",
    "load": "radars.training",
    "run_search": "radars.engine.run",
    "searchable": "radars.zoo",
    "tensor_data": "radars.data",
}
_NAME_THERE = {"load": "load_trained"}


def __getattr__(name: str) -> object:
    if name in _MODULE_OF:
        module = import_module(_MODULE_OF[name])
        value: object = getattr(module, _NAME_THERE.get(name, name))
    else:
        raise AttributeError(f"module 'radars' has no attribute {name!r}")
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
