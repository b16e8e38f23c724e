"""`asha`: many uniform draws are trained for a short while, the best of them longer, in rungs.

Li, Jamieson, Rostamizadeh, Gonina, Ben-tzur, Hardt, Recht, Talwalkar 2020, "A System for Massively
Parallel Hyperparameter Tuning", algorithm 2, for architectures as in Li and Talwalkar 2019. Where
one of the best 1/eta of a rung has not gone on yet, it does, from the highest rung down; otherwise
another draw begins at the lowest.

Not the paper's: what goes on is trained anew, for as long as the next rung says. Learning rates
fall to nothing in each training (`one_cycle`), and going on from there is not what a longer
training does. So the accuracies of the highest rung are those that `random` would have, and a
checkpoint holds the weights of one network at the most. No network is drawn twice; where there is
no other, what is beyond the best 1/eta goes on, too.
"""

import sys
from collections.abc import Callable, Iterator
from functools import partial

from pydantic import Field

from radars.engine.context import SearchContext
from radars.engine.method_config import Checked
from radars.engine.methods.child_method import DrawingMethod
from radars.engine.methods.children import Children
from radars.engine.methods.method import Found, Scored, scored_of, scored_values
from radars.runs.state import State
from radars.space import Architecture

_MAX_DRAWS = 200  # until there is taken to be no other network


class AshaConfig(Checked):
    """Settings of `asha`; all its trainings take `children.number` times `children.steps` at most.

    Attributes:
        eta: the best 1/eta of a rung continue in the next, whose trainings are eta times as long.
        minimum_steps: the fewest training steps of a rung; the highest has `children.steps`.
    """

    eta: int = Field(3, ge=2)
    minimum_steps: int = Field(20, ge=1)

    def rung_steps(self, most: int) -> list[int]:
        """The training steps of each rung, the lowest first.

        Args:
            most: the training steps of the highest rung.
        """
        steps = [float(most)]
        while steps[0] / self.eta >= self.minimum_steps:
            steps.insert(0, steps[0] / self.eta)
        return [round(known) for known in steps]


class Rung:
    """Trainings of one length, from scratch and without early stopping.

    Args:
        context: what they are trained with.
        num_steps: the training steps of each training.

    Attributes:
        members: what was trained, by the network that it builds.
        gone_on: the networks of those that were trained longer.
    """

    def __init__(self, context: SearchContext, num_steps: int) -> None:
        self._context = context
        self.num_steps = num_steps
        changes = {"steps": num_steps, "check_fraction": 0.0}
        self.children = Children(
            context, context.problem.config.children.model_copy(update=changes)
        )
        self.members: dict[str, Scored] = {}
        self.gone_on: list[str] = []

    def add(self, architecture: Architecture, accuracy: float) -> None:
        """Adds what was trained."""
        self.members.setdefault(
            self._context.sampler.fingerprint(architecture), (architecture, accuracy)
        )

    def take_best(self, eta: int, number: int) -> list[Architecture]:
        """Takes those of the best 1/eta that have not gone on yet, a few at the most."""
        best = sorted(
            self.members, key=lambda key: self._context.reward(*self.members[key]), reverse=True
        )
        taken = [key for key in best[: len(best) // eta] if key not in self.gone_on][:number]
        self.gone_on += taken
        return [self.members[key][0] for key in taken]

    def state_dict(self) -> State:
        """What a checkpoint keeps."""
        return {
            "children": self.children.state_dict(),
            "networks": list(self.members),
            "members": scored_values(self.members.values()),
            "gone_on": list(self.gone_on),
        }

    def load_state_dict(self, state: State, /) -> None:
        """Puts back what `state_dict` returned."""
        self.children.load_state_dict(state["children"])
        self.members = dict(zip(state["networks"], scored_of(state["members"]), strict=True))
        self.gone_on = list(state["gone_on"])


class Asha(DrawingMethod):
    """See the module.

    Attributes:
        rungs: the lowest first.
        current: the index of the one whose trainings were proposed last.
        num_steps_left: what is left of all training steps.
    """

    settings_class = AshaConfig

    def __init__(self, context: SearchContext) -> None:
        super().__init__(context)
        self.settings = self.config.settings_of(AshaConfig)
        steps = self.settings.rung_steps(self.config.children.steps)
        self.rungs = [Rung(context, num_steps) for num_steps in steps]
        # with a time limit, as many as there is time for
        self.num_steps_left = sys.maxsize if self.config.max_minutes else self.num_steps
        self._enter(0)

    @property
    def number(self) -> int:
        """As many as there would be if all were on the lowest rung."""
        most = sys.maxsize if self.config.max_minutes else self.num_steps
        return most // self.rungs[0].num_steps

    def propose(self) -> list[Architecture]:
        """What goes on, or draws for the lowest rung; none where the steps are spent."""
        return (
            self._going_on(self.settings.eta)
            or self._taken_for(0, self._new_draws)
            or self._going_on(1)
        )

    def learn(self, accuracies: list[float]) -> None:
        """Adds what was trained to its rung."""
        for architecture, accuracy in zip(self.proposed, accuracies, strict=True):
            self.rungs[self.current].add(architecture, accuracy)

    def ranked(self) -> Iterator[Found]:
        """What was trained, of the highest rung first, there the best first."""
        for rung in reversed(self.rungs):
            yield from self.ranked_of(rung.members.values())

    def state_dict(self) -> State:
        """See `Method`."""
        state = super().state_dict()
        del state["children"]  # those of each rung are with it
        return state | {
            "rungs": {str(rung.num_steps): rung.state_dict() for rung in self.rungs},
            "current": self.current,
            "num_steps_left": self.num_steps_left,
        }

    def load_state_dict(self, state: State, /) -> None:
        """See `Method`."""
        for rung in self.rungs:
            rung.load_state_dict(state["rungs"][str(rung.num_steps)])
        self._enter(state["current"])
        super().load_state_dict({**state, "children": self.children.state_dict()})
        self.num_steps_left = state["num_steps_left"]

    def _going_on(self, eta: int) -> list[Architecture]:
        """Those that go on to the highest rung to which any do."""
        for index in reversed(range(1, len(self.rungs))):
            taken = self._taken_for(index, partial(self.rungs[index - 1].take_best, eta))
            if taken:
                return taken
        return []

    def _taken_for(
        self, index: int, take: Callable[[int], list[Architecture]]
    ) -> list[Architecture]:
        """What is trained for a rung next: as many as are wanted, and there are steps for."""
        num_steps = self.rungs[index].num_steps
        taken = take(min(self.num_wanted, self.num_steps_left // num_steps))
        if taken:
            self._enter(index)
            self.num_steps_left -= len(taken) * num_steps
        return taken

    def _new_draws(self, number: int) -> list[Architecture]:
        """Draws that build other networks than those before them; fewer where many do not."""
        networks, sampler = self.rungs[0].members, self.context.sampler
        before = {architecture for architecture, _ in networks.values()}
        drawn: dict[str, Architecture] = {}
        for _ in range(_MAX_DRAWS):
            if len(drawn) == number:
                break
            [architecture] = self.draw(1)
            if architecture in before:
                continue
            key = sampler.fingerprint(architecture)
            if key not in networks:
                drawn.setdefault(key, architecture)
        return list(drawn.values())

    def _enter(self, index: int) -> None:
        """Makes a rung the one whose trainings are proposed."""
        self.current = index
        self.children = self.rungs[index].children
