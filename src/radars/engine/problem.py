"""`SearchProblem`: what a search is about, made from its configuration and checked first."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import torch

from radars.cost import CostTable, Feasible, LatencyRow, Objectives
from radars.data import Data, arrival_bytes, load_data
from radars.engine.given import Given
from radars.engine.policies.maturity import FINAL_EPOCHS, largest_deviation, way_learnt
from radars.engine.pricing import priced
from radars.engine.recipe import check_data
from radars.engine.search_config import SearchConfig
from radars.errors import ConfigError
from radars.example import InputDtype, InputShape, channels_option, is_several, parts_of
from radars.execution.device import device_of, device_type_of
from radars.memory import PathPlanner, Planner, PriceCache, TrainingSpec, saving_settings
from radars.memory.floor import expected_floor_bytes, measured_floor_bytes
from radars.nn.optimizer import OptimizerConfig
from radars.nn.task import CLASSIFICATION, Task, check_training_output
from radars.registries import METHODS
from radars.space import Architecture, SearchSpace, building, check_output
from radars.zoo import accepted_options, load_space


@dataclass(frozen=True)
class SearchProblem:
    """What a search is about.

    Attributes:
        config: the configuration.
        space: the network that is searched for; costs are about it.
        proxy: the network that is trained while searching; often a narrower one.
        data: the splits.
        costs: what each candidate of `space` costs.
        feasible: the architectures that satisfy the constraints.
        objectives: the soft targets.
        latencies: the latencies of this machine, where a cost was measured.
        planner: the planner of the proxy's memory.
        device: where steps run.
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
    device: torch.device
    task: Task = CLASSIFICATION

    @classmethod
    def of(
        cls,
        config: SearchConfig,
        given: Given | None = None,
        *,
        latencies: Sequence[LatencyRow] | None = None,
    ) -> "SearchProblem":
        """Loads and checks everything that can be wrong before a search.

        Args:
            config: the configuration.
            given: objects that are used instead of those that the configuration names.
            latencies: the latencies of this machine, used instead of measuring them.

        Raises:
            ConfigError: a setting does not fit the others.
            SpaceError: the space is not well formed.
            DataError: the data cannot be used.
            BudgetError: the budget is too small for any architecture.
        """
        given = given or Given()
        data = _data(config, given)
        space, proxy = spaces_of(
            config, given, data.num_classes, data.input_shape, data.input_dtype
        )
        _check_data_fits(config, given.task, data)
        _check_networks((space, proxy), data, given.task)
        method = METHODS.get(config.method)
        method.check_space(proxy, config)
        proxy = method.adapted(proxy, config)
        device = search_device(config)
        costs = priced(
            space,
            data.input_shape,
            config.asked_costs,
            config.costs,
            device=str(device),
            measured=latencies,
        )
        feasible = Feasible(
            costs.table, config.constraints, space.full, space.rules, space.conditions
        )
        floor_bytes = measured_floor_bytes(device)
        planner = new_planner(proxy, config, data.input_shape, given.task, floor_bytes)
        _check_budget(planner, feasible)
        return cls(
            config=config,
            space=space,
            proxy=proxy,
            data=data.on(device),
            costs=costs.table,
            feasible=feasible,
            objectives=Objectives(costs.table, config.objectives, space.conditions),
            latencies=costs.measured,
            planner=planner,
            device=device,
            task=given.task,
        )

    @property
    def final_steps(self) -> int:
        """The training steps of what is found, in the end, as far as that is known."""
        known = self.config.select.max_steps
        steps_per_epoch = max(1, len(self.data.train) // self.config.data.batch_size)
        return known or FINAL_EPOCHS * steps_per_epoch

    @property
    def largest_deviation(self) -> float:
        """The most that rewards can differ by in the end, a standard deviation over networks."""
        is_bounded = self.task.is_classification
        return largest_deviation(self.data.num_classes) if is_bounded else math.inf

    def fraction_trained(self, num_steps: float, accuracy: float) -> float:
        """How much of the way of its training a network has behind it (`policies/maturity.py`).

        Args:
            num_steps: its training steps, 1 or more.
            accuracy: what it scores.
        """
        fraction = max(1.0, num_steps) / self.final_steps
        if self.task.is_classification:
            fraction = max(fraction, way_learnt(accuracy, self.data.num_classes))
        return min(1.0, fraction)


def new_planner(
    space: SearchSpace,
    config: SearchConfig,
    input_shape: InputShape,
    task: Task = CLASSIFICATION,
    floor_bytes: int | None = None,
) -> Planner:
    """The planner of a search's steps; for the last argument see `training_spec`."""
    settings = saving_settings(
        recompute=config.memory_savings.recompute,
        split_channels=config.memory_savings.split_channels,
        selective=config.memory_savings.selective,
        max_micro_batches=config.memory_savings.max_micro_batches,
        batch_size=config.part_size,
    )
    planner = Planner if space.is_modular else PathPlanner
    return planner(
        space,
        training_spec(config, input_shape, task, floor_bytes, space.input_dtype),
        config.budget,
        config.differentiate.max_cost_ratio,
        settings,
        PriceCache(),
    )


def search_device(config: SearchConfig) -> torch.device:
    """Where a search's steps run.

    Raises:
        ConfigError: there is no such device here.
    """
    device = device_of(config.device)
    is_chosen = config.device != "auto" or config.num_processes > 1
    if device.type != "cuda" or is_chosen:
        return device
    has_room = expected_floor_bytes(device.type) < config.budget
    return device if has_room else torch.device("cpu")


def training_spec(
    config: SearchConfig,
    input_shape: InputShape,
    task: Task = CLASSIFICATION,
    floor_bytes: int | None = None,
    input_dtype: InputDtype = torch.float32,
) -> TrainingSpec:
    """What the memory of a search's steps depends on.

    Args:
        config: the configuration of the search.
        input_shape: the shape of one example.
        task: whose loss and labels they are.
        floor_bytes: the memory floor of the device, where it was measured; None for what is
            expected of it.
        input_dtype: the dtype of an example.
    """
    device_type = device_type_of(config.device)
    if config.device == "auto":
        device_type = search_device(config).type
    if floor_bytes is None:
        floor_bytes = expected_floor_bytes(device_type, config.compute_capability)
    spec = TrainingSpec(
        input_shape=input_shape,
        input_dtype=input_dtype,
        batch_size=config.part_size,
        optimizer=max(
            (config.optimizer, config.select.optimizer, config.children.optimizer),
            key=_num_states,
        ),
        architecture_optimizer=config.differentiate.architecture_optimizer,
        relaxation=config.differentiate.relaxation_at(0.0),
        precision=config.precision,
        device_type=device_type,
        task=task,
        floor_bytes=floor_bytes,
        counts_reserved=config.hard_cap and device_type == "cuda",
        arrival_bytes=_arrival_bytes(input_shape) if device_type == "cuda" else 0,
    )
    return replace(spec, second_order=METHODS.get(config.method).is_second_order(config))


def _arrival_bytes(input_shape: InputShape) -> int:
    """The bytes of an example as it arrives, where it may be an image."""
    is_image = not is_several(input_shape) and len(input_shape) == 3
    return arrival_bytes(*parts_of(input_shape)[0]) if is_image else 0


def _data(config: SearchConfig, given: Given) -> Data:
    if given.data is not None:
        return given.data
    if given.space is None:
        check_data(config.space, config.data)
    return load_data(config.data, config.seed)


def spaces_of(
    config: SearchConfig,
    given: Given,
    num_classes: int,
    input_shape: InputShape,
    input_dtype: InputDtype = torch.float32,
) -> tuple[SearchSpace, SearchSpace]:
    """The space that is searched, and the one that is trained.

    Args:
        config: names them.
        given: objects that are used instead.
        num_classes: the number of classes of the data.
        input_shape: the shape of one example.
        input_dtype: likewise.

    Raises:
        ConfigError, SpaceError: they cannot be, or do not make the same choices.
    """
    space, proxy = given.space, given.proxy
    if space is not None and (config.space_options or config.proxy_options):
        raise ConfigError(
            "space_options and proxy_options are of the space that the configuration names, "
            "but an object is given instead; make it with them, and the proxy too"
        )
    if space is None:
        suggested = accepted_options(
            config.space, {"num_classes": num_classes} | channels_option(input_shape)
        )
        options = suggested | dict(config.space_options)
        space = load_space(config.space, **options)
        if proxy is None and config.proxy_options:
            proxy = load_space(config.space, **options | dict(config.proxy_options))
    proxy = proxy or space
    if proxy.full != space.full:  # in how many places a choice acts may differ, as with depth
        raise ConfigError(
            "the proxy makes the same choices among the same candidates as the space, but "
            "proxy_options change them; use options that change sizes, such as width or num_cells"
        )
    taking = space.taking(input_dtype)
    return taking, taking if proxy is space else proxy.taking(input_dtype)


def _check_data_fits(config: SearchConfig, task: Task, data: Data) -> None:
    for split in (data.train, data.validation):
        split.batches(config.data.batch_size, augment=False, seed=0)  # checks the batch size
        task.check(split.label_N, data.num_classes)


def _check_networks(spaces: Sequence[SearchSpace], data: Data, task: Task) -> None:
    first = spaces[0].best()
    for space in spaces:
        with building(torch.device("meta")):
            network = space.build(first)
        check_output(network, space, data.input_shape, task.output_shape(data.num_classes))
        check_training_output(network, space.name, data.input_shape, data.input_dtype, task)


def _check_budget(planner: Planner, feasible: Feasible) -> None:
    planner.plan_path(planner.smallest_path())
    planner.plan_path(_least_memory(planner, feasible))


def _least_memory(planner: Planner, feasible: Feasible) -> Architecture:
    """The architecture within the constraints that has the least expected memory."""
    scores = {
        choice: {name: -float(num_bytes) for name, num_bytes in by_name.items()}
        for choice, by_name in planner.path_bytes.items()
    }
    return feasible.best(scores, planner.space.full, 1)[0]


def _num_states(optimizer: OptimizerConfig) -> int:
    """How many numbers an optimizer keeps for each weight: what it holds goes by that."""
    return 2 if optimizer.name == "adamw" else int(optimizer.momentum > 0)
