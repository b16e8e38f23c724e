"""Stage `tight`: exploring and architecture steps within a tight budget and within a loose one."""

import time
from typing import Any

import torch

from gpu_check.problems import context_of
from gpu_check.stage import Figures, Setting
from radars.engine.context import SearchContext
from radars.engine.phases.differentiate import PlannedSteps
from radars.engine.phases.explore import fair_path
from radars.memory.floor import measured_floor_bytes
from radars.nn.steps import StepKind, architecture_step
from radars.nn.supernet import Supernet
from radars.units import MIB, format_bytes
from radars.zoo import load_space

_BATCH_SIZE = 64
_MEBIBYTES = {"loose": 110, "tight": 60}  # beyond the floor; the largest path takes 101 without


def run(setting: Setting, figures: Figures) -> None:
    """The same paths within both budgets, the loose one first."""
    floor_bytes = measured_floor_bytes(setting.device)
    rows = {}
    for name, mebibytes in _MEBIBYTES.items():
        scale = 0.25 if setting.is_quick else 1.0  # of the batch, and so of the budget
        budget_bytes = floor_bytes + int(scale * mebibytes * MIB)
        rows[name] = explored(setting, int(scale * _BATCH_SIZE), budget_bytes)
        figures.note(**rows)
        row = rows[name]
        figures.check(f"{name}: within its budget", row["measured_bytes"] <= budget_bytes)
        figures.check(f"{name}: no more than predicted", row["excess_bytes"] == 0)
        figures.say(
            f"{name} {format_bytes(budget_bytes)}: {format_bytes(row['measured_bytes'])} held, "
            f"{row['explore_ms']:.1f} ms an explore step, {row['architecture_ms']:.1f} ms an "
            f"architecture step"
        )
    ratio = rows["tight"]["explore_ms"] / rows["loose"]["explore_ms"]
    figures.note(explore_ratio=ratio)
    figures.say(f"exploring tight / loose {ratio:.2f}")


def explored(setting: Setting, batch_size: int, budget_bytes: int) -> dict[str, Any]:
    """Explores, then takes architecture steps on what the plan keeps."""
    space = load_space("nasbench201", width=8, cells_per_stage=setting.of(1, 2))
    context = context_of(setting, space, batch_size, budget_bytes)
    supernet = context.networks.new_supernet()
    if setting.device.type == "cuda":
        torch.cuda.empty_cache()
    num_paths, num_saved = setting.of(6, 300), 0
    start = time.perf_counter()
    for step in range(num_paths):
        path = fair_path(space.full, 0, step)
        context.trainer.train_path(supernet, path, context.train_stream.next())
        num_saved += bool(supernet.savings.names)
    setting.synchronise()
    explore_seconds = time.perf_counter() - start
    row = differentiated(setting, context, supernet, setting.of(2, 50))
    meter = context.guard.meter
    if setting.device.type == "cuda":
        row["reserved_bytes"] = torch.cuda.memory_reserved(setting.device)
    return row | {
        "budget_bytes": budget_bytes,
        "explore_steps": num_paths,
        "explore_ms": 1e3 * explore_seconds / num_paths,
        "with_savings": num_saved,
        "predicted_bytes": meter.predicted_peak_bytes,
        "measured_bytes": meter.measured_peak_bytes,
        "excess_bytes": meter.largest_excess.num_bytes if meter.largest_excess else 0,
        "skipped": context.trainer.skipped.count,
    }


def differentiated(
    setting: Setting, context: SearchContext, supernet: Supernet, num_steps: int
) -> dict[str, Any]:
    """The time of an architecture step, the plan's making apart."""
    start = time.perf_counter()
    plan = context.guard.planner.plan()
    plan_seconds = time.perf_counter() - start
    steps = PlannedSteps(context, supernet, plan)
    steps.begin(None)
    start = time.perf_counter()
    for _ in range(num_steps):
        batch = context.trainer.to_device(context.validation_stream.next())
        steps.run(StepKind.ARCHITECTURE, architecture_step, batch)
    setting.synchronise()
    return {
        "plan_seconds": plan_seconds,
        "plan_savings": list(plan.savings.names),
        "live_candidates": plan.subspace.num_candidates,
        "architecture_steps": num_steps,
        "architecture_ms": 1e3 * (time.perf_counter() - start) / num_steps,
    }
