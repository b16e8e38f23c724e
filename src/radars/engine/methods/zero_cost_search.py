"""`zero_cost`: many uniform draws are ranked untrained, and the few best trained from scratch.

Mellor, Turner, Storkey, Crowley 2021, "Neural Architecture Search without Training", algorithm 1,
and Abdelfattah, Mehrotra, Dudziak, Lane 2021, "Zero-Cost Proxies for Lightweight NAS". These take
what ranks first; here a few that do are trained, and the best of them is taken. Of several rankers
the mean of the ranks counts.
"""

from collections.abc import Iterator, Mapping, Sequence
from statistics import fmean
from typing import Annotated

from pydantic import AfterValidator, Field

from radars.engine.context import SearchContext
from radars.engine.method_config import Checked, RankerName
from radars.engine.methods.child_method import DrawingMethod
from radars.engine.methods.method import Found
from radars.engine.rankers.zero_cost_scores import zero_cost_scores
from radars.engine.search_observer import SearchObserver
from radars.ranks import ranks_of
from radars.runs.event_schema import SelectionEvent
from radars.runs.state import State
from radars.space import Architecture

_RANK_SHARE = 0.3  # of the time; the trainings have the rest


def _all_different(names: tuple[str, ...]) -> tuple[str, ...]:
    if len(set(names)) < len(names):
        raise ValueError(f"each ranker is named once, but got {', '.join(names)}; leave one out")
    return names


class ZeroCostConfig(Checked):
    """Settings of `zero_cost`; `children.steps` says how long the finalists are trained.

    Attributes:
        number: architectures that are drawn uniformly and ranked.
        rankers: the rankers of untrained networks; with several, the mean of their ranks counts.
        weight_draws: draws of fresh weights, each with a training batch of its own.
        finalists: how many of the best are trained from scratch, instead of `children.number`.
    """

    number: int = Field(200, ge=1)
    rankers: Annotated[tuple[RankerName, ...], AfterValidator(_all_different)] = Field(
        ("regions",), min_length=1
    )
    weight_draws: int = Field(2, ge=1)
    finalists: int = Field(5, ge=1)


class ZeroCost(DrawingMethod):
    """See the module.

    Attributes:
        num_drawn: how many draws are done.
        said: what the rankers say of each architecture that was drawn, by ranker.
    """

    settings_class = ZeroCostConfig

    def __init__(self, context: SearchContext) -> None:
        super().__init__(context)
        self.settings = self.config.settings_of(ZeroCostConfig)
        self.num_drawn = 0
        self.said: dict[Architecture, dict[str, float]] = {}

    @property
    def number(self) -> int:
        """See `ChildMethod`: the finalists."""
        return self.settings.finalists

    def run(self, observer: SearchObserver) -> Found:
        """See `Method`."""
        if observer.position.phase != "children":
            self._rank(observer)
        return super().run(observer)

    def propose(self) -> list[Architecture]:
        """The finalists, all at once."""
        if self.history:  # there were fewer than were asked for
            return []
        holding = filter(self.problem.feasible.holds, self._order())
        return self.context.sampler.different(holding, self.number)

    def ranked(self) -> Iterator[Found]:
        """The finalists that were trained, best first; then the draws."""
        yield from super().ranked()
        for architecture in self._order():
            yield Found(architecture, None)

    def state_dict(self) -> State:
        """See `Method`."""
        return super().state_dict() | {
            "num_drawn": self.num_drawn,
            "said": [
                [dict(architecture), dict(known)] for architecture, known in self.said.items()
            ],
        }

    def load_state_dict(self, state: State, /) -> None:
        """See `Method`."""
        super().load_state_dict(state)
        self.num_drawn = state["num_drawn"]
        self.said = {Architecture(known): dict(said) for known, said in state["said"]}

    def _rank(self, observer: SearchObserver) -> None:
        """Draws what is left to be drawn, and asks the rankers of each."""
        settings = self.settings
        observer.position.begin("rank")
        with observer.phase("rank", settings.number, share=_RANK_SHARE) as pace:
            for _ in pace.steps():
                [architecture] = self.draw(1)
                if architecture not in self.said:
                    self.said[architecture] = zero_cost_scores(
                        self.context, settings.rankers, architecture, settings.weight_draws
                    )
                self.num_drawn += 1
                pace.done()
        best = self._order()[: settings.finalists]
        observer.log(
            SelectionEvent(
                finalists=tuple(dict(known) for known in best),
                ranker_scores={
                    name: tuple(self.said[known][name] for known in best)
                    for name in settings.rankers
                },
            )
        )

    def _order(self) -> list[Architecture]:
        """What was drawn, the best first."""
        if not self.said:
            return []
        rank = dict(zip(self.said, mean_ranks(list(self.said.values())), strict=True))
        return sorted(rank, key=rank.__getitem__)


def mean_ranks(said: Sequence[Mapping[str, float]]) -> list[float]:
    """The mean over rankers of each one's rank, 1 for the best; equals share the mean of theirs.

    Args:
        said: what the rankers say of each architecture, by ranker; larger is better.
    """
    of_rankers = zip(*(known.values() for known in said), strict=True)
    ranks = [ranks_of([-score for score in scores]) for scores in of_rankers]
    return [fmean(of_one) for of_one in zip(*ranks, strict=True)]
