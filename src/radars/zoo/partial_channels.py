"""Partial channels: a space whose candidates see only one in K channels of their inputs.

Xu et al., "PC-DARTS: Partial Channel Connections for Memory-Efficient Architecture Search", ICLR
2020, section 3.2. For searching only: what is found is built with all channels.

Shapes: B batch, C channels.
"""

import inspect
from dataclasses import replace
from functools import lru_cache
from typing import Any

from torch import Tensor, cat, nn
from torch.nn import functional

from radars.errors import ConfigError
from radars.space import Candidates, Choose, SearchSpace


@lru_cache(maxsize=8)  # a search that goes on meets the space whose memory is known
def partial_channels(space: SearchSpace, parts: int) -> SearchSpace:
    """The space with candidates that are `parts` times narrower, and see one channel in `parts`.

    The other channels pass by them, max-pooled where a candidate halves the image and repeated
    where it makes more channels, and all are shuffled. Choices of which only some are kept are
    weighed together (edge normalisation, section 3.3).

    Args:
        space: takes a `width`, which all its channels are multiples of.
        parts: K, a divisor of the width.

    Raises:
        ConfigError: the space has no width, or one that K does not divide.
        SpaceError: its channels are not multiples of the width.
    """
    width = inspect.signature(space.network).parameters.get("width")
    if width is None or not isinstance(width.default, int) or width.default % parts:
        raise ConfigError(
            f"pcdarts needs a space with a width that dnas.partial_channels divides, but "
            f"{space.name!r} has {'none' if width is None else width.default} for {parts}; "
            f"choose another space, method or dnas.partial_channels"
        )
    narrow = space.with_options(width=width.default // parts)

    def network(choose: Choose) -> nn.Module:
        narrowed: list[Candidates] = []

        def collect(name: str, candidates: Candidates) -> Any:
            narrowed.append(candidates)
            return nn.Identity()

        narrow.replay(collect)
        in_order = iter(narrowed)

        def choose_part(name: str, candidates: Candidates) -> Any:
            return _Partial(choose(name, next(in_order)), parts)

        return space.replay(choose_part)

    rules = [replace(rule, weighed_together=True) for rule in space.rules]
    return SearchSpace(network, name=space.name, input_shape=space.input_shape, rules=rules)


class _Partial(nn.Module):
    """Runs a module on the first of `parts` groups of channels."""

    def __init__(self, module: nn.Module, parts: int) -> None:
        super().__init__()
        self.module = module
        self.parts = parts

    def forward(self, image: Tensor) -> Tensor:
        """(B, C, H, W) to what the module would return with all channels."""
        own = image.shape[1] // self.parts
        output: Tensor = self.module(image[:, :own])
        passing = image[:, own:]
        if passing.shape[2:] != output.shape[2:]:
            passing = functional.adaptive_max_pool2d(passing, output.shape[2:])
        wanted = output.shape[1] * (self.parts - 1)
        if passing.shape[1] != wanted:
            passing = passing.repeat(1, -(-wanted // passing.shape[1]), 1, 1)[:, :wanted]
        return functional.channel_shuffle(cat((output, passing), 1), self.parts)
