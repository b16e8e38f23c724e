"""`Given`: objects that a caller passes in, in the place of what a configuration names."""

from dataclasses import dataclass

from radars.data import Data
from radars.nn.task import CLASSIFICATION, Task
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
