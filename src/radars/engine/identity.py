"""`Identity`: what a search is about, so that a resumed one refuses anything else.

A name alone does not say it: a file of a space may have changed, and objects that a caller passes
in have no name that another process could find them by.
"""

import hashlib
import inspect
import json
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import torch

from radars.data import Data, data_fingerprint
from radars.errors import ConfigError
from radars.nn.task import Task
from radars.runs.directory import read_object
from radars.space import (
    Candidates,
    Choose,
    SearchSpace,
    building,
    built,
    fingerprint,
    offer_of,
)

IDENTITY_NAME = "identity.json"


@dataclass(frozen=True)
class Identity:
    """Digests of everything that a configuration only names.

    Attributes:
        space: of the network that is searched for.
        proxy: of the one that is trained while searching.
        data: of the examples and the labels.
        task: of the loss and the score.
    """

    space: str
    proxy: str
    data: str
    task: str

    @classmethod
    def of(cls, space: SearchSpace, proxy: SearchSpace, data: Data, task: Task) -> "Identity":
        """What these are."""
        own = space_digest(space, data.input_shape)
        return cls(
            space=own,
            proxy=own if proxy is space else space_digest(proxy, data.input_shape),
            data=data_fingerprint(data),
            task=_digest(_source(task.loss), _source(task.score)),
        )

    def check_same_as_in(self, out: Path) -> None:
        """Refuses to go on with a run that was about something else.

        Args:
            out: its directory.

        Raises:
            ConfigError: something differs, or it is not known what the run is about.
        """
        known = read_object(out / IDENTITY_NAME) or {}
        for name, digest in vars(self).items():
            if known.get(name) != digest:
                raise ConfigError(
                    f"a resumed run goes on with the same {name}, but that of {out} was another: "
                    f"it has changed since, or another was passed; give the same, or choose "
                    f"another --out"
                )


def space_digest(space: SearchSpace, input_shape: tuple[int, ...]) -> str:
    """Tells search spaces apart by their choices and by the networks of all candidates.

    Args:
        space: the search space.
        input_shape: of one example, without the batch.
    """
    choices = {choice: list(names) for choice, names in space.full.items()}
    said = [json.dumps(choices), *(str(rule) for rule in space.rules)]
    num_networks = max(map(len, choices.values()))
    for index in range(num_networks):
        with building(torch.device("meta")):
            network = built(partial(space.replay, _taking(index)))
            said.append(repr(network))
            said.append(str([tuple(parameter.shape) for parameter in network.parameters()]))
            if index in (0, num_networks - 1):  # of the others the modules alone: it is quicker
                said.append(fingerprint(network, input_shape))
    return _digest(*said)


def _taking(index: int) -> Choose:
    """Takes the candidate with this index in each choice, counted round and round."""

    def choose(name: str, candidates: Candidates) -> Any:
        offer = offer_of(name, candidates)
        return offer.take(offer.candidates[index % len(offer.candidates)])

    return choose


def _source(function: Callable[..., object]) -> str:
    """What a function does, as far as its source says so; else its name."""
    try:
        return inspect.getsource(function)
    except (OSError, TypeError):
        return f"{getattr(function, '__module__', '')}.{getattr(function, '__qualname__', '')}"


def _digest(*texts: str) -> str:
    digest = hashlib.sha256()
    for text in texts:
        digest.update(f"{len(text)}:{text}".encode())
    return digest.hexdigest()
