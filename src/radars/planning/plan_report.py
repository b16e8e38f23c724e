"""`plan_report`: what a search would do with a budget, without data and without a GPU."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from radars.engine.problem import new_planner
from radars.engine.search_config import SearchConfig
from radars.engine.start_search import search_config
from radars.errors import BudgetError, SpaceError
from radars.example import InputShape, channels_option, is_several, parse_input, parts_of
from radars.execution.device import device_of
from radars.failures import failures_said
from radars.memory import Plan
from radars.optional import without_none
from radars.planning.cost_report import CostReport, cost_report
from radars.planning.reserved_report import ReservedReport, reserved_report
from radars.planning.time_estimate import expected_seconds
from radars.registries import METHODS
from radars.space import SearchSpace
from radars.units import format_bytes, format_shape
from radars.zoo import accepted_options, load_space

_NOT_ON_TOP = (
    "plan", "cost_ratio", "max_cost_ratio", "differences", "problem", "total_candidates", "costs",
    "reserved", "baseline_steps",
)  # fmt: skip
"""Attributes that the JSON object has elsewhere, or not at all."""


@dataclass(frozen=True)
class PlanReport:
    """The memory of a space's training steps, and the plan for a budget.

    Attributes:
        space: the space's name.
        proxy_options: those with which a search trains it.
        num_architectures: how many it holds.
        total_candidates: over all choices.
        batch_size: examples in a batch.
        device: the kind of device that is planned for; it need not be there.
        budget_bytes: what no step may exceed.
        smallest_path_bytes: the peak of a training step on the smallest architecture.
        largest_path_bytes: that of the largest.
        largest_path_least_bytes: that of the largest with all that is allowed to make it fit.
        full_supernet_bytes: that of the plain supernet of the whole space: what DARTS needs (by
            prices where there are very many candidates).
        plan: the plan; None where nothing fits.
        cost_ratio: the multiply-accumulates of the plan's candidates together, as a multiple of
            those of the largest architecture; None where there is no plan.
        problem: why nothing fits; None where there is a plan.
        max_cost_ratio: what a search allows of that, for time; None for any.
        differences: what a search has by default and this plan has not, for people.
        expected_seconds: how long a search takes here without a time limit; None where that is not
            known (see `time_estimate`).
        baseline_steps: the training steps of baselines, which are in that.
        costs: costs by candidates against those of whole networks; None where it was not asked for.
        reserved: what the allocator of a GPU is expected to reserve; None on the CPU.
    """

    space: str
    proxy_options: Mapping[str, Any]
    num_architectures: int
    total_candidates: int
    batch_size: int
    device: str
    budget_bytes: int
    smallest_path_bytes: int
    largest_path_bytes: int
    largest_path_least_bytes: int
    full_supernet_bytes: int
    plan: Plan | None
    cost_ratio: float | None
    problem: BudgetError | None
    max_cost_ratio: float | None = None
    differences: tuple[str, ...] = ()
    expected_seconds: float | None = None
    baseline_steps: int = 0
    costs: CostReport | None = None
    reserved: ReservedReport | None = None

    @property
    def counted_path_bytes(self) -> tuple[int, int]:
        """What the smallest and the largest path count against the budget."""
        if self.reserved is not None and self.reserved.is_budgeted:
            return self.reserved.smallest_path_bytes, self.reserved.largest_path_bytes
        return self.smallest_path_bytes, self.largest_path_bytes

    def __str__(self) -> str:
        from radars.planning.plan_summary import plan_summary  # which needs this class

        return plan_summary(self)

    def to_dict(self) -> dict[str, Any]:
        """The object that `radars plan --json` prints."""
        fields = {name: value for name, value in vars(self).items() if name not in _NOT_ON_TOP}
        plan: dict[str, Any] = {
            "fits": self.plan is not None,
            "total_candidates": self.total_candidates,
        }
        if self.plan is not None and self.cost_ratio is not None:
            lighter = self.plan.lighter
            plan |= {
                "predicted_peak_bytes": self.plan.memory.peak_bytes,
                "live_candidates": self.plan.subspace.num_candidates,
                "levers": list(self.plan.measures),
                "lighter": lighter and {"step": lighter[0].value, "levers": list(lighter[1].names)},
                "time_ratio": round(self.plan.time_ratio, 3),
                "cost_ratio": round(self.cost_ratio, 3),
                "breakdown": asdict(self.plan.memory.breakdown),
                "subspace": {choice: list(names) for choice, names in self.plan.subspace.items()},
            }
        costs = {} if self.costs is None else {"costs": self.costs.to_dict()}
        reserved = {"reserved": None if self.reserved is None else asdict(self.reserved)}
        return {"schema": 1} | fields | {"plan": plan} | costs | reserved


def plan_report(space: SearchSpace, config: SearchConfig, input_shape: InputShape) -> PlanReport:
    """Predicts and plans the memory of a space.

    Args:
        space: the search space.
        config: batch size, optimizers, precision, budget.
        input_shape: the shape of one example, without the batch.
    """
    planner = new_planner(space, config, input_shape)
    smallest, largest = planner.smallest_path(), planner.largest_path()
    plan, problem = None, None
    try:
        plan = planner.plan()
    except BudgetError as error:
        problem = error
    return PlanReport(
        space=space.name,
        proxy_options=dict(config.proxy_options),
        num_architectures=space.num_architectures,
        total_candidates=space.full.num_candidates,
        batch_size=config.data.batch_size,
        device=planner.spec.device_type,
        budget_bytes=config.budget,
        smallest_path_bytes=planner.predict(smallest).peak_bytes,
        largest_path_bytes=planner.predict(largest).peak_bytes,
        largest_path_least_bytes=planner.least_bytes(largest),
        full_supernet_bytes=planner.full_supernet_bytes,
        plan=plan,
        cost_ratio=None if plan is None else planner.cost_ratio(plan.subspace),
        problem=problem,
        max_cost_ratio=config.differentiate.max_cost_ratio,
        reserved=reserved_report(planner, plan),
    )


def plan_for(
    space_name: str | None,
    input_text: str | None = None,
    batch_size: int | None = None,
    budget: str | None = None,
    overrides: Sequence[str] = (),
    *,
    config_file: Path | None = None,
    with_costs: bool = False,
    baseline: str | None = None,
) -> PlanReport:
    """What a search with the same options would plan; `radars plan`.

    Args:
        space_name: the name of a space of the zoo, or `file.py:function`; None for that of the
            file, or `digits`.
        input_text: `CxHxW`; None for what a search has, or the space's own.
        batch_size: examples in a batch; None for that of a search.
        budget: bytes, as text; None for that of a search.
        overrides: `key.path=value`, as for a search.
        config_file: a YAML file of the settings of a search.
        with_costs: compare sums over candidates with the costs of whole networks, too.
        baseline: what is trained beside what is found, such as `largest,random`.

    Raises:
        ConfigError: an argument is not valid.
        SpaceError: the space is not well formed, or cannot take the input.
    """
    given: dict[str, Any] = without_none(
        space=space_name,
        budget=budget,
        data=None if batch_size is None else {"batch_size": batch_size},
        baseline=None if baseline is None else {"names": baseline},
    )
    config = search_config(given, config_file, overrides)
    input_shape = None if input_text is None else parse_input(input_text)
    return plan_of(config, input_shape=input_shape, with_costs=with_costs)


def plan_of(
    config: SearchConfig,
    space: SearchSpace | None = None,
    *,
    input_shape: InputShape | None = None,
    with_costs: bool = False,
) -> PlanReport:
    """The report for the configuration of a search.

    Args:
        config: names the space; batch size, optimizers, precision, budget.
        space: used instead of the one that the configuration names.
        input_shape: the shape of one example, without the batch; None for what a search has, or the
            space's own.
        with_costs: compare sums over candidates with the costs of whole networks, too.

    Raises:
        ConfigError: there is no such space.
        SpaceError: the space is not well formed, or cannot take the input, or its shape is not
            known.
    """
    searched = trained = space
    if searched is None or trained is None:
        channels = {} if input_shape is None else channels_option(input_shape)
        options = accepted_options(config.space, channels) | dict(config.space_options)
        searched = load_space(config.space, **options)
        trained = load_space(config.space, **options | dict(config.proxy_options))
    usual_shape = _usual_shape(searched, config)
    input_shape = input_shape or usual_shape
    if input_shape is None:
        raise SpaceError(
            f"planning {trained.name!r} needs the shape of an example; give --input CxHxW, or "
            f"input_shape"
        )
    trained.check_input(input_shape)
    method = METHODS.get(config.method)
    method.check_space(trained, config)
    trained = method.adapted(trained, config)
    with failures_said(SpaceError, f"the network of {trained.name!r}"):
        report = plan_report(trained, config, input_shape)
        report = replace(
            report,
            differences=_differences(config, input_shape, usual_shape),
            expected_seconds=_expected_seconds(report.plan, trained, config, input_shape),
            baseline_steps=config.baseline.num_steps(trained.num_architectures),
        )
    if with_costs:  # of what is searched for, which a search may train a narrower one of
        device = str(device_of(config.device))  # latencies are measured: it must be there
        report = replace(report, costs=cost_report(searched, input_shape, config.costs, device))
    return report


def _expected_seconds(
    plan: Plan | None, space: SearchSpace, config: SearchConfig, input_shape: InputShape
) -> float | None:
    """How long a search takes here, where there is a plan and steps of its device can be run."""
    if plan is None or config.device.startswith("cuda"):
        return None
    return expected_seconds(space, config, input_shape, plan)


def _usual_shape(space: SearchSpace, config: SearchConfig) -> InputShape | None:
    """What a search has: images of the size that its data are resized to, or the space's own."""
    size = config.data.image_size
    shape: InputShape | None = space.input_shape
    if shape is None or size is None or is_several(shape):
        return shape
    return (space.input_shape[0], size, size)


def _differences(
    config: SearchConfig, input_shape: InputShape, usual_shape: InputShape | None
) -> tuple[str, ...]:
    """What a search of the space has by default and this plan has not."""
    usual = SearchConfig(space=config.space)
    found = []
    if config.budget != usual.budget:
        found.append(f"a budget of {format_bytes(usual.budget)} (here --budget)")
    if config.data.batch_size != usual.data.batch_size:
        here = f"--set data.batch_size={config.data.batch_size}"
        found.append(f"batches of {usual.data.batch_size} (here {here})")
    given, usually = (parts_of(shape)[0] for shape in (input_shape, usual_shape or input_shape))
    if not is_several(input_shape) and given[1:] != usually[1:]:
        here = f"--set data.image_size={given[-1]}"
        found.append(f"examples of {format_shape(usually)} (here {here})")
    return tuple(found)
