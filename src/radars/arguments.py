"""What callers pass to the verbs of the Python API: a space and data, by name or as objects."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from torch import nn

from radars.data import Data, DataConfig, DataLike, as_data
from radars.errors import ConfigError
from radars.optional import without_none
from radars.space import Choose, SearchSpace

SpaceLike = SearchSpace | str | Callable[[Choose], nn.Module]
"""A search space, its name in the zoo, `file.py:function`, or the function itself."""


_OF_DATA = frozenset({"batch_size", "augment"})
_OF_DATA_SETS = _OF_DATA | {"num_train", "validation_fraction", "mean", "std"}
"""The options that data which are objects have: divided already, or data sets."""


@dataclass(frozen=True)
class Passed:
    """A space and data: each an object, or a name that a configuration has."""

    space: SearchSpace | None
    space_name: str | None
    data: Any
    data_source: str | None

    @classmethod
    def of(cls, space: SpaceLike | None, data: DataLike | None) -> "Passed":
        """Tells objects from names; a function is made a space.

        Raises:
            ConfigError: a space is none of these.
        """
        space_name = data_source = None
        if isinstance(space, str):
            space, space_name = None, space
        elif space is not None and not isinstance(space, SearchSpace):
            if not callable(space):
                raise ConfigError(
                    f"a space is a SearchSpace, a name or a function that takes `choose`, but got "
                    f"{type(space).__name__}; write radars.SearchSpace(net)"
                )
            space = SearchSpace(space)
        if isinstance(data, str | Path):
            data, data_source = None, str(data)
        return cls(space, space_name, data, data_source)

    def settings(self, batch_size: int | None, options: Mapping[str, Any] | None) -> dict[str, Any]:
        """What a configuration says of them.

        Raises:
            ConfigError: an option is about data that are read, and these are an object.
        """
        taken = _OF_DATA if isinstance(self.data, Data) else _OF_DATA_SETS
        others = sorted((options or {}).keys() & DataConfig.model_fields.keys() - taken)
        if self.data is not None and others:
            raise ConfigError(
                f"data_options of a {type(self.data).__name__} are {', '.join(sorted(taken))}, but "
                f"got {', '.join(others)}; leave it out, and pass examples that are so already"
            )
        data = without_none(source=self.data_source, batch_size=batch_size) | dict(options or {})
        return without_none(space=self.space_name, data=data or None)

    def data_for(self, config: DataConfig, seed: int) -> Data | None:
        """The data, where they are an object."""
        return None if self.data is None else as_data(self.data, config=config, seed=seed)
