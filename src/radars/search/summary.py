"""What people read at the end of a search or of a plan."""

from pathlib import Path

from radars.memory import Breakdown
from radars.search.plan_report import PlanReport
from radars.search.result import SearchResult
from radars.units import format_bytes, format_count, format_seconds


def search_summary(result: SearchResult, out: Path) -> str:
    """The architecture found, its accuracy, memory against the budget, and what to do next."""
    budget = result.budget_bytes
    width = max(len(choice) for choice in result.architecture)
    rows = [f"  {choice:{width}}  {name}" for choice, name in result.architecture.items()]
    accuracy = "none yet"
    if result.validation_accuracy is not None:
        accuracy = f"{result.validation_accuracy:.2%} on the validation part, briefly trained"
    lines = [
        f"\n{result.method} on {result.space}: {result.status.replace('_', ' ')} after "
        f"{format_seconds(result.search_seconds)}, {result.rounds} rounds, "
        f"{format_count(result.num_architectures)} architectures",
        "",
        "architecture",
        *rows,
        "",
        f"accuracy    {accuracy}",
        f"size        {format_count(result.parameters)} parameters, "
        f"{format_count(result.macs)} multiply-accumulates",
        f"memory      predicted {format_bytes(result.predicted_peak_bytes)}, measured "
        f"{format_bytes(result.measured_peak_bytes)}, budget {format_bytes(budget)} "
        f"({result.measured_peak_bytes / budget:.0%} used)",
        f"results     {out}",
        "",
        "next: train it from scratch, then evaluate it on the test split",
        f"  radars train {out / 'architecture.json'} --out {out}-train",
        f"  radars evaluate {out}-train",
    ]
    return "\n".join(lines)


def plan_summary(report: PlanReport) -> str:
    """What each kind of step needs, and the plan."""
    budget = report.budget_bytes

    def row(label: str, num_bytes: int) -> str:
        verdict = "fits" if num_bytes <= budget else f"{num_bytes / budget:.1f}x the budget"
        return f"  {label:44} {format_bytes(num_bytes):>12}   {verdict}"

    lines = [
        f"{report.space}: {format_count(report.num_architectures)} architectures, "
        f"{report.total_candidates} candidates; batches of {report.batch_size}, budget "
        f"{format_bytes(budget)}",
        "",
        "peak of a training step",
        row("cheapest architecture", report.smallest_path_bytes),
        row("dearest architecture", report.largest_path_bytes),
        row("dearest architecture, recomputed", report.largest_path_recomputed_bytes),
        row("supernet of the whole space, plain (DARTS)", report.full_supernet_bytes),
        "",
    ]
    if report.plan is None:
        lines.append("no plan fits")
        return "\n".join(lines)
    plan = report.plan
    time = f", {plan.time_ratio:.2f}x the time" if plan.time_ratio > 1.0 else ""
    lines += [
        f"plan: {plan.subspace.num_candidates} of {report.total_candidates} candidates live, "
        f"{' and '.join(plan.measures) or 'as it is'}; predicted peak "
        f"{format_bytes(plan.memory.peak_bytes)}{time}",
        *_breakdown_rows(plan.memory.breakdown),
    ]
    if report.largest_path_recomputed_bytes > budget:
        lines += ["", "some architectures do not fit the budget at all and will not be searched"]
    elif report.largest_path_bytes > budget:
        lines += ["", "every architecture fits; the dearest are recomputed in the backward pass"]
    return "\n".join(lines)


def _breakdown_rows(breakdown: Breakdown) -> list[str]:
    return [
        f"  {name.replace('_', ' '):44} {format_bytes(num_bytes):>12}"
        for name, num_bytes in vars(breakdown).items()
    ]
