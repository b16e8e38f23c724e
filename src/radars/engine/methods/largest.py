"""`largest`: the network with the most multiply-accumulates that is allowed, trained once.

Nothing is searched: it is what constraints and budget alone give, and what a search has to beat. By
an integer program: exact where one of the first few within the constraints fits the budget. Where
none does, another program bounds their memory by prices, as much as is found to fit.
"""

from collections.abc import Iterator

from radars.engine.largest_allowed import largest
from radars.engine.methods.child_method import ChildMethod
from radars.engine.methods.method import Found, Work
from radars.engine.search_config import SearchConfig
from radars.space import Architecture, Subspace


class Largest(ChildMethod):
    """See the module."""

    @classmethod
    def planned_work(cls, config: SearchConfig, full: Subspace) -> Work | None:
        """See `Method`."""
        return Work(config.children.steps)

    @property
    def number(self) -> int:
        """See `ChildMethod`."""
        return 1

    def propose(self) -> list[Architecture]:
        """See `ChildMethod`."""
        return [largest(self.context)]

    def ranked(self) -> Iterator[Found]:
        """The network, with its accuracy once it is trained."""
        yield from super().ranked()
        for architecture in self.proposed:
            yield Found(architecture, None)
