"""`Given`: objects that a caller passes in, in the place of what a configuration names."""

from dataclasses import dataclass

from radars.data import Data
from radars.engine.search_config import SearchConfig
from radars.nn.task import CLASSIFICATION, Task
from radars.objects import with_objects
from radars.space import SearchSpace


@dataclass(frozen=True)
class Given:
    """What a caller passes in as objects.

    Attributes:
        space: used instead of the one that the configuration names.
        proxy: trained instead of the space while searching; makes the same choices.
        data: used instead of those that the configuration names.
        task: the loss and the score; classification where nothing else is said.
    """

    space: SearchSpace | None = None
    proxy: SearchSpace | None = None
    data: Data | None = None
    task: Task = CLASSIFICATION

    def recorded(self, config: SearchConfig) -> SearchConfig:
        """The configuration, which says of objects that they are objects, and not another name."""
        return with_objects(config, space=self.space, data=self.data)
