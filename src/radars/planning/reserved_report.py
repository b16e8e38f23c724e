"""`ReservedReport`: what the allocator of a GPU is expected to take from the driver."""

from dataclasses import dataclass

from radars.memory import Plan, Planner


@dataclass(frozen=True)
class ReservedReport:
    """Reserved bytes at their peak: more than tensors hold (`radars.memory.reserved`).

    Attributes:
        smallest_path_bytes: what training steps on the smallest architecture reserve.
        largest_path_bytes: what those on the largest reserve.
        plan_bytes: what the plan's steps reserve, in turn; None where nothing fits.
        is_budgeted: whether the budget is of these bytes (`hard_cap`), not of what tensors hold.
    """

    smallest_path_bytes: int
    largest_path_bytes: int
    plan_bytes: int | None
    is_budgeted: bool


def reserved_report(planner: Planner, plan: Plan | None) -> ReservedReport | None:
    """What is expected on the device of a planner; None on the CPU, which reserves nothing."""
    if planner.spec.device_type != "cuda":
        return None
    return ReservedReport(
        planner.path_reserved_bytes(planner.smallest_path()),
        planner.path_reserved_bytes(planner.largest_path()),
        None if plan is None else planner.reserved_bytes(plan),
        planner.spec.counts_reserved,
    )
