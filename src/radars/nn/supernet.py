"""`Supernet`: the trainable network of a subspace, or of one path through it.

Shapes: B batch; C candidates of one choice (all of them, live or not); E those of several choices.
"""

import math
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, nullcontext

import torch
from torch import Tensor, nn

from radars.errors import SpaceError
from radars.nn.memory_saving.disk_offload import DiskOffload
from radars.nn.memory_saving.savings import PLAIN, MemorySavings
from radars.nn.memory_saving.selective_checkpointing import selective
from radars.nn.memory_saving.weight_offload import WeightOffload
from radars.nn.mixture import Mixture
from radars.nn.optimizer import OptimizerConfig, load_named_state, named_state
from radars.nn.relaxation import Relaxation, Softmax
from radars.nn.transfer import constant
from radars.space import Architecture, Candidates, Choice, Factory, SearchSpace, Subspace
from radars.space.choose import as_pairs

Weigh = Callable[[Mapping[str, Tensor], Subspace], Mapping[str, Tensor]]
"""Takes the logits of all candidates by choice, and what is live; returns the weights of that."""

_SHELL = "network"  # the offload's key for everything that is not a candidate


class Supernet(nn.Module):
    """A network in which every choice is a mixture of its live candidates.

    Which candidates are live changes (`activate`); their weights are kept in a `WeightOffload` on
    the host or on disk when they are not, and are found there again. `parameters()` are what is on
    the device.

    Attributes:
        relaxation: how mixture weights come from the logits of live candidates.
        weigh: where set, used instead of the relaxation: mixture weights from all logits.

    Args:
        space: the search space.
        subspace: the candidates that are live at first; by default all.
        relaxation: how mixture weights come from the architecture logits.
        optimizer: how weights are trained.
        architecture_optimizer: how logits are trained.
        savings: how mixtures trade time for memory; micro-batches are the steps' affair.
        device: where the live part is.
        seed: of the initial weights.
        disk: on disk, for weights that are not live and that the host has no room for.
        host_bytes: the host's room for weights that are not live.
        share_overlap: whether the candidates of a choice share what their tensors have in common.
    """

    def __init__(
        self,
        space: SearchSpace,
        subspace: Subspace | None = None,
        relaxation: Relaxation | None = None,
        *,
        optimizer: OptimizerConfig | None = None,
        architecture_optimizer: OptimizerConfig | None = None,
        savings: MemorySavings = PLAIN,
        device: torch.device | str = "cpu",
        seed: int = 0,
        disk: DiskOffload | None = None,
        host_bytes: float = math.inf,
        share_overlap: bool = False,
    ) -> None:
        super().__init__()
        self.relaxation = relaxation or Softmax()
        self.weigh: Weigh | None = None
        self._choices = space.choices
        self._together = [rule.choices for rule in space.rules if rule.weighed_together]
        self._places: list[_Place] = []
        self._offload = WeightOffload(
            optimizer or OptimizerConfig(),
            torch.device(device),
            seed,
            disk,
            host_bytes,
            overlap=share_overlap,
        )
        self.network = self._offload.lend(_SHELL, lambda: space.replay(self._choose))
        self.logits = nn.ParameterList(
            torch.zeros(len(choice.candidates), device=device) for choice in self._choices
        )
        self._architecture_optimizer_config = architecture_optimizer or OptimizerConfig(
            name="adamw", learning_rate=3e-3, betas=(0.5, 0.999), weight_decay=0.0
        )
        self.architecture_optimizer = self._architecture_optimizer_config.build(self.logits)
        self.set_savings(savings)
        self._live: Subspace | None = None
        self.activate(subspace or space.full)

    @property
    def live(self) -> Subspace:
        """The candidates that are live."""
        assert self._live is not None
        return self._live

    def activate(self, subspace: Subspace | Architecture) -> None:
        """Makes exactly these candidates live; the others go back to the host.

        Raises:
            SpaceError: the subspace is not one of this space's.
        """
        subspace = subspace.as_subspace() if isinstance(subspace, Architecture) else subspace
        if subspace == self._live:
            return
        full = Subspace({choice.name: choice.candidates for choice in self._choices})
        if not full.holds(subspace):
            raise SpaceError(
                f"a supernet runs subspaces of its own space, but got {subspace!r}; "
                "make it by without() from the full subspace"
            )
        if self._live is None:  # it was released, with all else
            self._offload.lend(_SHELL, lambda: self.network)
        for place in self._places:
            wanted = subspace[place.choice]
            for name in place.mixture.live:
                if name not in wanted:
                    self._offload.take_back(place.key(name))
            place.mixture.live = {
                name: self._offload.lend(place.key(name), factory)
                for name, factory in place.factories.items()
                if name in wanted
            }
        self._live = subspace

    def inherit(self, other: "Supernet") -> None:
        """Copies the weights of what is live here from another supernet of the same space."""
        keys = [place.key(name) for place in self._places for name in place.mixture.live]
        with self._no_candidates(), other._no_candidates():
            self._offload.copy_weights(other._offload, [_SHELL, *keys])

    def release(self) -> None:
        """Moves everything to the host: for while something else is trained on the device."""
        for place in self._places:
            for name in place.mixture.live:
                self._offload.take_back(place.key(name))
            place.mixture.live = {}
        self._offload.move_to_host(_SHELL)
        self._live = None

    def set_savings(self, savings: MemorySavings) -> None:
        """How time is traded for memory from now on."""
        self._is_selective = savings.selective > 0
        for index, place in enumerate(self._places):
            place.mixture.savings = savings.of_mixture(index, len(self._places))

    def forward(self, example_B: Tensor) -> Tensor:
        """Returns what the network returns for a batch of examples (B, ...)."""
        weights: Mapping[str, Tensor]
        if self.weigh is not None:
            weights = self.weigh(dict(self._named_logits()), self.live)
        else:
            weights = self.relaxed()
        try:
            for place in self._places:
                place.mixture.weight_C = weights.get(place.choice)
            with selective() if self._is_selective else nullcontext():
                output = self.network(example_B)
        finally:
            for place in self._places:
                place.mixture.weight_C = None  # or the graph of this step would live on
        assert isinstance(output, Tensor)
        return output

    def weight_parameters(self) -> list[nn.Parameter]:
        """The network weights that are on the device."""
        return list(self.network.parameters())

    def weight_optimizers(self) -> list[torch.optim.Optimizer]:
        """The optimizers of the network weights that are on the device."""
        keys = [_SHELL, *(place.key(name) for place in self._places for name in place.mixture.live)]
        return [self._offload.optimizer(key) for key in keys]

    def drop_gradients(self) -> None:
        """Forgets the gradients of a step that failed."""
        for optimizer in (*self.weight_optimizers(), self.architecture_optimizer):
            optimizer.zero_grad()

    def set_learning_rate(self, learning_rate: float) -> None:
        """Sets the learning rate of all network weights, live or not."""
        self._offload.set_learning_rate(learning_rate)

    @contextmanager
    def frozen_weights(self) -> Iterator[None]:
        """Within, network weights take no gradient, so that nothing is saved for theirs."""
        parameters = [weight for weight in self.weight_parameters() if weight.requires_grad]
        try:
            for parameter in parameters:
                parameter.requires_grad_(False)
            yield
        finally:
            for parameter in parameters:
                parameter.requires_grad_(True)

    def logits_of(self, choice: str) -> dict[str, float]:
        """Candidate name to architecture logit."""
        names = next(known.candidates for known in self._choices if known.name == choice)
        return dict(zip(names, self._named_logits()[choice].tolist(), strict=True))

    def live_logits(self) -> dict[str, Tensor]:
        """Choice to the logits of its live candidates, where more than one is live."""
        return {
            choice.name: self._live_logit(choice, logit_C)
            for choice, logit_C in zip(self._choices, self.logits, strict=True)
            if len(self.live[choice.name]) > 1
        }

    def probabilities(self, subspace: Subspace) -> dict[str, Tensor]:
        """Choice to the probabilities (C,) of these candidates, with a gradient to their logits.

        They are what the relaxation stands for, or the softmax where paths are run (`weigh`).
        """
        relaxation = self.relaxation if self.weigh is None else Softmax()
        probabilities = {}
        for choice, logit_C in zip(self._choices, self.logits, strict=True):
            names = subspace[choice.name]
            index = [choice.candidates.index(name) for name in names]
            if len(names) == 1:  # a logit that decides nothing is left alone
                probabilities[choice.name] = torch.ones(1, device=logit_C.device)
            else:
                index_C = constant(index, logit_C.device)
                probabilities[choice.name] = relaxation.probabilities(logit_C[index_C])
        return probabilities

    def preferences(self, subspace: Subspace) -> dict[str, dict[str, float]]:
        """Choice to candidate of the subspace to its part of the softmax of their logits."""
        known = {choice: self.logits_of(choice) for choice in subspace}
        return {
            choice: dict(
                zip(
                    names,
                    torch.tensor([known[choice][name] for name in names]).softmax(-1).tolist(),
                    strict=True,
                )
            )
            for choice, names in subspace.items()
        }

    def reset_logits(self) -> None:
        """Makes all candidates alike again, and forgets how the logits were moving."""
        with torch.no_grad():
            for logit_C in self.logits:
                logit_C.zero_()
        self.architecture_optimizer.state.clear()
        self._architecture_optimizer_config.make_state(self.architecture_optimizer)

    def set_logits(self, logits: Mapping[str, Mapping[str, float]]) -> None:
        """Sets architecture logits: choice to candidate to value."""
        with torch.no_grad():
            for choice, logit_C in zip(self._choices, self.logits, strict=True):
                values = [logits[choice.name][name] for name in choice.candidates]
                logit_C.copy_(torch.tensor(values))

    def state_dict(self) -> dict[str, Tensor]:  # type: ignore[override]
        """Every weight, buffer, logit and optimizer state, live or not, as flat tensors.

        It replaces that of `nn.Module`, which knows only what is live, and no optimizers.
        """
        with self._no_candidates():
            state = self._offload.state_dict()
        state |= {
            f"logits|{name}": logit_C.detach() for name, logit_C in self._named_logits().items()
        }
        names = {logit_C: name for name, logit_C in self._named_logits().items()}
        optimizer_state = named_state(self.architecture_optimizer, names)
        return state | {
            f"logits_optimizer|{name}": value for name, value in optimizer_state.items()
        }

    def load_state_dict(self, state: Mapping[str, Tensor]) -> None:  # type: ignore[override]
        """Puts back what `state_dict` returned, bit for bit."""
        by_kind: dict[str, dict[str, Tensor]] = {
            "logits": {},
            "logits_optimizer": {},
            "offload": {},
        }
        for name, tensor in state.items():
            kind, _, rest = name.partition("|")
            if kind in ("logits", "logits_optimizer"):
                by_kind[kind][rest] = tensor
            else:
                by_kind["offload"][name] = tensor
        with self._no_candidates():
            self._offload.load_state_dict(by_kind["offload"])
        newest = {
            place.choice: [c for c in place.factories if self._offload.is_newest(place.key(c))]
            for place in self._places
        }
        if any(newest.values()):  # live then: its siblings see what it learned when it leaves
            self.activate(Subspace(newest))
        with torch.no_grad():
            for name, logit_C in self._named_logits().items():
                logit_C.copy_(by_kind["logits"][name])
        load_named_state(
            self.architecture_optimizer, self._named_logits(), by_kind["logits_optimizer"]
        )

    def _named_logits(self) -> dict[str, nn.Parameter]:
        return {
            choice.name: logit_C for choice, logit_C in zip(self._choices, self.logits, strict=True)
        }

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

    def relaxed(self) -> dict[str, Tensor]:
        """The weights that the relaxation makes of the live logits."""
        logits = self.live_logits()
        weights: dict[str, Tensor] = {}
        for choices in self._together:
            parts = {choice: logits.pop(choice) for choice in choices if choice in logits}
            if parts:
                weight_E = self.relaxation(torch.cat(list(parts.values())))
                sizes = [len(logit_C) for logit_C in parts.values()]
                weights |= zip(parts, torch.split(weight_E, sizes), strict=True)
        return weights | {choice: self.relaxation(logit_C) for choice, logit_C in logits.items()}

    def _live_logit(self, choice: Choice, logit_C: Tensor) -> Tensor:
        live = self.live[choice.name]
        if live == choice.candidates:
            return logit_C
        index = [choice.candidates.index(name) for name in live]
        return logit_C[constant(index, logit_C.device)]

    def _choose(self, name: str, candidates: Candidates) -> Mixture:
        index = sum(place.choice == name for place in self._places)
        place = _Place(name, index, dict(as_pairs(candidates)), Mixture())
        self._places.append(place)
        return place.mixture


class _Place:
    """A mixture, and how to build its candidates."""

    def __init__(
        self, choice: str, index: int, factories: dict[str, Factory], mixture: Mixture
    ) -> None:
        self.choice = choice
        self.index = index
        self.factories: dict[str, Callable[[], nn.Module]] = factories
        self.mixture = mixture

    def key(self, candidate: str) -> str:
        """The offload's key of a candidate here."""
        return f"{self.choice}#{self.index}/{candidate}"
