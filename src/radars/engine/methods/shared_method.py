"""`SharedMethod`: what the methods share whose architectures share the weights of a supernet."""

from collections.abc import Mapping
from typing import Any

from torch import Tensor

from radars.engine.methods.method import Method
from radars.engine.phases.explore import explore
from radars.engine.policies.categorical import Policy
from radars.engine.search_observer import Observer
from radars.engine.search_setup import SearchSetup
from radars.engine.search_state import named, of_part
from radars.engine.workbench import Workbench
from radars.nn.memory_saving.disk_offload import DiskOffload
from radars.nn.optimizer import OptimizerConfig
from radars.schedules import cosine
from radars.seeds import stable_seed
from radars.space import Architecture


class SharedMethod(Method):
    """Has a supernet.

    Attributes:
        supernet: the shared weights, and the architecture logits.
    """

    def __init__(
        self, setup: SearchSetup, bench: Workbench, disk: DiskOffload | None = None
    ) -> None:
        super().__init__(setup, bench, disk)
        self.supernet = setup.new_supernet(disk, self.architecture_optimizer())

    def architecture_optimizer(self) -> OptimizerConfig:
        """What trains the architecture logits, where the method has some."""
        return self.config.differentiate.architecture_optimizer

    def train_paths(
        self, observer: Observer, phase: str, policy: Policy, *, warmup_fraction: float = 0.0
    ) -> None:
        """Trains the shared weights on single paths, as `explore` says, and rewards the policy.

        Args:
            observer: told of every step.
            phase: the name of the phase; it begins where it has not begun yet.
            policy: draws the paths.
            warmup_fraction: of the steps, those at first that draw uniformly.
        """
        config = self.config.explore
        observer.state.begin(phase)
        with observer.phase(phase, config.steps) as tick:
            explore(
                self.bench,
                self.supernet,
                policy,
                config,
                start=observer.state.step,
                seed=stable_seed(self.config.seed, phase),
                num_uniform=round(warmup_fraction * config.steps),
                learning_rate_at=lambda step: (
                    self.config.optimizer.learning_rate * cosine(step / config.steps)
                ),
                tick=tick,
            )

    def shared_accuracy(self, architecture: Architecture) -> float:
        """The accuracy of a path with the shared weights on the whole validation part."""
        return self.bench.accuracy(self.supernet, architecture, self.config.data.batch_size)

    def tensors(self) -> dict[str, Tensor]:
        """See `Method`."""
        return named("supernet", self.supernet.state_dict())

    def values(self) -> dict[str, Any]:
        """See `Method`."""
        return {}

    def load(self, tensors: Mapping[str, Tensor], values: Mapping[str, Any]) -> None:
        """See `Method`."""
        self.supernet.load_state_dict(of_part("supernet", tensors))
