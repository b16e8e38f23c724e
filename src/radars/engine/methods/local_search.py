"""`local_search`: from a random draw to its neighbours, as long as one of them is better.

White, Nolen, Savani 2020, "Exploring the Loss Landscape in Neural Architecture Search", and Den
Ottelander, Dushatskiy, Virgolin, Bosman 2020, "Local Search is a Remarkably Strong Baseline for
Neural Architecture Search". The neighbours of an architecture differ from it in one choice. They
are trained in random order, and as soon as one is better, the search goes on from there. Where none
is, it begins anew at another draw.
"""

import math
from collections.abc import Mapping

from radars.engine.context import SearchContext
from radars.engine.methods.child_method import DrawingMethod
from radars.engine.methods.variation import neighbours
from radars.runs.state import State
from radars.space import Architecture


class LocalSearch(DrawingMethod):
    """See the module. What was trained before a new beginning is remembered.

    Attributes:
        current: where it is; None at a beginning.
    """

    def __init__(self, context: SearchContext) -> None:
        super().__init__(context)
        self.current: Architecture | None = None

    def propose(self) -> list[Architecture]:
        """Neighbours that are not trained yet; draws at a beginning."""
        reached = self._reached()
        while self.current is not None:
            proposed = self._look_around(self.current, reached)
            if proposed:
                return proposed
        return self.draw(self.num_wanted)

    def learn(self, accuracies: list[float]) -> None:
        """Moves to the best of what was proposed, where it is better."""
        reached = self._reached()
        best = max(self.proposed, key=reached.__getitem__)
        if self.current is None or reached[best] > reached[self.current]:
            self.current = best

    def state_dict(self) -> State:
        """See `Method`."""
        return super().state_dict() | {"current": self.current and dict(self.current)}

    def load_state_dict(self, state: State, /) -> None:
        """See `Method`."""
        super().load_state_dict(state)
        self.current = state["current"] and Architecture(state["current"])

    def _reached(self) -> dict[Architecture, float]:
        """The reward of each architecture that was trained."""
        return {known: self.context.reward(known, accuracy) for known, accuracy in self.history}

    def _look_around(
        self, here: Architecture, reached: Mapping[Architecture, float]
    ) -> list[Architecture]:
        """Neighbours that are not trained yet, as many as are wanted.

        Where one is known to be better, it moves there and returns none; where there is nothing
        left to train, it is at a beginning.
        """
        proposed: list[Architecture] = []
        for neighbour in neighbours(self.context, here, self.generator):
            if reached.get(neighbour, -math.inf) > reached[here]:
                self.current = neighbour
                return []
            if neighbour not in reached:
                proposed.append(neighbour)
            if len(proposed) == self.num_wanted:
                return proposed
        if not proposed:
            self.current = None
        return proposed
