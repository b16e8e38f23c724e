"""`WeightOffload`: the weights of every candidate; those lent are on the device.

The others are on the host, or on disk where the host is short of memory too; or they stay on the
device as long as there is room that nothing else needs, because each copy takes a while.
"""

import math
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping

import torch
from torch import Tensor, nn

from radars.nn.memory_saving.disk_offload import DiskOffload
from radars.nn.memory_saving.longest_idle import LongestIdle
from radars.nn.memory_saving.module_with_optimizer import ModuleWithOptimizer
from radars.nn.optimizer import OptimizerConfig, set_learning_rate
from radars.nn.overlap import Overlap
from radars.seeds import drawn_on_host
from radars.space import built

_HOST = torch.device("cpu")
_NEWEST = "newest"  # in a state: of what is lent, which is newer than what its family shares


class WeightOffload:
    """Modules and their optimizers by key; built when first lent, never thrown away.

    A candidate's initial weights depend on the seed and its key alone, not on when it is built.

    Args:
        optimizer: how the weights are trained; each module has an optimizer of its own, so that
            its state goes where the module goes.
        device: where lent modules are.
        seed: the seed of the initial weights; None where nobody reads them, as of fake tensors.
        disk: where modules go that the host has no room for; None for nowhere.
        host_bytes: the room on the host for modules that are not lent, with their optimizer state.
            What was lent longest ago goes to the disk first.
        overlap: whether modules of one family share what their tensors have in common. Lent at the
            same time they are trained apart; what is taken back last is what the others see.
    """

    def __init__(
        self,
        optimizer: OptimizerConfig,
        device: torch.device,
        seed: int | None,
        disk: DiskOffload | None = None,
        host_bytes: float = math.inf,
        *,
        overlap: bool = False,
    ) -> None:
        self._optimizer_config = optimizer
        self._device = device
        self._seed = seed
        self._disk = disk
        self._modules: dict[str, ModuleWithOptimizer] = {}
        self._held_bytes: dict[str, int] = {}  # of everything that was ever built
        self._idle = LongestIdle(math.inf if disk is None else host_bytes)  # on the host
        self._staying = LongestIdle(0)  # likewise, on the device
        self._unclaimed: dict[str, dict[str, Tensor]] = {}  # loaded, but not built yet
        self._overlaps: defaultdict[str, Overlap] | None = defaultdict(Overlap) if overlap else None
        self._lent: set[str] = set()
        self._newest: set[str] = set()  # loaded as they were lent: what they share is older

    @property
    def staying_bytes(self) -> int:
        """What the device holds of modules that are not lent."""
        return self._staying.held_bytes

    def keep(self, room_bytes: float) -> None:
        """From now on modules that are taken back stay on a GPU that has room for them.

        Not where they share what they have in common: that is put together on the host.

        Args:
            room_bytes: the most that they hold there; the longest idle leave.
        """
        self._staying.room_bytes = room_bytes
        for key in self._staying.leaving():
            self._put_aside(key)

    def lend(self, key: str, factory: Callable[[], nn.Module]) -> nn.Module:
        """Returns the module of `key` on the device, building it if it is new."""
        if self._staying.remove(key):
            self._lent.add(key)
            return self._modules[key].module
        if key not in self._modules:
            with drawn_on_host(self._seed, key):
                module = built(factory)
                self._modules[key] = ModuleWithOptimizer.of(module, self._optimizer_config)
            self._held_bytes[key] = self._modules[key].num_bytes
            if key in self._unclaimed:
                self._modules[key].load_state_dict(self._unclaimed.pop(key))
            elif self._disk is not None and key in self._disk:
                self._modules[key].load_state_dict(self._disk.read(key))
                self._disk.remove(key)
        self._idle.remove(key)
        if key not in self._lent:
            self._lent.add(key)
            if self._overlaps is not None and key not in self._newest:
                self._wait_for_copies()
                self._overlaps[_family(key)].pull(self._modules[key].state_dict().items())
        self._newest.discard(key)
        self._move(key, self._device)
        return self._modules[key].module

    def take_back(self, key: str) -> None:
        """Moves the module of `key` to the host, or to the disk where the host has no room.

        Or it stays; see `keep`.
        """
        self._lent.discard(key)
        self._newest.discard(key)
        if self._overlaps is None and self._device.type == "cuda":
            self._staying.add(key, self._modules[key].device_bytes)
            self.keep(self._staying.room_bytes)
        else:
            self._put_aside(key)

    def move_to_host(self, key: str) -> None:
        """Moves the module of `key` to the host, where it stays."""
        self._move(key, _HOST)

    def optimizer(self, key: str) -> torch.optim.Optimizer:
        """The optimizer of the module of `key`."""
        return self._modules[key].optimizer

    def set_learning_rate(self, learning_rate: float) -> None:
        """Sets the learning rate of every module, built or to be built."""
        self._optimizer_config = self._optimizer_config.model_copy(
            update={"learning_rate": learning_rate}
        )
        for known in self._modules.values():
            set_learning_rate(known.optimizer, learning_rate)

    def is_newest(self, key: str) -> bool:
        """Whether a loaded module was lent then, and is newer than what its family shares."""
        return key in self._newest

    def copy_weights(self, other: "WeightOffload", keys: Iterable[str]) -> None:
        """Copies weights and buffers of modules that are built here; no optimizer state.

        What the other has not built yet was never trained there, and stays as it is here.
        """
        for key in keys:
            module = self._modules[key].module
            weights = other._weights(key)
            if weights is not None:
                module.load_state_dict(weights)
            if other._overlaps is not None and key not in other._lent | other._newest:
                named = ((f"module|{name}", t) for name, t in module.state_dict().items())
                other._overlaps[_family(key)].pull(named)

    def state_dict(self) -> dict[str, Tensor]:
        """All weights, buffers and optimizer states, keyed `module key|kind|name`."""
        self._wait_for_copies()
        state: dict[str, Tensor] = {}
        entries = {key: known.state_dict() for key, known in self._modules.items()}
        entries |= self._unclaimed
        if self._disk is not None:
            entries |= {key: self._disk.read(key) for key in self._disk}
        for key, entry in entries.items():
            state |= {f"{key}|{name}": tensor for name, tensor in entry.items()}
        if self._overlaps is not None:
            for family, overlap in self._overlaps.items():
                state |= {f"{family}|overlap|{name}": t for name, t in overlap.state_dict().items()}
            newest = self._lent | self._newest
            state |= {f"{key}|overlap|{_NEWEST}": torch.tensor(True) for key in sorted(newest)}
        return state

    def load_state_dict(self, state: Mapping[str, Tensor]) -> None:
        """Puts back what `state_dict` returned, also for modules that are not built yet."""
        entries, overlaps, newest = _parted(state)
        for key, entry in entries.items():
            if key in self._modules:
                self._modules[key].load_state_dict(entry)
                continue
            if self._disk is not None:
                self._disk.remove(key)
            self._unclaimed[key] = entry
            self._idle.add(key, sum(tensor.nbytes for tensor in entry.values()))
        self._make_room()
        if self._overlaps is not None:
            self._newest = newest
            self._overlaps.clear()
            for family, known in overlaps.items():
                self._overlaps[family].load_state_dict(known)
            for key in self._lent - newest:
                self._overlaps[_family(key)].pull(self._modules[key].state_dict().items())

    def _put_aside(self, key: str) -> None:
        """Moves a module that is not lent from the device."""
        self.move_to_host(key)
        if self._overlaps is not None:
            self._wait_for_copies()
            self._overlaps[_family(key)].push(self._modules[key].state_dict().items())
        self._idle.add(key, self._held_bytes[key])
        self._make_room()

    def _make_room(self) -> None:
        """Puts on the disk what the host has no room for, the longest idle first."""
        for key in self._idle.leaving():
            assert self._disk is not None
            self._wait_for_copies()
            loaded = self._unclaimed.pop(key, None)
            self._disk.put(key, loaded or self._modules.pop(key).state_dict())

    def _weights(self, key: str) -> dict[str, Tensor] | None:
        if key in self._modules:
            return self._modules[key].module.state_dict()
        entry = self._unclaimed.get(key)
        if self._disk is not None and key in self._disk:
            entry = self._disk.read(key)
        return None if entry is None else _below("module|", entry)

    def _move(self, key: str, device: torch.device) -> None:
        if self._device != _HOST:
            self._modules[key].move(device)

    def _wait_for_copies(self) -> None:
        if self._device.type == "cuda":
            torch.cuda.synchronize(self._device)


def weights_of(key: str, state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """The weights and buffers of a module in what `WeightOffload.state_dict` returned.

    They are those that its family shares, where it was not lent. Empty for what was never built.
    """
    weights = {name: tensor.clone() for name, tensor in _below(f"{key}|module|", state).items()}
    if f"{key}|overlap|{_NEWEST}" not in state:
        overlap = Overlap()
        overlap.load_state_dict(_below(f"{_family(key)}|overlap|", state))
        overlap.pull((f"module|{name}", tensor) for name, tensor in weights.items())
    return weights


def _family(key: str) -> str:
    """What shares weights: the candidates of one place."""
    return key.rpartition("/")[0]


_Entries = dict[str, dict[str, Tensor]]


def _parted(state: Mapping[str, Tensor]) -> tuple[_Entries, _Entries, set[str]]:
    """What a state says of modules, by key; of families; and which modules are the newest."""
    entries: defaultdict[str, dict[str, Tensor]] = defaultdict(dict)
    overlaps: defaultdict[str, dict[str, Tensor]] = defaultdict(dict)
    newest: set[str] = set()
    for name, tensor in state.items():
        key, kind, rest = _split(name)
        if kind != "overlap":
            entries[key][f"{kind}|{rest}"] = tensor
        elif rest == _NEWEST:
            newest.add(key)
        else:
            overlaps[key][rest] = tensor
    return entries, overlaps, newest


def _below(prefix: str, state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """What begins with a prefix, by the rest of its name."""
    return {n.removeprefix(prefix): t for n, t in state.items() if n.startswith(prefix)}


def _split(name: str) -> tuple[str, str, str]:
    for kind in ("overlap", "module", "optimizer"):
        key, separator, rest = name.rpartition(f"|{kind}|")
        if separator:
            return key, kind, rest
    raise KeyError(name)
