"""`TracedLayers`: what each layer costs in the networks of architectures, each traced once."""

from collections.abc import Iterator

import torch

from radars.cost.layer_costs import NOTHING, Counts
from radars.cost.parts import PartCounter
from radars.errors import SpaceError, first_line
from radars.example import InputShape
from radars.space import Architecture, SearchSpace, building

_MAX_TRACES = 3000


class TracedLayers:
    """Builds and runs networks on the meta device, and remembers what their layers cost.

    Args:
        space: the search space.
        input_shape: the shape of one example, without the batch.
    """

    def __init__(self, space: SearchSpace, input_shape: InputShape) -> None:
        self._space = space
        self._input_shape = input_shape
        self._counter = PartCounter(input_shape, space.input_dtype)
        self._traced: dict[Architecture, dict[str, Counts]] = {}

    def of(self, architecture: Architecture) -> dict[str, Counts]:
        """Name to costs of each layer of a network that costs something.

        Raises:
            SpaceError: the network cannot take its input, or too many were traced.
        """
        if architecture not in self._traced:
            if len(self._traced) == _MAX_TRACES:
                raise SpaceError(
                    f"the costs of a layer depend on a few choices, but those of "
                    f"{self._space.name!r} are not known after {_MAX_TRACES} networks; give "
                    f"choices fewer values"
                )
            try:
                with building(torch.device("meta")):
                    network = self._space.build(architecture)
                parts = self._counter.parts(network)
            except SpaceError:
                raise
            except Exception as error:
                raise SpaceError(
                    f"the network of {dict(architecture)} cannot take an input of "
                    f"{self._input_shape}: {first_line(error)}; make the choices fit each other"
                ) from error
            counts: dict[str, Counts] = {n: tuple(vars(part).values()) for n, part in parts.items()}
            self._traced[architecture] = {n: c for n, c in counts.items() if any(c)}
        return self._traced[architecture]

    def of_layer(self, name: str) -> Iterator[tuple[Architecture, Counts]]:
        """Yields every architecture that was traced, and what a layer costs in it."""
        for architecture, counts in self._traced.items():
            yield architecture, counts.get(name, NOTHING)
