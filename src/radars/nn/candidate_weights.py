"""`CandidateWeights`: the mixtures of a supernet, and what they have on the device."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from radars.nn.memory_saving.savings import MemorySavings
from radars.nn.memory_saving.weight_offload import WeightOffload, weights_of
from radars.nn.mixture import Mixture
from radars.space import Architecture, Candidates, Factory, SearchSpace, Subspace, building, built
from radars.space.choose import as_pairs

_FIXED = "network"  # the offload's key of everything that is not a candidate


class CandidateWeights:
    """The network of a space with a mixture at each place; candidates are lent to it and come back.

    Args:
        space: the search space.
        offload: where weights are that are not live; each candidate of each place has a key there,
            and so has the fixed part of the network.

    Attributes:
        network: the fixed part, with the mixtures.
        live: which candidates the mixtures have; None where everything is on the host.
    """

    def __init__(self, space: SearchSpace, offload: WeightOffload) -> None:
        self.live: Subspace | None = None
        self._offload = offload
        self._places: list[_MixturePlace] = []
        self.network = offload.lend(_FIXED, lambda: self._replayed(space))

    def _replayed(self, space: SearchSpace) -> nn.Module:
        self._places.clear()
        return space.replay(self._choose)

    @property
    def optimizers(self) -> list[torch.optim.Optimizer]:
        """Those of what is on the device."""
        return [self._offload.optimizer(key) for key in self.keys]

    def set_learning_rate(self, learning_rate: float) -> None:
        """Sets the learning rate of all weights, live or not."""
        self._offload.set_learning_rate(learning_rate)

    @property
    def idle_bytes(self) -> int:
        """What the device holds of candidates that are not live."""
        return self._offload.staying_bytes

    def keep_idle(self, room_bytes: int) -> None:
        """How much of the device candidates may hold that are not live; see `WeightOffload`."""
        self._offload.keep(room_bytes)

    @property
    def keys(self) -> list[str]:
        """The offload's keys of what is on the device, the fixed part first."""
        return [_FIXED, *(key for place in self._places for key in place.live_keys)]

    def activate(self, subspace: Subspace) -> None:
        """Makes exactly these candidates live; the others go back to the host."""
        if self.live is None:  # it was released, with all else
            self._offload.lend(_FIXED, lambda: self.network)
        for place in self._places:
            wanted = subspace[place.choice]
            live = place.mixture.live
            if [name for name in place.factories if name in wanted] == list(live):
                continue
            for name in live:
                if name not in wanted:
                    self._offload.take_back(place.key(name))
            place.mixture.live = {
                name: self._offload.lend(place.key(name), factory)
                for name, factory in place.factories.items()
                if name in wanted
            }
        self.live = subspace

    def release(self) -> None:
        """Moves everything to the host."""
        for place in self._places:
            for key in place.live_keys:
                self._offload.take_back(key)
            place.mixture.live = {}
        self._offload.keep(0)
        self._offload.move_to_host(_FIXED)
        self.live = None

    @property
    def drawn_paths(self) -> tuple[Architecture, ...]:
        """None: a mixture runs all live candidates."""
        return ()

    def hold_largest(self, number: int) -> None:
        """Changes nothing: no paths are drawn."""

    def inherit(self, other: "CandidateWeights") -> None:
        """Copies the weights of what is live here from others of the same space."""
        keys = self.keys
        with self._no_candidates(), other._no_candidates():
            self._offload.copy_weights(other._offload, keys)

    def set_savings(self, savings: MemorySavings) -> None:
        """How mixtures trade time for memory from now on."""
        for index, place in enumerate(self._places):
            place.mixture.savings = savings.of_mixture(index, len(self._places))

    @contextmanager
    def weighted(self, weights: Mapping[str, Tensor]) -> Iterator[None]:
        """Within, the mixtures of each choice weigh their candidates so."""
        try:
            for place in self._places:
                place.mixture.weight_C = weights.get(place.choice)
            yield
        finally:
            for place in self._places:
                place.mixture.weight_C = None  # or the graph of this step would live on

    def state_dict(self) -> dict[str, Tensor]:
        """Every weight, buffer and optimizer state, live or not."""
        with self._no_candidates():
            return self._offload.state_dict()

    def load_state_dict(self, state: Mapping[str, Tensor]) -> Subspace | None:
        """Puts back what `state_dict` returned, bit for bit.

        Returns:
            What was live then, if it has to be again: its siblings see what it learned when it
            leaves.
        """
        with self._no_candidates():
            self._offload.load_state_dict(state)
        newest = {
            place.choice: [c for c in place.factories if self._offload.is_newest(place.key(c))]
            for place in self._places
        }
        return Subspace(newest) if any(newest.values()) else None

    @contextmanager
    def _no_candidates(self) -> Iterator[None]:
        """Within, the network is its fixed part alone: candidates have entries of their own."""
        live = [place.mixture.live for place in self._places]
        try:
            for place in self._places:
                place.mixture.live = {}
            yield
        finally:
            for place, candidates in zip(self._places, live, strict=True):
                place.mixture.live = candidates

    def _choose(self, name: str, candidates: Candidates) -> Any:
        index = sum(place.choice == name for place in self._places)
        place = _MixturePlace(name, index, dict(as_pairs(candidates)), Mixture(name))
        self._places.append(place)
        return place.mixture


@dataclass(frozen=True)
class _MixturePlace:
    """A mixture, and how to build its candidates."""

    choice: str
    index: int
    factories: Mapping[str, Factory]
    mixture: Mixture

    def key(self, candidate: str) -> str:
        """The offload's key of a candidate here."""
        return _key(self.choice, self.index, candidate)

    @property
    def live_keys(self) -> list[str]:
        """The offload's keys of what is live here."""
        return [self.key(candidate) for candidate in self.mixture.live]


def _key(choice: str, index: int, candidate: str) -> str:
    return f"{choice}#{index}/{candidate}"


def candidate_tensors(
    space: SearchSpace, architecture: Architecture, state: Mapping[str, Tensor]
) -> dict[str, Tensor]:
    """The weights of an architecture in what `CandidateWeights.state_dict` returned.

    They are named as in its network. A candidate that was never live has none.
    """
    weights: dict[str, Tensor] = {}
    for place, key in {"": _FIXED, **_keys_in_network(space, architecture)}.items():
        weights |= {f"{place}{name}": t for name, t in weights_of(key, state).items()}
    return weights


def _keys_in_network(space: SearchSpace, architecture: Architecture) -> dict[str, str]:
    """The prefix of each candidate's names in the network, and its key in an offload."""
    keys: dict[nn.Module, str] = {}
    counts = dict.fromkeys(architecture, 0)

    def choose(name: str, candidates: Candidates) -> Any:
        module = dict(as_pairs(candidates))[architecture[name]]()
        keys[module] = _key(name, counts[name], architecture[name])
        counts[name] += 1
        return module

    def attempt() -> nn.Module:
        keys.clear()
        counts.update(dict.fromkeys(counts, 0))
        return space.replay(choose)

    with building(torch.device("meta")):
        network = built(attempt)
    names = {f"{name}.": module for name, module in network.named_modules()}
    return {name: keys[module] for name, module in names.items() if module in keys}
