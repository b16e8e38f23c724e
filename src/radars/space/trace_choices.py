"""`trace_choices`: which choices a network function makes, found by running it."""

from collections.abc import Callable

import torch
from torch import nn
from torch.nn.parameter import is_lazy

from radars.errors import SpaceError
from radars.space.candidate_checks import Built
from radars.space.choose import Candidates, Choice, Choose, build_candidate, checked_pairs

Replay = Callable[[Choose], nn.Module]
"""Runs the network function of a space with a `choose`."""


def trace_choices(replay: Replay, name: str) -> tuple[Choice, ...]:
    """The choices in the order in which they are made: the same ones, whatever is chosen.

    The function is run on the meta device, where nothing is allocated.

    Args:
        replay: runs it.
        name: of the space.

    Raises:
        SpaceError: there is no choice; a choice has no candidate or one twice; a factory raises;
            a choice appears only in some runs, or within a candidate; a part of the network is the
            same in each run.
    """
    first, first_network = _traced(replay, 0)
    if not first:
        raise SpaceError(
            f"a search space makes at least one choice, but {name!r} makes none; call "
            f"choose(name, candidates) in it"
        )
    last, last_network = _traced(replay, -1)
    _, again = _traced(replay, 0)
    built = Built()
    built.add(first_network)
    for network in (last_network, again):
        built.check_network(name, network)
    if _shapes(again) != _shapes(first_network):
        raise SpaceError(
            f"a network function makes the same network whenever the same is chosen, but that of "
            f"{name!r} made another the second time; draw nothing at random in it"
        )
    differing = [choice for choice in {**first, **last} if first.get(choice) != last.get(choice)]
    if differing:
        raise SpaceError(
            f"every choice appears in every trace of {name!r} with the same candidates, "
            f"but {differing[0]!r} does not; make it whatever the other choices are"
        )
    return tuple(Choice(choice, *found) for choice, found in first.items())


def _shapes(network: nn.Module) -> list[tuple[str, torch.Size]]:
    named = (*network.named_parameters(), *network.named_buffers())
    return [(name, tensor.shape) for name, tensor in named if not is_lazy(tensor)]


Found = dict[str, tuple[tuple[str, ...], int]]
"""Choice to its candidates and to how often it is made."""


def _traced(replay: Replay, index: int) -> tuple[Found, nn.Module]:
    """What is chosen, and the network, where every choice takes the candidate at `index`."""
    found: Found = {}
    building: list[str] = []  # the candidate whose factory is running, if any

    def choose(name: str, candidates: Candidates) -> nn.Module:
        if building:
            raise SpaceError(
                f"choices are made side by side, but {name!r} is made inside {building[0]}; "
                f"declare it outside, and use its module there"
            )
        pairs = checked_pairs(name, candidates)
        names = tuple(candidate for candidate, _ in pairs)
        known, num_places = found.get(name, (names, 0))
        if known != names:
            raise SpaceError(
                f"places that share choice {name!r} have the same candidates, but one has "
                f"{list(known)} and another {list(names)}; give them the same, or another name"
            )
        found[name] = (names, num_places + 1)
        candidate, factory = pairs[index]
        building.append(f"candidate {candidate!r} of choice {name!r}")
        module = build_candidate(name, candidate, factory)
        building.clear()
        return module

    with torch.device("meta"):
        network = replay(choose)
    return found, network
