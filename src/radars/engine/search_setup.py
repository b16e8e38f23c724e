"""From a configuration to everything that a search works with, checked before anything starts."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import torch

from radars.cost import CostTable, Feasible, LatencyRow, Objectives
from radars.data import BatchStream, Data, load_data
from radars.engine.evaluations import Evaluations
from radars.engine.memory_meter import MemoryMeter
from radars.engine.policies.categorical import Controller
from radars.engine.pricing import priced
from radars.engine.recipe import check_data
from radars.engine.search_config import SearchConfig
from radars.engine.workbench import Workbench
from radars.errors import ConfigError
from radars.execution.device import device_of, device_type_of
from radars.machine import usable_memory_bytes
from radars.memory import Planner, PriceCache, TrainingSpec, saving_settings
from radars.nn.memory_saving.disk_offload import DiskOffload
from radars.nn.optimizer import OptimizerConfig
from radars.nn.supernet import Supernet
from radars.nn.task import CLASSIFICATION, Task
from radars.runs.skipped import SkippedSteps
from radars.seeds import stable_seed
from radars.space import Architecture, SearchSpace, check_output
from radars.zoo import accepted_options, load_space, partial_channels


@dataclass(frozen=True)
class SearchSetup:
    """What a search needs, made from its configuration.

    Attributes:
        config: the configuration.
        space: the network that is searched for; costs are about it.
        proxy: the network that is trained while searching; often a narrower one.
        data: the splits.
        costs: what each candidate of `space` costs.
        feasible: the architectures that satisfy the constraints.
        objectives: the soft targets.
        latencies: of this machine, where a cost was measured.
        planner: of the proxy's memory.
        task: what is minimised, and what architectures are scored by.
    """

    config: SearchConfig
    space: SearchSpace
    proxy: SearchSpace
    data: Data
    costs: CostTable
    feasible: Feasible
    objectives: Objectives
    latencies: tuple[LatencyRow, ...] | None
    planner: Planner
    task: Task = CLASSIFICATION

    @classmethod
    def of(
        cls,
        config: SearchConfig,
        *,
        space: SearchSpace | None = None,
        proxy: SearchSpace | None = None,
        data: Data | None = None,
        task: Task = CLASSIFICATION,
        latencies: Sequence[LatencyRow] | None = None,
    ) -> "SearchSetup":
        """Loads and checks everything that can be wrong before a search.

        Args:
            config: the configuration.
            space: used instead of the one that the configuration names.
            proxy: used instead of the one that the configuration describes.
            data: used instead of those that the configuration names.
            task: the loss and the score; classification where nothing else is said.
            latencies: of this machine, used instead of measuring them.

        Raises:
            ConfigError: a setting does not fit the others.
            SpaceError: the space is not well formed.
            DataError: the data cannot be used.
            BudgetError: the budget is too small for any architecture.
        """
        if data is None:
            check_data(config.space, config.data)
            data = load_data(config.data, config.seed)
        if space is not None and (config.space_options or config.proxy_options):
            raise ConfigError(
                "space_options and proxy_options are of the space that the configuration names, "
                "but an object is given instead; make it with them, and the proxy too"
            )
        if space is None:
            suggested = accepted_options(
                config.space,
                {"num_classes": data.num_classes, "in_channels": data.input_shape[0]},
            )
            options = suggested | dict(config.space_options)
            space = load_space(config.space, **options)
            if proxy is None and config.proxy_options:
                proxy = load_space(config.space, **options | dict(config.proxy_options))
        for split in (data.train, data.validation):
            split.batches(config.data.batch_size, augment=False, seed=0)  # checks the batch size
            task.check(split.label_N, data.num_classes)
        proxy = proxy or space
        if proxy.choices != space.choices:
            raise ConfigError(
                "the proxy makes the same choices as the space, but proxy_options change them; "
                "use options that change sizes only, such as width"
            )
        first = space.best()
        for searched in (space, proxy):
            with torch.device("meta"):
                network = searched.build(first)
            check_output(network, searched.name, data.input_shape, data.num_classes)
        if config.method == "pcdarts":
            proxy = partial_channels(proxy, config.dnas.partial_channels)
        costs = priced(
            space,
            data.input_shape,
            config.asked_costs,
            config.costs,
            device=str(device_of(config.device)),
            measured=latencies,
        )
        feasible = Feasible(costs.table, config.constraints, space.full, space.rules)
        objectives = Objectives(costs.table, config.objectives)
        planner = new_planner(proxy, config, data.input_shape, task)
        planner.plan_path(planner.smallest_path())
        planner.plan_path(_least_memory(planner, feasible))
        return cls(
            config=config,
            space=space,
            proxy=proxy,
            data=data,
            costs=costs.table,
            feasible=feasible,
            objectives=objectives,
            latencies=costs.measured,
            planner=planner,
            task=task,
        )

    @cached_property
    def device(self) -> torch.device:
        """Where steps run."""
        return device_of(self.config.device)

    def workbench(self) -> Workbench:
        """What the phases work with, at its start."""
        batch_size, seed = self.config.data.batch_size, self.config.seed
        return Workbench(
            space=self.proxy,
            feasible=self.feasible,
            objectives=self.objectives,
            evaluations=Evaluations() if self.config.pareto else None,
            planner=self.planner,
            meter=MemoryMeter(self.config.budget),
            train=self.data.train,
            validation=self.data.validation,
            train_stream=self.data.train.batches(
                batch_size, augment=self.config.data.augment, seed=stable_seed(seed, "train")
            ),
            validation_stream=self.data.validation.batches(
                batch_size, augment=False, seed=stable_seed(seed, "validation")
            ),
            device=self.device,
            precision=self.config.precision,
            task=self.task,
            skipped=SkippedSteps(
                self.config.max_skipped_steps,
                "optimizer.learning_rate or that of select or children",
            ),
        )

    def new_supernet(
        self, disk: DiskOffload | None = None, architecture_optimizer: OptimizerConfig | None = None
    ) -> Supernet:
        """Fresh shared weights.

        Args:
            disk: for weights that the host has no room for; None keeps them all in memory.
            architecture_optimizer: of the logits; by default as `differentiate` says.
        """
        config = self.config
        return Supernet(
            self.proxy,
            self.planner.smallest_path().as_subspace(),
            config.differentiate.relaxation_at(0.0),
            optimizer=config.optimizer,
            architecture_optimizer=(
                architecture_optimizer or config.differentiate.architecture_optimizer
            ),
            device=self.device,
            seed=stable_seed(config.seed, "weights"),
            disk=disk,
            host_bytes=config.memory_savings.host_bytes or usable_memory_bytes() // 2,
            share_overlap=config.share_overlap,
        )

    def new_controller(self) -> Controller:
        """A policy that knows nothing yet."""
        config = self.config
        seed = stable_seed(config.seed, "controller")
        return Controller(self.proxy.full, config.explore.controller, seed)

    def new_child(
        self, architecture: Architecture, *purpose: object, optimizer: OptimizerConfig | None = None
    ) -> Supernet:
        """Fresh weights for one architecture, to be trained alone.

        Args:
            architecture: the only path.
            purpose: what tells these weights from others; the same weights for the same.
            optimizer: how they are trained; by default as `select` says.
        """
        return Supernet(
            self.proxy,
            architecture.as_subspace(),
            optimizer=optimizer or self.config.select.optimizer,
            architecture_optimizer=self.config.differentiate.architecture_optimizer,
            device=self.device,
            seed=stable_seed(self.config.seed, "child", *purpose),
        )

    def new_child_stream(self) -> BatchStream:
        """The training batches of a child: the same for each."""
        return self.data.train.batches(
            self.config.data.batch_size,
            augment=self.config.data.augment,
            seed=stable_seed(self.config.seed, "child"),
        )


def _least_memory(planner: Planner, feasible: Feasible) -> Architecture:
    """Of the architectures within the constraints, the one with the least expected memory."""
    scores = {
        choice: {name: -float(num_bytes) for name, num_bytes in by_name.items()}
        for choice, by_name in planner.path_bytes.items()
    }
    return feasible.best(scores, planner.space.full, 1)[0]


def _num_states(optimizer: OptimizerConfig) -> int:
    """How many numbers an optimizer keeps for each weight: what it holds goes by that."""
    return 2 if optimizer.name == "adamw" else int(optimizer.momentum > 0)


def new_planner(
    space: SearchSpace,
    config: SearchConfig,
    input_shape: tuple[int, ...],
    task: Task = CLASSIFICATION,
) -> Planner:
    """The planner of a search's steps."""
    settings = saving_settings(
        recompute=config.memory_savings.recompute,
        split_channels=config.memory_savings.split_channels,
        selective=config.memory_savings.selective,
        max_micro_batches=config.memory_savings.max_micro_batches,
        batch_size=config.part_size,
    )
    return Planner(
        space,
        training_spec(config, input_shape, task),
        config.budget,
        config.differentiate.max_cost_ratio,
        settings,
        PriceCache(),
    )


def training_spec(
    config: SearchConfig, input_shape: tuple[int, ...], task: Task = CLASSIFICATION
) -> TrainingSpec:
    """What the memory of a search's steps depends on."""
    return TrainingSpec(
        input_shape=input_shape,
        batch_size=config.part_size,
        optimizer=max(
            (config.optimizer, config.select.optimizer, config.children.optimizer),
            key=_num_states,
        ),
        architecture_optimizer=config.differentiate.architecture_optimizer,
        relaxation=config.differentiate.relaxation_at(0.0),
        precision=config.precision,
        device_type=device_type_of(config.device),
        second_order=config.method == "darts" and config.dnas.second_order,
        task=task,
    )
