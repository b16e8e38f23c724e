"""`SearchSpace`: a network-building function, and every network that it can build.

The function is run with a `choose` argument (define-by-run). Running it to discover the choices,
to build a supernet and to build the final network is the same run with another `choose`, so what
is searched and what is shipped cannot differ.
"""

from collections.abc import Iterable, Mapping
from functools import cached_property, partial
from typing import Any

import torch
from torch import nn

from radars.errors import SpaceError, first_line, raised_at
from radars.space.blueprint import building, built
from radars.space.candidate_checks import warn_of_equal
from radars.space.choose import Candidate, Candidates, Choose, Network, offer_of
from radars.space.code_content import is_library_function
from radars.space.conditions import Conditions, drawn_index
from radars.space.flow import Flow, trace_flow
from radars.space.keep import Keep, best_keeping, check_rules, num_keeping
from radars.space.shapes import Place, run_network, trace_places
from radars.space.subspace import Architecture, Subspace
from radars.space.trace_choices import trace_choices


class SearchSpace:
    """All networks that a function of `choose` can build.

    Args:
        network: a function, or an `nn.Module` class, whose one argument is `choose`. It is run
            here on the meta device, where nothing is allocated.
        name: what people call the space; by default the function's name.
        input_shape: the shape of one example, without the batch; where given, the candidates'
            output shapes are checked at once.
        rules: how many of some choices take something, which every architecture keeps.
        input_dtype: of an example; int64 for the numbers of tokens and the like.

    Attributes:
        network: the function.
        name: what people call it.
        input_shape: the shape of one example, where it is known.
        input_dtype: of an example.
        choices: in the order in which the function makes them.
        full: every candidate of every choice.
        conditions: which choices are made only where others take something.
        rules: what every architecture keeps.

    Raises:
        SpaceError: there is no choice; a choice has no candidate or one twice; a factory raises;
            more than one other choice decide whether one is made; candidates of one choice
            disagree in shape; a rule is not about choices of the space, or cannot be kept.
    """

    def __init__(
        self,
        network: Network,
        *,
        name: str | None = None,
        input_shape: tuple[int, ...] | None = None,
        rules: Iterable[Keep] = (),
        input_dtype: torch.dtype = torch.float32,
    ) -> None:
        if not callable(network):
            raise SpaceError(
                f"a search space is a function or a module class that takes `choose`, but got "
                f"{type(network).__name__}; write def net(choose): ..."
            )
        self.name = name or str(getattr(network, "__name__", "space"))
        self.input_shape = input_shape
        self.input_dtype = input_dtype
        self.network = network
        self._places: dict[tuple[int, ...], tuple[Place, ...]] = {}
        self.choices = trace_choices(self.replay, self.name, warns=not is_library_function(network))
        self.full = Subspace({choice.name: choice.candidates for choice in self.choices})
        self.conditions = Conditions(self.choices)
        self.rules = tuple(rules)
        check_rules(self.rules, self.full, self.conditions)
        if input_shape is not None:
            self.check_input(input_shape)

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

    def taking(self, input_dtype: torch.dtype) -> "SearchSpace":
        """The same space for examples of another type; itself where that is its own.

        Raises:
            SpaceError: as for a new space.
        """
        return self if input_dtype == self.input_dtype else self._again(self.network, input_dtype)

    def _again(self, network: Network, input_dtype: torch.dtype) -> "SearchSpace":
        return SearchSpace(
            network,
            name=self.name,
            input_shape=self.input_shape,
            rules=self.rules,
            input_dtype=input_dtype,
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
        try:
            network = self.network(choose)
        except SpaceError:
            raise
        except (Exception, SystemExit) as error:
            raise SpaceError(
                f"the network function of {self.name!r} raised {type(error).__name__}: "
                f"{first_line(error)}{raised_at(error)}; it is run for each architecture anew, and "
                f"must build all of them"
            ) from error
        if not isinstance(network, nn.Module):
            raise SpaceError(
                f"the network function of {self.name!r} returns an nn.Module, but returned "
                f"{type(network).__name__}; end it with the module"
            )
        return network

    def places(self, input_shape: tuple[int, ...]) -> tuple[Place, ...]:
        """Where the choices stand in the network, and the shapes that go in and out there.

        Traced once for each input shape.

        Raises:
            SpaceError: a candidate cannot take its input, or two of one choice disagree in shape.
        """
        if input_shape not in self._places:
            places = trace_places(self.replay, input_shape, self.input_dtype)
            if not is_library_function(self.network):  # those of ready-made spaces are meant so
                for choice in self.full:
                    warn_of_equal(
                        choice, [each.contents for each in places if each.choice == choice]
                    )
            self._places[input_shape] = places
        return self._places[input_shape]

    def check_input(self, input_shape: tuple[int, ...]) -> None:
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
                run_network(
                    self.build(architecture), input_shape, str(architecture), self.input_dtype
                )

    def flow(self, input_shape: tuple[int, ...]) -> Flow:
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
        taken: dict[str, Candidate] = {}
        for choice in self.choices:
            if self.conditions.is_made(choice.name, taken):
                if choice.name in candidate:
                    taken[choice.name] = candidate[choice.name]
                else:
                    taken[choice.name] = self._drawn(choice.name, choice.candidates, generator)
        return Architecture(taken)

    def architecture(self, candidate: Mapping[str, Candidate]) -> Architecture:
        """Checks that a mapping is an architecture of this space, and orders it as the space.

        Raises:
            SpaceError: a choice is missing or unknown, or a candidate is; or a rule is broken.
        """
        candidate = Architecture(candidate)
        known = self.conditions.made(candidate)
        made = [each for each in self.choices if self.conditions.is_made(each.name, known)]
        missing = [choice.name for choice in made if choice.name not in candidate]
        unknown = [name for name in candidate if name not in {choice.name for choice in made}]
        if missing or unknown:
            number = f"each of its {len(self.choices)} choices"
            raise SpaceError(
                f"an architecture of {self.name!r} names "
                f"{'each choice that it makes' if self.conditions else number} "
                f"once; missing: {missing or 'none'}, unknown: {unknown or 'none'}"
            )
        for choice in made:
            if candidate[choice.name] not in choice.candidates:
                raise SpaceError(
                    f"choice {choice.name!r} of {self.name!r} has the candidates "
                    f"{list(choice.candidates)}, but got {candidate[choice.name]!r}; "
                    "give one of these"
                )
        for rule in self.rules:
            if not rule.allows(candidate):
                taken = {choice: candidate[choice] for choice in rule.choices}
                raise SpaceError(
                    f"exactly {rule.number} of {len(rule.choices)} choices of {self.name!r} take "
                    f"something other than {rule.nothing!r}, but got {taken}; change one"
                )
        return Architecture({choice.name: candidate[choice.name] for choice in made})

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
        allowed = dict(self.full)
        taken: dict[str, Candidate] = {}
        for rule in self.rules:
            kept = [choice for choice in rule.choices if rule.nothing not in self.full[choice]]
            either = [c for c in rule.choices if c not in kept and len(self.full[c]) > 1]
            order = torch.randperm(len(either), generator=generator).tolist()
            kept += [either[index] for index in order[: rule.number - len(kept)]]
            for choice in rule.choices:
                allowed[choice] = tuple(
                    name for name in self.full[choice] if (name != rule.nothing) == (choice in kept)
                )
        for name, names in allowed.items():
            if self.conditions.is_made(name, taken):
                taken[name] = self._drawn(name, names, generator)
        return Architecture(taken)

    def _all_at(self, index: int) -> Architecture:
        """The architecture with this candidate of every choice."""
        return self.made({choice.name: choice.candidates[index] for choice in self.choices})

    def _drawn(
        self, choice: str, names: tuple[Candidate, ...], generator: torch.Generator
    ) -> Candidate:
        """One of some candidates, as likely as there are architectures with it."""
        if not self.conditions:
            return names[int(torch.randint(len(names), (), generator=generator))]
        numbers = self._numbers[choice]
        return names[drawn_index([numbers[name] for name in names], generator)]

    @cached_property
    def _numbers(self) -> dict[str, dict[Candidate, int]]:
        return self.conditions.numbers(self.full)
