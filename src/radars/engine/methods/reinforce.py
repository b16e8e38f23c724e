"""`reinforce`: RL-based NAS. An LSTM proposes architectures; each is trained from scratch.

Zoph and Le 2017, "Neural Architecture Search with Reinforcement Learning", in the form that is used
since: moving baseline, entropy bonus, no network trained twice, hopeless children stopped early.
"""

from collections.abc import Mapping
from typing import Any

from torch import Tensor

from radars.engine.methods.child_method import ChildMethod
from radars.engine.policies.categorical import Sample
from radars.engine.policies.lstm import LSTMController
from radars.engine.search_setup import SearchSetup
from radars.engine.search_state import named, of_part
from radars.engine.workbench import Workbench
from radars.nn.memory_saving.disk_offload import DiskOffload
from radars.seeds import stable_seed
from radars.space import Architecture


class Reinforce(ChildMethod):
    """See the module."""

    def __init__(
        self, setup: SearchSetup, bench: Workbench, disk: DiskOffload | None = None
    ) -> None:
        super().__init__(setup, bench, disk)
        self.controller = LSTMController(
            setup.proxy.full,
            self.config.reinforce.controller,
            stable_seed(self.config.seed, "controller"),
        )
        self._samples: list[Sample] = []

    def propose(self) -> list[Architecture]:
        """A batch of draws from the policy."""
        number = self.config.reinforce.batch
        self._samples = [self.bench.draw(self.controller) for _ in range(number)]
        return [sample.architecture for sample in self._samples]

    def learn(self, accuracies: list[float]) -> None:
        """Updates the policy with validation accuracies, and soft targets, as rewards."""
        rewards = [
            self.bench.reward(sample.architecture, accuracy)
            for sample, accuracy in zip(self._samples, accuracies, strict=True)
        ]
        self.controller.reinforce(self._samples, rewards)

    def tensors(self) -> dict[str, Tensor]:
        """See `Method`."""
        return super().tensors() | named("controller", self.controller.tensors())

    def values(self) -> dict[str, Any]:
        """See `Method`."""
        allowed = [
            {choice: list(names) for choice, names in sample.allowed.items()}
            for sample in self._samples
        ]
        return super().values() | {"allowed": allowed}

    def load(self, tensors: Mapping[str, Tensor], values: Mapping[str, Any]) -> None:
        """See `Method`."""
        super().load(tensors, values)
        self.controller.load_tensors(of_part("controller", tensors))
        self._samples = [
            Sample(architecture, {choice: tuple(names) for choice, names in known.items()})
            for architecture, known in zip(self.proposed, values["allowed"], strict=False)
        ]

    def scalars(self) -> dict[str, float]:
        """See `Method`."""
        return {"entropy": self.controller.entropy()}
