"""`PathWeights`: shared weights of a space whose architectures are networks of their own.

What is on the device is the plain network of one path, or of two, and nothing else. Its tensors are
parts of larger ones on the host, of the same names: the first channels, the middle of kernels
(`overlap.py`). They are copied from there when a path becomes live, and back when it leaves.
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager

import torch
from torch import Tensor, nn

from radars._torch_internals import FakeTensor
from radars.nn.live_path import LivePath, make_live
from radars.nn.memory_saving.savings import MemorySavings
from radars.nn.mixture import Mixture
from radars.nn.optimizer import OptimizerConfig, set_learning_rate
from radars.nn.overlap import Overlap
from radars.nn.path_names import kept_as, labelled_network
from radars.nn.path_relaxation import MaskedNetwork, MaskMaker, PathRelaxation
from radars.space import Architecture, SearchSpace, Subspace, building

_HOST = torch.device("cpu")
_STATE = "paths"
_MAX_DRAWS = 20  # of a second path that differs from the first


class PathWeights:
    """See the module. Used as `CandidateWeights` is.

    Args:
        space: the search space.
        optimizer: how weights are trained; its state is shared as they are.
        device: where the live part is.
        seed: the seed of the initial weights; None where nobody reads them, as of fake tensors.
        overlap: whether candidates of one choice, too, share what their tensors have in common.
        relaxation: how choices are relaxed; None where single paths are run only.

    Attributes:
        network: the mixture of the live paths.
        live: the subspace that is live; None where everything is on the host.
    """

    def __init__(
        self,
        space: SearchSpace,
        optimizer: OptimizerConfig,
        device: torch.device,
        seed: int | None,
        *,
        overlap: bool = False,
        relaxation: PathRelaxation | None = None,
    ) -> None:
        self.live: Subspace | None = None
        self.network = Mixture()
        self._space = space
        self._optimizer_config = optimizer
        self._device = device
        self._seed = seed
        self._overlap = overlap
        self._relaxation = relaxation
        self._masks = None if relaxation is None else MaskMaker(space, relaxation)
        self._known = Overlap()
        self._paths: dict[Architecture, LivePath] = {}

    @property
    def optimizers(self) -> list[torch.optim.Optimizer]:
        """Those of what is on the device."""
        return [path.trained.optimizer for path in self._paths.values()]

    @property
    def drawn_paths(self) -> Sequence[Architecture]:
        """Those that are live, of several that might be."""
        is_one = self.live is None or all(len(names) == 1 for names in self.live.values())
        return () if is_one else tuple(self._paths)

    def set_learning_rate(self, learning_rate: float) -> None:
        """Sets the learning rate of all weights, live or not."""
        self._optimizer_config = self._optimizer_config.model_copy(
            update={"learning_rate": learning_rate}
        )
        for optimizer in self.optimizers:
            set_learning_rate(optimizer, learning_rate)

    def activate(self, subspace: Subspace) -> None:
        """Makes a path live; of a subspace, the two paths that hold the most."""
        self.live = subspace
        self._run(self._largest_paths(subspace))

    @property
    def idle_bytes(self) -> int:
        """Nothing: paths have their tensors in common."""
        return 0

    def keep_idle(self, room_bytes: int) -> None:
        """Changes nothing."""

    def draw(self, probabilities: Mapping[str, Sequence[float]], number: int) -> None:
        """Makes other paths of the live subspace live, drawn with the global generator.

        Args:
            probabilities: choice to those of its live candidates.
            number: the number of paths; fewer where there are no two that differ in what is not
                masked.
        """
        assert self.live is not None
        if self._relaxation is None or len(self._largest_paths(self.live)) == 1:
            return
        paths: dict[Architecture, None] = {}
        for _ in range(_MAX_DRAWS):
            taken = {
                choice: names[int(torch.multinomial(torch.tensor(probabilities[choice]), 1))]
                for choice, names in self.live.items()
                if choice not in self._relaxation.masked and len(names) > 1
            }
            paths[self._relaxation.path(self._space, self.live, taken)] = None
            if len(paths) == number:
                break
        self._run(list(paths))

    def hold_largest(self, number: int) -> None:
        """Makes the paths of the live subspace live that hold the most; one or two."""
        assert self.live is not None
        self._run(self._largest_paths(self.live)[:number])

    def release(self) -> None:
        """Moves everything to the host."""
        self._run([])
        self.live = None

    def inherit(self, other: "PathWeights") -> None:
        """Copies the weights of what is live here from others of the same space."""
        other._push()
        for path in self._paths.values():
            named = path.named(other._overlap)
            other._known.pull((n, t) for n, t in named if n.startswith("module|"))

    def set_savings(self, savings: MemorySavings) -> None:
        """How the mixture of paths trades time for memory from now on."""
        self.network.savings = savings.of_mixture(0, 1)

    @contextmanager
    def weighted(self, weights: Mapping[str, Tensor]) -> Iterator[None]:
        """Within, live candidates weigh so: by masks, or as the products of two paths' weights."""
        live = self.live or Subspace({})
        masked = self._relaxation.masked if self._relaxation is not None else frozenset()
        modules = list(self.network.live.values())
        try:
            for module in modules:
                assert isinstance(module, MaskedNetwork)
                module.weights = {c: w for c, w in weights.items() if c in masked}
            if len(self._paths) > 1:
                products = [
                    torch.stack(
                        [
                            weights[choice][live[choice].index(name)]
                            for choice, name in path.items()
                            if choice in weights and choice not in masked
                        ]
                    ).prod()
                    for path in self._paths
                ]
                self.network.weight_C = torch.stack(products) / torch.stack(products).sum()
            yield
        finally:
            self.network.weight_C = None  # masks stay: a backward pass may run the network again

    def state_dict(self) -> dict[str, Tensor]:
        """Every weight, buffer and optimizer state."""
        self._push()
        return {f"{_STATE}|{name}": tensor for name, tensor in self._known.state_dict().items()}

    def load_state_dict(self, state: Mapping[str, Tensor]) -> None:
        """Puts back what `state_dict` returned, bit for bit."""
        self._known.load_state_dict(_without_prefix(state))
        for path in self._paths.values():
            self._known.pull(path.named(self._overlap))

    def _largest_paths(self, subspace: Subspace) -> Sequence[Architecture]:
        if all(len(names) == 1 for names in subspace.values()):
            return [self._space.made({choice: names[0] for choice, names in subspace.items()})]
        if self._relaxation is None:
            raise RuntimeError("a subspace is run where its relaxation is known; activate a path")
        return self._relaxation.largest_paths(self._space, subspace)

    def _run(self, paths: Sequence[Architecture]) -> None:
        """Makes exactly these paths live, at their largest sizes."""
        if list(self._paths) == list(paths) and self.live is not None:
            self._refresh_masks()
            return
        self._push()
        self.network.live = {}
        kept = {path: live for path, live in self._paths.items() if path in paths}
        self._paths = {path: kept.get(path) or self._new(path) for path in paths}
        self._refresh_masks()

    def _refresh_masks(self) -> None:
        """Puts the live paths into the mixture, with the masks of the live subspace."""
        modules: dict[str, nn.Module] = {}
        for index, (architecture, path) in enumerate(self._paths.items()):
            masks = {}
            if self._masks is not None and self.live is not None:
                masks = self._masks.masks(architecture, self.live, self._device)
            modules[str(index)] = MaskedNetwork(path.trained.module, masks)
        self.network.live = modules

    def _push(self) -> None:
        """Keeps what the live paths have learned."""
        for path in self._paths.values():
            for name, tensor in path.named(self._overlap):
                if not isinstance(tensor, FakeTensor):  # of a prediction, which has no values
                    self._known.push([(name, tensor.detach().to(_HOST))])

    def _new(self, architecture: Architecture) -> LivePath:
        return make_live(
            self._space,
            architecture,
            self._known,
            self._optimizer_config,
            self._device,
            seed=self._seed,
            overlap=self._overlap,
        )


def path_tensors(
    space: SearchSpace, architecture: Architecture, state: Mapping[str, Tensor]
) -> dict[str, Tensor]:
    """The weights of an architecture in what `PathWeights.state_dict` returned, by their names.

    Those that no network had when it was trained are left out.
    """
    known = Overlap()
    known.load_state_dict(_without_prefix(state))
    with building(torch.device("meta")):
        network, labels = labelled_network(space, architecture)
    weights: dict[str, Tensor] = {}
    for name, tensor in network.state_dict().items():
        for overlap in (False, True):
            kept = f"module|{kept_as(name, labels, overlap)}"
            if known.knows(kept, tensor):
                weights[name] = torch.empty_like(tensor, device=_HOST)
                known.pull([(kept, weights[name])])
                break
    return weights


def _without_prefix(state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    prefix = f"{_STATE}|"
    return {n.removeprefix(prefix): t for n, t in state.items() if n.startswith(prefix)}
