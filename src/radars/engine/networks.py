"""`Networks`: the supernets of a search, with fresh weights that depend on the seed alone."""

from dataclasses import dataclass

from radars.data import BatchStream
from radars.engine.problem import SearchProblem
from radars.machine import usable_memory_bytes
from radars.memory import path_relaxation
from radars.nn.memory_saving.disk_offload import DiskOffload
from radars.nn.optimizer import OptimizerConfig
from radars.nn.path_relaxation import PathRelaxation
from radars.nn.supernet import Supernet
from radars.seeds import stable_seed
from radars.space import Architecture


@dataclass(frozen=True)
class Networks:
    """Makes supernets and children.

    Attributes:
        problem: what they are for.
        disk: for weights that the host has no room for; None keeps them all in memory.
    """

    problem: SearchProblem
    disk: DiskOffload | None = None

    def new_supernet(self, architecture_optimizer: OptimizerConfig | None = None) -> Supernet:
        """Fresh shared weights.

        Args:
            architecture_optimizer: the optimizer of the logits; by default as `differentiate` says.
        """
        problem, config = self.problem, self.problem.config
        return Supernet(
            problem.proxy,
            problem.planner.smallest_path().as_subspace(),
            config.differentiate.relaxation_at(0.0),
            optimizer=config.optimizer,
            architecture_optimizer=(
                architecture_optimizer or config.differentiate.architecture_optimizer
            ),
            device=problem.device,
            seed=stable_seed(config.seed, "weights"),
            disk=self.disk,
            host_bytes=config.memory_savings.host_bytes or usable_memory_bytes() // 2,
            share_overlap=config.share_overlap,
            path_relaxation=self._path_relaxation(),
        )

    def _path_relaxation(self) -> PathRelaxation | None:
        """How choices are relaxed, where candidates are no parts of networks."""
        planner = self.problem.planner
        if self.problem.proxy.is_modular:
            return None
        return path_relaxation(
            self.problem.proxy, planner.spec.input_shape, planner.spec.batch_size
        )

    def new_child(
        self, architecture: Architecture, *purpose: object, optimizer: OptimizerConfig | None = None
    ) -> Supernet:
        """Fresh weights for one architecture, to be trained alone.

        Args:
            architecture: the only path.
            purpose: what tells these weights from others; the same weights for the same.
            optimizer: how they are trained; by default as `select` says.
        """
        config = self.problem.config
        return Supernet(
            self.problem.proxy,
            architecture.as_subspace(),
            optimizer=optimizer or config.select.optimizer,
            architecture_optimizer=config.differentiate.architecture_optimizer,
            device=self.problem.device,
            seed=stable_seed(config.seed, "child", *purpose),
        )

    def inherited_child(self, architecture: Architecture, supernet: Supernet) -> Supernet:
        """A child that starts from the shared weights of a supernet."""
        child = self.new_child(architecture)
        child.inherit(supernet)
        return child

    def new_child_stream(self) -> BatchStream:
        """The training batches of a child: the same for each."""
        config = self.problem.config
        return self.problem.data.train.batches(
            config.data.batch_size,
            augment=config.data.augment,
            seed=stable_seed(config.seed, "child"),
        )
