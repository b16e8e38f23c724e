"""`SkippedSteps`: how many steps of a run were skipped, and whether these are too many."""

from collections.abc import Callable
from dataclasses import dataclass

from radars.errors import RunError


@dataclass
class SkippedSteps:
    """Counts the steps that were skipped because their loss or gradient was not finite.

    A step or two of a long run do no harm; many say that training diverged, and that what it would
    end with is chance.

    Attributes:
        limit: how many may be skipped.
        rates: the settings that set how fast it trains, for the error.
        count: how many were.
        on_skip: told the count after each.
    """

    limit: int
    rates: str = "optimizer.learning_rate"
    count: int = 0
    on_skip: Callable[[int], None] = lambda count: None

    def add(self) -> None:
        """Counts one more.

        Raises:
            RunError: there are more than the limit.
        """
        self.count += 1
        self.on_skip(self.count)
        if self.count > self.limit:
            raise RunError(
                f"a run may skip {self.limit} steps whose loss is not finite, but training "
                f"diverged and this is number {self.count}; lower {self.rates}, or raise "
                f"max_skipped_steps"
            )
