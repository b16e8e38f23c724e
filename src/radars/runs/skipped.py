"""`SkippedSteps`: how many steps of a run were skipped, and whether these are too many."""

from collections.abc import Callable
from dataclasses import dataclass, field

import torch
from torch import Tensor

from radars.errors import RunError

_LOOK_EVERY = 16  # steps, as looking waits for the device


class Diverged(RunError):  # noqa: N818 - what became of a training
    """Too many steps of a training were skipped."""


@dataclass
class SkippedSteps:
    """Counts the steps that were skipped because their loss or gradient was not finite.

    A step or two of a long run do no harm; many say that training diverged, and that what it would
    end with is chance.

    Attributes:
        limit: how many may be skipped.
        rates: the settings that set how fast it trains, for the error.
        count: how many were, of those that were looked at.
        on_skip: told the count after each.
    """

    limit: int
    rates: str = "optimizer.learning_rate"
    count: int = 0
    on_skip: Callable[[int], None] = lambda count: None
    _unseen: list[Tensor] = field(default_factory=list)

    def note(self, is_sound: Tensor) -> None:
        """Takes note of a step, and looks at it: at once on the CPU, elsewhere every few steps.

        Args:
            is_sound: a scalar, false where the step was skipped.

        Raises:
            Diverged: there are more than the limit.
        """
        self._unseen.append(is_sound)
        if is_sound.device.type == "cpu" or len(self._unseen) >= _LOOK_EVERY:
            self.settle()

    def settle(self) -> None:
        """Looks at the steps that it has not looked at; waits for the device.

        Raises:
            Diverged: there are more than the limit.
        """
        if self._unseen:
            unseen = torch.stack(self._unseen).tolist()
            self._unseen.clear()
            self.add(unseen.count(False))

    def add(self, number: int) -> None:
        """Counts this many more.

        Raises:
            Diverged: there are more than the limit.
        """
        for _ in range(number):
            self.count += 1
            self.on_skip(self.count)
            if self.count > self.limit:
                raise Diverged(
                    f"a run may skip {self.limit} steps whose loss is not finite, but training "
                    f"diverged and this is number {self.count}; lower {self.rates}, or raise "
                    f"max_skipped_steps"
                )
