"""`Pace`: how far a phase is, and when it is over: after so many steps, or so much time."""

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from radars.engine.search_state import SearchPosition

_HARDLY = 0.02  # of the time of the search; beyond its limit by 5% it is cut off

Tick = Callable[[int, float], None]
"""Called after each step with the number of steps done and the latest accuracy (NaN: none yet)."""


@dataclass
class Pace:
    """The steps of a phase.

    Without a time limit a phase has its number of steps. With one it goes on for its share of the
    time, however many steps that is, and schedules follow the time.

    Attributes:
        position: where the search is; its step is counted here.
        total: how many steps the phase has, where time does not decide.
        ends_at: the second of the search at which the phase ends; None where `total` decides.
        check: called after each step: counts the time, and stops the search by raising.
        on_step: called after that, with what is known of the step.
        step_seconds: what a step of the phase is expected to take before there was one; 0 where
            that is not known.
        agreed: makes the seconds of several processes those of the first.
    """

    position: SearchPosition
    total: int
    ends_at: float | None = None
    check: Callable[[], None] = lambda: None
    on_step: Tick = lambda step, accuracy: None
    step_seconds: float = 0.0
    agreed: Callable[[float], float] = lambda seconds: seconds

    def __post_init__(self) -> None:
        self._seconds = self._now()

    def steps(self) -> Iterator[int]:
        """Yields the index of each step that is left; `done` is called after each."""
        while not self.is_over:
            yield self.position.step

    def done(self, accuracy: float = math.nan, steps: int = 1) -> None:
        """Counts steps that are done.

        Args:
            accuracy: the latest; NaN where there is none yet.
            steps: how many.
        """
        self.position.step += steps
        self.position.total_steps += steps
        self.check_time()
        self.on_step(self.position.step, accuracy)

    def reserve(self, seconds: float) -> None:
        """Ends the steps earlier, for what follows them in the phase; a step is left."""
        if self.ends_at is not None:
            self.ends_at = max(self.position.seconds, self.ends_at - seconds)

    def check_time(self) -> None:
        """Counts the time; stops the search where that is asked for, or its time is up."""
        self.check()
        self._seconds = self._now()

    @property
    def is_over(self) -> bool:
        """Whether the phase has had its steps, or one more would end nearer after its time."""
        if self.ends_at is None:
            return self.position.step >= self.total
        return self.position.step > 0 and self.seconds_left <= 0.5 * self.seconds_per_step

    def has_time_for(self, seconds: float) -> bool:
        """Whether something that takes so long would end with the phase, or hardly later."""
        return self.ends_at is None or self.seconds_left + _HARDLY * self.ends_at >= seconds

    @property
    def fraction(self) -> float:
        """How much of the phase is done, from 0 to 1."""
        if self.ends_at is None:
            return min(1.0, self.position.step / max(1, self.total))
        whole = self.ends_at - self.position.began
        return min(1.0, max(0.0, 1.0 - self.seconds_left / whole)) if whole > 0 else 1.0

    @property
    def expected_total(self) -> int:
        """How many steps the phase will have had when it is over, as far as can be told."""
        if self.ends_at is None or not self.position.step:
            return self.total
        left = max(0.0, self.seconds_left) / max(1e-9, self.seconds_per_step)
        return self.position.step + round(left)

    @property
    def seconds_left(self) -> float:
        """Until the phase ends; infinite where its steps decide."""
        return math.inf if self.ends_at is None else self.ends_at - self._seconds

    @property
    def seconds_spent(self) -> float:
        """Since the phase began."""
        return self._seconds - self.position.began

    @property
    def seconds_per_step(self) -> float:
        """The mean so far; 0 before the first step."""
        return self.seconds_spent / max(1, self.position.step)

    def _now(self) -> float:
        if self.ends_at is None:
            return self.position.seconds
        return self.agreed(self.position.seconds)
