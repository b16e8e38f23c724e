"""What people read of a plan."""

from radars.cost import format_cost
from radars.memory import Breakdown
from radars.planning.plan_report import PlanReport
from radars.units import format_bytes, format_seconds, format_whole


def plan_summary(report: PlanReport) -> str:
    """What each kind of step needs, and the plan."""
    budget = report.budget_bytes
    on_device = "" if report.device == "cpu" else f" on {report.device}"

    def row(label: str, num_bytes: int, counted_bytes: int | None = None) -> str:
        counted_bytes = counted_bytes or num_bytes
        verdict = "fits" if counted_bytes <= budget else f"{counted_bytes / budget:.1f}x the budget"
        return f"  {label:44} {format_bytes(num_bytes):>12}   {verdict}"

    smallest_bytes, largest_bytes = report.counted_path_bytes
    trained = " ".join(f"{key}={value}" for key, value in report.proxy_options.items())
    name = f"{report.space}, trained with {trained}" if trained else report.space
    lines = [
        f"{name}: {format_whole(report.num_architectures)} architectures, "
        f"{report.total_candidates} candidates; batches of {report.batch_size}{on_device}, budget "
        f"{format_bytes(budget)}",
        "",
        "peak of a training step",
        row("smallest architecture", report.smallest_path_bytes, smallest_bytes),
        row("largest architecture", report.largest_path_bytes, largest_bytes),
        row("largest architecture, all savings", report.largest_path_least_bytes),
        row("supernet of the whole space, plain (DARTS)", report.full_supernet_bytes),
        "",
    ]
    if report.plan is None:
        lines += ["no plan fits", *_difference_rows(report), *_cost_report_rows(report)]
        return "\n".join(lines)
    plan = report.plan
    time = f", {plan.time_ratio:.2f}x the time" if plan.time_ratio > 1.0 else ""
    lines += [
        f"plan: {plan.subspace.num_candidates} of {report.total_candidates} candidates live, "
        f"{' and '.join(plan.measures) or 'as it is'}; predicted peak "
        f"{format_bytes(plan.memory.peak_bytes)}{time}",
        *_breakdown_rows(plan.memory.breakdown),
        *_reserved_rows(report),
    ]
    if plan.lighter is not None:
        kind, lighter = plan.lighter
        lines.append(f"{kind.value} steps need less: {' and '.join(lighter.names) or 'no savings'}")
    if report.largest_path_least_bytes > budget:
        lines += ["", "some architectures do not fit the budget at all and will not be searched"]
    elif largest_bytes > budget:
        lines += ["", "every architecture fits, the largest with memory savings"]
    if report.expected_seconds is not None:
        lines += ["", _expected_row(report.expected_seconds, report.baseline_steps)]
    lines += [*_time_rows(report), *_difference_rows(report), *_cost_report_rows(report)]
    return "\n".join(lines)


def _expected_row(seconds: float, baseline_steps: int) -> str:
    """How long a search takes, and how to have it take less or more."""
    beside = f", {baseline_steps:,} steps of baselines among it" if baseline_steps else ""
    return (
        f"a search takes about {format_seconds(seconds)} on this machine{beside}; --max-minutes "
        f"decides otherwise"
    )


def _time_rows(report: PlanReport) -> list[str]:
    """How much there is to compute in a step, where candidates were pruned for it, or may be."""
    if report.cost_ratio is None:
        return []
    said = (
        f"a step of it has {report.cost_ratio:.2f}x the multiply-accumulates of the largest "
        f"architecture"
    )
    if report.max_cost_ratio is not None and report.plan is not None and report.plan.is_pruned:
        return [
            "",
            f"{said}, at most {report.max_cost_ratio:g}x for time; for memory alone, --set "
            f"differentiate.max_cost_ratio=null",
        ]
    return ["", said] if report.cost_ratio > 1 else []


def _difference_rows(report: PlanReport) -> list[str]:
    if not report.differences:
        return []
    return ["", f"by default, a search has {'; '.join(report.differences)}"]


def _breakdown_rows(breakdown: Breakdown) -> list[str]:
    return [
        f"  {name.replace('_', ' '):44} {format_bytes(num_bytes):>12}"
        for name, num_bytes in vars(breakdown).items()
    ]


def _reserved_rows(report: PlanReport) -> list[str]:
    """What the allocator takes from the driver, on a GPU."""
    if report.reserved is None:
        return []
    return [
        "",
        "what the allocator reserves",
        *(
            f"  {label:44} {format_bytes(num_bytes):>12}"
            for label, num_bytes in (
                ("smallest architecture", report.reserved.smallest_path_bytes),
                ("largest architecture", report.reserved.largest_path_bytes),
                ("plan", report.reserved.plan_bytes),
            )
            if num_bytes is not None
        ),
    ]


def _cost_report_rows(report: PlanReport) -> list[str]:
    """A table: each cost of each architecture by its candidates, whole, and the error."""
    if report.costs is None:
        return []
    costs = report.costs
    rows = [
        f"  {name:12} {row.label:12} {format_cost(name, row.by_sum[name]):>18} "
        f"{format_cost(name, row.whole[name]):>18} {row.error(name):>+8.1%}"
        for name in costs.names
        for row in costs.rows
    ]
    return [
        "",
        f"costs by candidates, of whole networks, and the error; inference of {costs.batch_size} "
        f"on {costs.threads} {'thread' if costs.threads == 1 else 'threads'}",
        *rows,
    ]
