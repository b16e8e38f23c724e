"""Where the choices of a space stand in its network, and the shapes that go in and out there."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn

from radars.errors import SpaceError, first_line
from radars.example import InputDtype, InputShape, blank, call
from radars.failures import named
from radars.space.blueprint import (
    building,
    built,
    content_of,
    reads_values,
    run_without_values,
)
from radars.space.candidate_checks import (
    BuiltBefore,
    check_keeps_inputs,
    check_state,
    versions_of,
)
from radars.space.choose import Candidates, Choose, Factory, as_pairs, build_candidate
from radars.space.code_content import Content


@dataclass(frozen=True)
class Place:
    """One module of the network that follows a choice.

    Attributes:
        choice: the choice's name.
        factories: candidate name to factory.
        contents: candidate name to what tells it apart (`content_of`), or None where it is unknown.
        input_shapes: the shape of each tensor that the module is called with, for a batch of one.
        output_shape: the shape that every candidate returns, for a batch of one.
    """

    choice: str
    factories: dict[str, Factory]
    contents: dict[str, Content | None]
    input_shapes: tuple[tuple[int, ...], ...]
    output_shape: tuple[int, ...]


class _IsReplacedError(AttributeError):
    """The network reads a setting of a layer whose place a choice took."""


class _ShapeProbe(nn.Module):
    """Runs every candidate on the same input, and compares what they return.

    Those that are as another was at an earlier place, with an input of the same shape, are not run.
    """

    def __init__(
        self,
        choice: str,
        factories: dict[str, Factory],
        known: dict[object, Tensor],
        before: BuiltBefore,
    ) -> None:
        super().__init__()
        self.choice = choice
        self.factories = factories
        self.place: Place | None = None
        self._contents: dict[str, Content | None] = {}
        self._known = known
        self._before = before

    def __getattr__(self, name: str) -> Any:
        try:
            return super().__getattr__(name)
        except AttributeError:
            raise _IsReplacedError(
                f"it reads {name!r} of the module that choose returns for {self.choice!r}"
            ) from None

    def forward(self, *inputs: Tensor) -> Tensor:
        if self.place is not None:
            raise SpaceError(
                f"each module that choose returns is called once, but that of {self.choice!r} is "
                f"called again; call choose again under the same name for the other place"
            )
        shapes = tuple(tuple(tensor.shape) for tensor in inputs)
        if any(not tensor.is_floating_point() for tensor in inputs):
            raise SpaceError(
                f"the candidates of a choice take floats, but those of {self.choice!r} are given "
                f"{inputs[0].dtype}; let them differ behind the embedding, or choose a value, such "
                f"as its width"
            )
        outputs = {name: self._run(name, inputs) for name in self.factories}
        first_name, first = next(iter(outputs.items()))
        for name, output in outputs.items():
            if output.shape != first.shape:
                raise SpaceError(
                    f"the candidates of choice {self.choice!r} return one shape, but for an input "
                    f"of {shapes} {first_name!r} returns {tuple(first.shape)} and {name!r} returns "
                    f"{tuple(output.shape)}; make their outputs alike"
                )
            if output.dtype != first.dtype:
                raise SpaceError(
                    f"the candidates of choice {self.choice!r} return one type of numbers, but "
                    f"{first_name!r} returns {first.dtype} and {name!r} returns {output.dtype}; "
                    f"make their outputs alike"
                )
        output_shape = tuple(first.shape)
        self.place = Place(self.choice, self.factories, self._contents, shapes, output_shape)
        return first

    def _run(self, name: str, inputs: tuple[Tensor, ...]) -> Tensor:
        candidate = self._new(name).eval()
        shapes = [tuple(tensor.shape) for tensor in inputs]
        self._contents[name] = content = content_of(candidate)
        key = (content, *shapes, *(tensor.dtype for tensor in inputs))
        if content is not None and key in self._known:
            return self._known[key]
        if content is not None and content_of(self._new(name)) != content:
            raise SpaceError(
                f"a factory makes the same module each time, but that of candidate {name!r} of "
                f"choice {self.choice!r} made another the second time; draw nothing at random in it"
            )
        versions = versions_of(inputs)
        try:
            with named(f"candidate {name!r} of choice {self.choice!r}"):
                output = candidate(*inputs)
        except (Exception, SystemExit) as error:
            raise SpaceError(
                f"candidate {name!r} of choice {self.choice!r} cannot take an input of {shapes}: "
                f"{first_line(error)}; make it fit what comes before it"
            ) from error
        if not isinstance(output, Tensor):
            raise SpaceError(
                f"a candidate returns one tensor, but {name!r} of choice {self.choice!r} returns "
                f"{type(output).__name__}; wrap it in a module that does"
            )
        check_keeps_inputs(self.choice, name, candidate, inputs, versions)
        self._known[key] = output
        return output

    def _new(self, name: str) -> nn.Module:
        candidate = built(partial(build_candidate, self.choice, name, self.factories[name]))
        self._before.check_candidate(self.choice, name, candidate)
        check_state(f"candidate {name!r} of choice {self.choice!r}", candidate)
        return candidate


def trace_places(
    replay: Callable[[Choose], nn.Module],
    input_shape: InputShape,
    input_dtype: InputDtype = torch.float32,
) -> tuple[Place, ...]:
    """Runs a network once on the meta device, with every candidate of every choice.

    Args:
        replay: builds the network with a given `choose`.
        input_shape: the shape of one example, without the batch.
        input_dtype: the dtype of an example.

    Raises:
        SpaceError: the network or a candidate cannot take its input, the candidates of a choice
            disagree in shape, or the network does not use the module that a choice returned.
    """
    probes: list[_ShapeProbe] = []
    known: dict[object, Tensor] = {}
    before = BuiltBefore()

    def choose(name: str, candidates: Candidates) -> Any:
        probes.append(_ShapeProbe(name, dict(as_pairs(candidates)), known, before))
        return probes[-1]

    def network() -> nn.Module:
        probes.clear()
        return replay(choose)

    def attempt() -> None:
        known.clear()
        _run(built(network), input_shape, input_dtype)

    with building(torch.device("meta")):
        run_without_values(attempt)
    places = [probe.place for probe in probes if probe.place is not None]
    if len(places) < len(probes):
        unused = next(probe.choice for probe in probes if probe.place is None)
        raise SpaceError(
            f"the network calls every module that choose returns, but never that of {unused!r}; "
            f"use it, or remove the choice"
        )
    return tuple(places)


def check_network(
    network: nn.Module, input_shape: InputShape, which: str, dtype: InputDtype
) -> None:
    """Checks that a network takes examples: runs it on the meta device, which is the current one.

    Args:
        network: a network on that device.
        input_shape: the shape of one example, without the batch.
        which: which of the networks of a space it is, for people.
        dtype: the dtype of an example.

    Raises:
        SpaceError: it cannot take the input.
    """
    run_without_values(lambda: _run(network, input_shape, dtype, which))


def _run(network: nn.Module, input_shape: InputShape, dtype: InputDtype, which: str = "") -> None:
    """Runs a network once.

    Raises:
        SpaceError: it cannot take the input.
    """
    try:
        with torch.no_grad():
            call(network.eval(), blank(1, input_shape, dtype))
    except SpaceError:
        raise
    except (Exception, SystemExit) as error:
        remedy = "give another shape, or adapt the network"
        if isinstance(error, _IsReplacedError):
            remedy = "choose the module that reads it instead"
        elif reads_values(error):
            remedy = (
                "what it computes depends on values, which a plan has none of: let it depend on "
                "shapes alone"
            )
        raise SpaceError(
            f"the network {f'of {which} ' if which else ''}cannot take an input of {input_shape}: "
            f"{first_line(error)}; {remedy}"
        ) from error
