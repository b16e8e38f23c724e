"""`Supernet`: the trainable network of a subspace, or of one path through it.

Shapes: B batch; C candidates of one choice.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from typing import Any, Self, cast

import torch
from torch import Tensor, nn

from radars.errors import SpaceError
from radars.example import Example, call
from radars.nn.architecture_logits import ArchitectureLogits
from radars.nn.memory_saving.disk_offload import DiskOffload
from radars.nn.memory_saving.savings import PLAIN, MemorySavings
from radars.nn.memory_saving.selective_checkpointing import selective
from radars.nn.mixture_weights import mixture_weights, probabilities_of
from radars.nn.modules import all_modules, frozen, parameters_of, set_training
from radars.nn.optimizer import OptimizerConfig
from radars.nn.path_relaxation import PathRelaxation
from radars.nn.path_weights import PathWeights
from radars.nn.relaxation import Relaxation, Softmax
from radars.nn.shared_weights import shared_weights
from radars.space import Architecture, SearchSpace, Subspace

Weigh = Callable[[Mapping[str, Tensor], Subspace], Mapping[str, Tensor]]
"""Takes the logits of all candidates by choice, and what is live; returns the weights of that."""

_OF_LOGITS = ("logits", "logits_optimizer")  # kinds of keys in a state


class Supernet(nn.Module):
    """A network in which every choice is a mixture of its live candidates.

    Which candidates are live changes (`activate`); their weights are kept in a `WeightOffload` on
    the host or on disk when they are not, and are found there again. `parameters()` are what is on
    the device.

    Attributes:
        relaxation: how mixture weights come from the logits of live candidates.
        weigh: where set, used instead of the relaxation: mixture weights from all logits.
        logits: the logits of all candidates, live or not, with their optimizer.
        max_gradient_norm: the norm to which a step scales down larger gradients of the weights.
        savings: how mixtures trade time for memory now.
        device: where the live part is.

    Args:
        space: the search space.
        subspace: the candidates that are live at first; by default all.
        relaxation: how mixture weights come from the architecture logits.
        optimizer: how weights are trained.
        architecture_optimizer: how logits are trained.
        savings: how mixtures trade time for memory; micro-batches are the steps' affair.
        device: where the live part is.
        seed: the seed of the initial weights; None where nobody reads them, as of fake tensors.
        disk: offload to disk, for weights that are not live and that the host has no room for.
        host_bytes: the host's room for weights that are not live.
        share_overlap: whether the candidates of a choice share what their tensors have in common.
        path_relaxation: where the space is not modular: how its choices are relaxed; None where
            single paths are run only.
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
        seed: int | None = 0,
        disk: DiskOffload | None = None,
        host_bytes: float = math.inf,
        share_overlap: bool = False,
        path_relaxation: PathRelaxation | None = None,
    ) -> None:
        super().__init__()
        self.relaxation = relaxation or Softmax()
        self.weigh: Weigh | None = None
        self._space = space
        self._together = [rule.choices for rule in space.rules if rule.weighed_together]
        optimizer = optimizer or OptimizerConfig()
        self.max_gradient_norm = optimizer.max_gradient_norm
        self.device = torch.device(device)
        self._candidates = shared_weights(
            space,
            optimizer,
            self.device,
            seed,
            disk=disk,
            host_bytes=host_bytes,
            overlap=share_overlap,
            path_relaxation=path_relaxation,
        )
        self.network = self._candidates.network
        self.logits = ArchitectureLogits(space.choices, architecture_optimizer, device)
        self.set_savings(savings)
        self.activate(subspace or space.full)

    @property
    def live(self) -> Subspace:
        """The candidates that are live."""
        assert self._candidates.live is not None
        return self._candidates.live

    def activate(self, subspace: Subspace | Architecture) -> None:
        """Makes exactly these candidates live; the others go back to the host.

        Raises:
            SpaceError: the subspace is not one of this space's.
        """
        subspace = subspace.as_subspace()
        if subspace == self._candidates.live:
            return
        _check_own(self._space, subspace)
        self._candidates.activate(subspace)

    @property
    def idle_bytes(self) -> int:
        """What a GPU holds of candidates that are not live."""
        return self._candidates.idle_bytes

    def keep_idle(self, room_bytes: int) -> None:
        """How much of a GPU candidates may hold that are not live; see `WeightOffload.keep`."""
        self._candidates.keep_idle(room_bytes)

    def draw_paths(self, number: int) -> None:
        """Where paths are relaxed over, makes drawn ones live; elsewhere nothing changes.

        They are drawn from the softmax of the logits with the global generator.
        """
        if isinstance(self._candidates, PathWeights):
            preferences = self.logits.preferences(self.live)
            probabilities = {c: list(of_c.values()) for c, of_c in preferences.items()}
            self._candidates.draw(probabilities, number)

    @property
    def drawn_paths(self) -> Sequence[Architecture]:
        """The drawn paths that are live now; none where there is only one, or none are drawn."""
        return self._candidates.drawn_paths

    def hold_largest_paths(self, number: int) -> None:
        """As `draw_paths`, but those that hold the most: their prediction suffices for others."""
        self._candidates.hold_largest(number)

    def inherit(self, other: "Supernet") -> None:
        """Copies the weights of what is live here from another supernet of the same space."""
        self._candidates.inherit(cast("Any", other._candidates))  # of the same kind

    def release(self) -> None:
        """Moves everything to the host: for while something else is trained on the device."""
        self._candidates.release()

    def set_savings(self, savings: MemorySavings) -> None:
        """How time is traded for memory from now on."""
        self.savings = savings
        self._candidates.set_savings(savings)

    def forward(self, example_B: Example) -> Tensor:
        """Returns what the network does for a batch (B, ...), in training also a tuple or dict."""
        weigh = self.weigh
        weights = self.relaxed() if weigh is None else weigh(self.logits.by_choice, self.live)
        with (
            self._candidates.weighted(weights),
            selective() if self.savings.selective > 0 else nullcontext(),
        ):
            output: Tensor = call(self.network, example_B)
        return output

    def train(self, mode: bool = True) -> Self:
        """As `nn.Module.train`."""
        self.set_training(mode)
        return self

    def set_training(self, mode: bool) -> list[nn.Module]:
        """Sets the mode, as `train` does; returns all modules of the network, in order."""
        self.training = self.logits.training = mode
        return set_training(self.network, mode)

    def weight_parameters(self) -> list[nn.Parameter]:
        """The network weights that are on the device."""
        return parameters_of(all_modules(self.network))

    def weight_optimizers(self) -> list[torch.optim.Optimizer]:
        """The optimizers of the network weights that are on the device."""
        return self._candidates.optimizers

    def drop_gradients(self) -> None:
        """Forgets the gradients of a step that failed."""
        for optimizer in (*self.weight_optimizers(), self.logits.optimizer):
            optimizer.zero_grad()

    def set_learning_rate(self, learning_rate: float) -> None:
        """Sets the learning rate of all network weights, live or not."""
        self._candidates.set_learning_rate(learning_rate)

    def frozen_weights(self) -> AbstractContextManager[None]:
        """Within, network weights take no gradient, so that nothing is saved for theirs."""
        return frozen(self.weight_parameters())

    def live_logits(self) -> dict[str, Tensor]:
        """Choice to the logits of its live candidates, where more than one is live."""
        return self.logits.undecided(self.live)

    def relaxed(self) -> dict[str, Tensor]:
        """The weights that the relaxation makes of the live logits."""
        return mixture_weights(self.live_logits(), self.relaxation, self._together)

    def probabilities(self, subspace: Subspace) -> dict[str, Tensor]:
        """Choice to the probabilities (C,) of these candidates, with a gradient to their logits.

        They are what the relaxation stands for, or the softmax where paths are run (`weigh`).
        """
        relaxation = self.relaxation if self.weigh is None else Softmax()
        return probabilities_of(self.logits, relaxation, subspace)

    def state_dict(self) -> dict[str, Tensor]:  # type: ignore[override]
        """All weights, buffers, logits, optimizer states; `nn.Module` knows only what is live."""
        return self._candidates.state_dict() | self.logits.state_dict()

    def load_state_dict(self, state: Mapping[str, Tensor]) -> None:  # type: ignore[override]
        """Puts back what `state_dict` returned, bit for bit."""
        weights = {n: t for n, t in state.items() if n.partition("|")[0] not in _OF_LOGITS}
        live = self._candidates.load_state_dict(weights)
        if live is not None:
            self.activate(live)
        self.logits.load_state_dict(state)


def _check_own(space: SearchSpace, subspace: Subspace) -> None:
    """Checks that a subspace is one of a space: of all its choices, or of those of one path.

    Raises:
        SpaceError: it is neither.
    """
    if space.full.holds(subspace):
        return
    taken = {choice: names[0] for choice, names in subspace.items()}
    is_single = all(len(names) == 1 for names in subspace.values())
    if is_single and space.full.allows(taken) and space.conditions.is_whole(taken):
        return
    raise SpaceError(
        f"a supernet runs subspaces of its own space, but got {subspace!r}; "
        "make it by without() from the full subspace"
    )
