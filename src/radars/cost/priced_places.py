"""`price_places`: every candidate priced once at each input shape, on whatever scale."""

from collections.abc import Callable, Iterable

import torch

from radars.cost.price_cache import Numbers, PriceCache, price_key
from radars.example import InputShape
from radars.failures import named
from radars.space import Factory, Place, SearchSpace, building, built

PriceOne = Callable[[Factory, Place], Numbers]
"""Prices one candidate at a place: whole numbers, as they are kept on disk."""


def price_places(
    space: SearchSpace,
    input_shape: InputShape,
    price: PriceOne,
    about: Iterable[object] = (),
    cache: PriceCache | None = None,
) -> tuple[tuple[Place, dict[str, Numbers]], ...]:
    """Each place of a space, and candidate to price there.

    Each distinct candidate and input shape is priced once, or found in the cache.

    Args:
        space: the search space.
        input_shape: the shape of one example, without the batch.
        price: prices a candidate.
        about: what a price depends on beside the candidate and the shapes of its inputs.
        cache: a cache of prices on disk; None for none.
    """
    about = tuple(about)
    on_disk = {} if cache is None else cache.read()
    new: dict[str, Numbers] = {}
    known: dict[object, Numbers] = {}
    places = []
    for place in space.places(input_shape):
        prices: dict[str, Numbers] = {}
        for name, factory in place.factories.items():
            own = place.contents[name]
            content = (own, place.input_shapes)
            if own is None or content not in known:
                key = None
                what = f"candidate {name!r} of choice {place.choice!r}"
                if cache is not None:
                    with named(what), building(torch.device("meta")):
                        key = price_key(built(factory), place.input_shapes, about)
                if key is not None and key in on_disk:
                    known[content] = on_disk[key]
                else:
                    with named(what):
                        known[content] = price(factory, place)
                    new |= {} if key is None else {key: known[content]}
            prices[name] = known[content]
        places.append((place, prices))
    if cache is not None and new:
        cache.add(new)
    return tuple(places)
