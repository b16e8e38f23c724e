"""`Executor`: where the independent parts of a run are computed."""

from collections.abc import Callable, Iterable
from typing import Protocol, TypeVar

Item = TypeVar("Item")
Result = TypeVar("Result")


class Executor(Protocol):
    """Computes a function of many items, here or elsewhere."""

    def map(self, function: Callable[[Item], Result], items: Iterable[Item]) -> list[Result]:
        """Returns the results in the order of the items; the first error is raised."""
        ...


class LocalExecutor:
    """Computes one item after the other in this process, so that each has all of the budget."""

    def map(self, function: Callable[[Item], Result], items: Iterable[Item]) -> list[Result]:
        """Returns the results in the order of the items; the first error is raised."""
        return [function(item) for item in items]
