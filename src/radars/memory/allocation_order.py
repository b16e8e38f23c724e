"""`AllocationOrder`: which tensors a step makes and frees, one after another."""

from dataclasses import dataclass, field
from typing import NamedTuple


class Allocation(NamedTuple):
    """A tensor's memory comes, or goes.

    Attributes:
        name: tells it from the others: positive where it is there before the step, else negative.
        num_bytes: the size of the tensor, not rounded; None where it goes.
    """

    name: int
    num_bytes: int | None


@dataclass
class AllocationOrder:
    """What a tracker writes down of a step.

    Attributes:
        resident: what is there before the step, by name, in bytes. Of two steps of one network,
            what has the same name is the same memory.
        events: what comes and goes in the step, in order.
    """

    resident: dict[int, int] = field(default_factory=dict)
    events: list[Allocation] = field(default_factory=list)
    _num_made: int = 0

    def add_resident(self, name: int, num_bytes: int) -> int:
        """Notes what is there before the step; returns its name."""
        self.resident[name] = num_bytes
        return name

    def add_made(self, num_bytes: int) -> int:
        """Notes what the step makes; returns its name."""
        self._num_made += 1
        self.events.append(Allocation(-self._num_made, num_bytes))
        return -self._num_made

    def add_freed(self, name: int) -> None:
        """Notes what goes."""
        self.events.append(Allocation(name, None))
