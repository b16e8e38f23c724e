"""`SearchSpace`: a network-building function, and every network that it can build.

The function is run with a `choose` argument (define-by-run). Running it to discover the choices,
to build a supernet and to build the final network is the same run with another `choose`, so what
is searched and what is shipped cannot differ.
"""

from collections.abc import Iterable, Mapping
from functools import partial
from typing import Any

import torch
from torch import nn

from radars.errors import SpaceError
from radars.example import InputDtype, InputShape, as_form, as_input_shape, merged
from radars.space.blueprint import building, built
from radars.space.candidate_checks import warn_of_equal
from radars.space.check_architecture import check_architecture
from radars.space.choose import Candidate, Candidates, Choose, Network, offer_of
from radars.space.code_content import is_library_function
from radars.space.conditions import Conditions
from radars.space.flow import Flow, trace_flow
from radars.space.keep import Keep, best_keeping, check_rules, num_keeping
from radars.space.replay import replayed
from radars.space.shapes import Place, check_network, trace_places
from radars.space.subspace import Architecture, Subspace
from radars.space.trace_choices import trace_choices
from radars.space.uniform_draws import UniformDraws


class SearchSpace:
    """All networks that a function of `choose` can build.

    Args:
        network: a function, or an `nn.Module` class, whose one argument is `choose`. It is run
            here on the meta device, where nothing is allocated.
        name: what people call the space; by default the function's name.
        input_shape: the shape of one example, without the batch, or of each input in a tuple or a
            dict; where given, the candidates' output shapes are checked at once.
        rules: how many of some choices take something, which every architecture keeps.
        input_dtype: the dtype of an example, or of each input; int64 for tokens and the like.

    Attributes:
        network: the function.
        name: what people call it.
        input_shape: the shape of one example, where it is known.
        input_dtype: the dtype of an example.
        choices: all choices, in the order in which the function makes them.
        full: every candidate of every choice.
        conditions: which choices are made only where others take something.
        rules: what every architecture keeps.

    Raises:
        ConfigError: `input_shape` is no shape.
        SpaceError: there is no choice; a choice has no candidate or one twice; a factory raises;
            more than one other choice decide whether one is made; candidates of one choice
            disagree in shape; a rule is not about choices of the space, or cannot be kept.
    """

    def __init__(
        self,
        network: Network,
        *,
        name: str | None = None,
        input_shape: InputShape | Mapping[str, tuple[int, ...]] | None = None,
        rules: Iterable[Keep] = (),
        input_dtype: InputDtype | Mapping[str, torch.dtype] = torch.float32,
    ) -> None:
        if not callable(network):
            raise SpaceError(
                f"a search space is a function or a module class that takes `choose`, but got "
                f"{type(network).__name__}; write def net(choose): ..."
            )
        self.name = name or str(getattr(network, "__name__", "space"))
        self.input_shape: Any = None if input_shape is None else as_input_shape(input_shape)
        self.input_dtype = merged(as_form(input_dtype))
        self.network = network
        self._places: dict[InputShape, tuple[Place, ...]] = {}
        self.choices = trace_choices(self.replay, self.name, is_ours=is_library_function(network))
        self.full = Subspace({choice.name: choice.candidates for choice in self.choices})
        self.conditions = Conditions(self.choices)
        self.rules = tuple(rules)
        check_rules(self.rules, self.full, self.conditions)
        self._draws = UniformDraws(self.full, self.conditions, self.rules)
        if self.input_shape is not None:
            self.check_input(self.input_shape)

    def __repr__(self) -> str:
        return (
            f"SearchSpace({self.name!r}, choices={len(self.choices)}, "
            f"architectures={self.num_architectures})"
        )

    @property
    def num_architectures(self) -> int:
        """How many architectures the space holds."""
        return num_keeping(self.rules, self.full, self.conditions)

    @property
    def is_modular(self) -> bool:
        """Whether a network is a fixed part with one candidate at each place.

        It is so where no choice is of values and none is made inside another: costs and memory are
        then sums over the candidates, and a candidate has the same weights in all networks.
        """
        return not self.conditions and not any(choice.is_value for choice in self.choices)

    def with_options(self, **options: object) -> "SearchSpace":
        """The space of the same function with other keyword arguments.

        Raises:
            SpaceError: as for a new space.
        """
        return self._again(partial(self.network, **options), self.input_dtype)

    def taking(self, input_dtype: InputDtype) -> "SearchSpace":
        """The same space for examples of another type; itself where that is its own.

        Raises:
            SpaceError: as for a new space.
        """
        return self if input_dtype == self.input_dtype else self._again(self.network, input_dtype)

    def _again(self, network: Network, input_dtype: InputDtype) -> "SearchSpace":
        name, shape, rules = self.name, self.input_shape, self.rules
        return SearchSpace(
            network, name=name, input_shape=shape, rules=rules, input_dtype=input_dtype
        )

    def build(self, architecture: Mapping[str, Candidate]) -> nn.Module:
        """Builds the network of an architecture: a plain module with nothing of radars in it.

        Raises:
            SpaceError: the architecture is not one of this space's.
        """
        chosen = self.architecture(architecture)

        def choose(name: str, candidates: Candidates) -> Any:
            return offer_of(name, candidates).take(chosen[name])

        return built(lambda: self.replay(choose))

    def replay(self, choose: Choose) -> nn.Module:
        """Runs the network function with any `choose`.

        Raises:
            SpaceError: the function fails or returns something that is not a module.
        """
        return replayed(self.network, choose, self.name)

    def places(self, input_shape: InputShape) -> tuple[Place, ...]:
        """Where the choices stand in the network, and the shapes that go in and out there.

        Traced once for each input shape.

        Raises:
            SpaceError: a candidate cannot take its input, or two of one choice disagree in shape.
        """
        if input_shape not in self._places:
            places = trace_places(self.replay, input_shape, self.input_dtype)
            if not is_library_function(self.network):  # those of ready-made spaces are meant so
                for choice in self.full:
                    warn_of_equal(choice, [p.contents for p in places if p.choice == choice])
            self._places[input_shape] = places
        return self._places[input_shape]

    def check_input(self, input_shape: InputShape) -> None:
        """Checks that networks take examples of this shape.

        Raises:
            SpaceError: a candidate, or a network, cannot take its input, or two candidates of one
                choice disagree in shape.
        """
        if self.is_modular:
            self.places(input_shape)
            return
        for architecture in (self._all_at(0), self._all_at(-1)):
            with building(torch.device("meta")):
                network = self.build(architecture)
                check_network(network, input_shape, str(architecture), self.input_dtype)

    def flow(self, input_shape: InputShape) -> Flow:
        """Which choices feed which, for a diagram of the network."""
        deepest = None
        if not self.is_modular:
            deepest = max((self._all_at(0), self._all_at(-1)), key=len)
        return trace_flow(self.replay, input_shape, deepest, self.input_dtype)

    def made(self, candidate: Mapping[str, Candidate]) -> Architecture:
        """The architecture of candidates for all choices: those whose choices are made."""
        return Architecture(self.conditions.made(candidate))

    def completed(
        self, candidate: Mapping[str, Candidate], generator: torch.Generator
    ) -> Architecture:
        """The architecture of candidates for some choices; others that are made are drawn."""
        return self._draws.completed(candidate, generator)

    def architecture(self, candidate: Mapping[str, Candidate]) -> Architecture:
        """Checks that a mapping is an architecture of this space, and orders it as the space.

        Raises:
            SpaceError: a choice is missing or unknown, or a candidate is; or a rule is broken.
        """
        return check_architecture(candidate, self.name, self.choices, self.conditions, self.rules)

    def best(
        self,
        scores: Mapping[str, Mapping[str, float]] | None = None,
        within: Subspace | None = None,
    ) -> Architecture:
        """The architecture with the largest sum of scores; the first among equals.

        Args:
            scores: choice to candidate to score; what is missing scores 0.
            within: what to choose from; by default everything.

        Raises:
            SpaceError: no architecture in there keeps the rules of the space.
        """
        return best_keeping(self.rules, scores or {}, within or self.full, self.conditions)

    def random_architecture(self, generator: torch.Generator) -> Architecture:
        """Draws an architecture uniformly; with rules, first which choices take something."""
        return self._draws.architecture(generator)

    def _all_at(self, index: int) -> Architecture:
        """The architecture with this candidate of every choice."""
        return self.made({choice.name: choice.candidates[index] for choice in self.choices})
