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
    Stopped,
    StopSearch,
    TestSplitError,
)

if TYPE_CHECKING:
    from radars.api import compare, evaluate, export, load, plan, report, search, train
    from radars.data import tensor_data
    from radars.engine import SearchConfig, SearchResult
    from radars.nn.supernet import Supernet
    from radars.nn.task import Task, mean_iou, segmentation
    from radars.space import Architecture, Choose, Keep, SearchSpace, Subspace
    from radars.training import TrainConfig, TrainedNetwork
    from radars.zoo import load_space, narrowed, searchable

__version__ = "0.1.0"

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
    "StopSearch",
    "Stopped",
    "Subspace",
    "Supernet",
    "Task",
    "TestSplitError",
    "TrainConfig",
    "TrainedNetwork",
    "compare",
    "evaluate",
    "export",
    "load",
    "load_space",
    "mean_iou",
    "narrowed",
    "plan",
    "report",
    "search",
    "searchable",
    "segmentation",
    "tensor_data",
    "train",
]

_VERBS = ("compare", "evaluate", "export", "load", "plan", "report", "search", "train")
_MODULE_OF = dict.fromkeys(_VERBS, "radars.api") | {
    "Architecture": "radars.space",
    "Choose": "radars.space",
    "Keep": "radars.space",
    "SearchConfig": "radars.engine",
    "SearchResult": "radars.engine",
    "SearchSpace": "radars.space",
    "Subspace": "radars.space",
    "Supernet": "radars.nn.supernet",
    "Task": "radars.nn.task",
    "TrainConfig": "radars.training",
    "TrainedNetwork": "radars.training",
    "load_space": "radars.zoo",
    "mean_iou": "radars.nn.task",
    "narrowed": "radars.zoo",
    "searchable": "radars.zoo",
    "segmentation": "radars.nn.task",
    "tensor_data": "radars.data",
}


def __getattr__(name: str) -> object:
    if name in _MODULE_OF:
        module = import_module(_MODULE_OF[name])
        value: object = getattr(module, name)
    else:
        raise AttributeError(f"module 'radars' has no attribute {name!r}")
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
