"""`Identity`: what a run is about, so that a resumed one refuses anything else.

A name alone does not say it: a file of a space may have changed, and objects that a caller passes
in have no name that another process could find them by.
"""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import torch

from radars.data import Data, data_fingerprint
from radars.errors import ConfigError
from radars.example import InputDtype, InputShape, as_form, as_input_shape, mapped
from radars.nn.task import Task
from radars.space import (
    Candidate,
    Candidates,
    Choose,
    Place,
    SearchSpace,
    building,
    built,
    content_of,
    definition_of,
    fingerprint,
    is_library_function,
    offer_of,
    operations_of,
    user_classes,
)

DIGESTS = ("space", "proxy", "data", "task")


@dataclass(frozen=True)
class Identity:
    """Digests of everything that a configuration only names.

    Attributes:
        space: the digest of the network that is searched for, or trained.
        proxy: the digest of the network that is trained while searching.
        data: the digest of the examples and the labels.
        task: the digest of the loss and the score.
        input_shape: the shape of one example.
        num_classes: the number of classes in the data.
        input_dtype: the dtype of one example.
    """

    space: str
    proxy: str
    data: str
    task: str
    input_shape: InputShape
    num_classes: int
    input_dtype: InputDtype = torch.float32

    @classmethod
    def of(cls, space: SearchSpace, proxy: SearchSpace, data: Data, task: Task) -> "Identity":
        """What these are."""
        own = space_digest(space, data.input_shape)
        return cls(
            space=own,
            proxy=own if proxy is space else space_digest(proxy, data.input_shape),
            data=data_digest(data),
            task=task_digest(task),
            input_shape=data.input_shape,
            num_classes=data.num_classes,
            input_dtype=data.input_dtype,
        )

    def to_dict(self) -> dict[str, Any]:
        """As plain values; what is float32 throughout does not say so."""
        plain = asdict(replace(self, input_dtype=torch.float32))
        del plain["input_dtype"]
        if self.input_dtype == torch.float32:
            return plain
        return plain | {"input_dtype": mapped(_name_of, self.input_dtype)}


def inputs_of_identity(known: Mapping[str, Any]) -> tuple[InputShape, InputDtype]:
    """The shape and the dtype of an example, of what `to_dict` gave.

    Raises:
        ConfigError: they are none.
    """
    dtype = mapped(_dtype_of, as_form(known.get("input_dtype", "float32")))
    return as_input_shape(known["input_shape"]), dtype


def _dtype_of(name: object) -> torch.dtype:
    dtype = getattr(torch, str(name), None)
    if not isinstance(dtype, torch.dtype):
        raise ConfigError(
            f"a run says of which type its examples are, but got {name!r}; restore its files, or "
            f"choose another --out"
        )
    return dtype


def _name_of(dtype: torch.dtype) -> str:
    return str(dtype).removeprefix("torch.")


def check_same(out: Path, known: Mapping[str, Any] | None, digests: Mapping[str, str]) -> None:
    """Refuses to go on with a run that was about something else.

    Args:
        out: its directory.
        known: what it is about; None where it did not come so far as to say so.
        digests: what it is to be about now, as far as that is at hand: some of those of `Identity`.

    Raises:
        ConfigError: something differs.
    """
    if known is None or "config" not in known:  # a checkpoint of the version before is refused
        return
    for name, digest in digests.items():
        if known.get(name) != digest:
            raise ConfigError(
                f"a resumed run continues with the same {name}, but that of {out} was another: "
                f"it has changed since, or another was passed; give the same, or choose "
                f"another --out"
            )


def data_digest(data: Data) -> str:
    """Tells data apart by their content, and by the code of the user's own augmentation."""
    augmentation = data.train.augmentation
    content = data_fingerprint(data)
    return _digest(content, definition_of(augmentation)) if augmentation else content


def task_digest(task: Task) -> str:
    """Tells tasks apart by the code of loss and score."""
    return _digest(definition_of(task.loss), definition_of(task.score))


def network_digest(
    space: SearchSpace, architecture: Mapping[str, Candidate], input_shape: InputShape
) -> str:
    """Tells networks apart that architectures of a space build, as `space_digest` does spaces."""
    with building(torch.device("meta")):
        network = space.build(architecture)
        said = [repr(network), fingerprint(network, input_shape, space.input_dtype)]
    return _digest(*said, *_definitions(space, user_classes(network)))


def space_digest(space: SearchSpace, input_shape: InputShape) -> str:
    """Tells search spaces apart by their choices, and by what each candidate is and does.

    Networks are traced with the first and with the last candidates. Where candidates have no places
    of their own, others are looked at, with the second, the third, and so on. The code of users'
    functions and classes counts, too: a trace does not show how weights begin.

    Args:
        space: the search space.
        input_shape: the shape of one example, without the batch.
    """
    choices = {choice: list(names) for choice, names in space.full.items()}
    said = [json.dumps(choices), *(str(rule) for rule in space.rules)]
    classes: set[type] = set()
    indices = (0, -1) if space.is_modular else tuple(range(max(map(len, choices.values()))))
    with building(torch.device("meta")):
        for index in indices:
            network = built(partial(space.replay, _taking(index)))
            classes |= user_classes(network)
            said += [repr(network), repr(content_of(network))]
            if index in (indices[0], indices[-1]):  # of the others what they are: it is quicker
                said.append(fingerprint(network, input_shape, space.input_dtype))
        known: set[object] = set()
        for place in space.places(input_shape) if space.is_modular else ():
            said += _told_of(place, known, classes)
    return _digest(*said, *_definitions(space, classes))


def _definitions(space: SearchSpace, classes: set[type]) -> list[str]:
    """The code of users' classes, and of the function of a space where it is a user's."""
    said = list(map(definition_of, classes))
    if not is_library_function(space.network):
        said.append(definition_of(space.network))
    return sorted(said)


def _told_of(place: Place, known: set[object], classes: set[type]) -> list[str]:
    """What the candidates at a place are; those with code of users are traced, each once.

    Args:
        place: where they are.
        known: what was traced; added to.
        classes: the classes of users; added to.
    """
    said = []
    for name, factory in place.factories.items():
        content = place.contents[name]
        said.append(f"{place.choice} {name} {place.input_shapes} {content!r}")
        key = content, place.input_shapes
        if content is None or key not in known:
            known.add(key)
            candidate = built(factory)
            own = user_classes(candidate)
            classes |= own
            if own or content_of(candidate) is None:
                said.append(operations_of(candidate, *place.input_shapes))
    return said


def _taking(index: int) -> Choose:
    """Takes the candidate with this index in each choice, counted round and round."""

    def choose(name: str, candidates: Candidates) -> Any:
        offer = offer_of(name, candidates)
        return offer.take(offer.candidates[index % len(offer.candidates)])

    return choose


def _digest(*texts: str) -> str:
    digest = hashlib.sha256()
    for text in texts:
        digest.update(f"{len(text)}:{text}".encode())
    return digest.hexdigest()
