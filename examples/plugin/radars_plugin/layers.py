"""`layers`: how many layers with weights a network has, for `--constraint "layers<=12"`."""

import torch

from radars.cost import Additive, CostKind, Metric, PriceRequest, price_places
from radars.space import Factory, Place, building


class Layers(CostKind):
    """See the module."""

    def price(self, request: PriceRequest) -> Metric:
        """See `CostKind`: layers add up, over candidates and what is around them."""
        space = request.space
        layers = {choice: dict.fromkeys(names, 0.0) for choice, names in space.full.items()}
        for place, counts in price_places(space, request.input_shape, _count_candidate):
            for name, (count,) in counts.items():
                layers[place.choice][name] += count
        first = space.best()
        with building(torch.device("meta")):
            total = _count(space.build(first))
        around = total - sum(layers[choice][name] for choice, name in first.items())
        return Metric((Additive(around, layers),))

    def format(self, value: float) -> str:
        """A whole number."""
        return f"{value:.0f} layers"


def _count_candidate(factory: Factory, place: Place) -> tuple[int]:
    with building(torch.device("meta")):
        return (_count(factory()),)


def _count(module: torch.nn.Module) -> int:
    return sum("weight" in dict(part.named_parameters(recurse=False)) for part in module.modules())


LAYERS = Layers()
