"""Stage `paper`: the paper's comparison on CIFAR-10, cut to 90 seconds of searches.

`radars` and `reinforce` search within the budget, DARTS is refused; forced, in PyTorch as one
writes it, DARTS runs out of memory.
"""

from pathlib import Path
from typing import Any

import torch
import yaml
from step import Plain

from gpu_check.problems import NEVER
from gpu_check.stage import Figures, Setting
from radars.engine.run import run_search
from radars.engine.search_config import SearchConfig
from radars.errors import BudgetError
from radars.execution.device import capped
from radars.memory import is_out_of_memory
from radars.units import format_bytes, parse_bytes
from radars.zoo import load_space

_CONFIG = Path(__file__).parents[1] / "paper_cifar10_gpu.yaml"
_MINUTES = 0.75
_NUM_IMAGES = 10_000


def run(setting: Setting, figures: Figures) -> None:
    """The searches, and what DARTS does."""
    for method in ("radars", "reinforce"):
        result = run_search(config_of(setting, method))
        is_within = result.measured_peak_bytes <= result.budget_bytes
        figures.note(**{method: result.to_dict()})
        has_ended = result.status in (
            "completed",
            "exceeded_time",
        )
        figures.check(f"{method}: ended within its budget", is_within and has_ended)
        accuracy = result.validation_accuracy or 0.0
        figures.say(
            f"{method}: {result.status}, {accuracy:.1%} in {result.search_seconds:.0f} s, "
            f"{format_bytes(result.measured_peak_bytes)} of {format_bytes(result.budget_bytes)}"
        )
    try:
        run_search(config_of(setting, "darts"))
    except BudgetError as error:
        figures.check("darts: refused", True)
        figures.say(f"darts: {error}")
    else:
        figures.check("darts: refused", False)
    forced(setting, figures)


def config_of(setting: Setting, method: str) -> SearchConfig:
    """A search of the comparison, for a part of its images and of its time."""
    known = yaml.safe_load(_CONFIG.read_text())
    settings: dict[str, Any] = known["search"] | known["settings"]["macs40"]
    settings |= known["by_method"][method]
    data = settings["data"] | {
        "source": str(setting.images("cifar10")),
        "num_train": setting.of(200, _NUM_IMAGES),
    }
    settings |= {"data": data, "max_minutes": _MINUTES}
    if setting.is_quick:
        data["batch_size"] = 16
        settings |= quick(method)
    return SearchConfig(
        **settings, method=method, device=str(setting.device), max_skipped_steps=NEVER
    )


def quick(method: str) -> dict[str, Any]:
    """A few steps, of a narrow network; DARTS is still refused."""
    narrow = {"proxy_options": {"width": 4}, "max_minutes": None, "num_rounds": 1}
    if method == "darts":
        return narrow | {"budget": "4MiB"}
    return narrow | {
        "explore": {"steps": 6, "tuning_steps": 1, "reward_batches": 1, "ranker_draws": 2},
        "differentiate": {"steps": 2},
        "select": {"finalists": 1, "halving_steps": [2]},
        "children": {"number": 2, "steps": 2},
    }


def forced(setting: Setting, figures: Figures) -> None:
    """An iteration of DARTS without any plan, where the allocator has the budget and no more."""
    if setting.device.type != "cuda":
        figures.say("darts, forced: skipped, a CPU has no cap")
        return
    known = yaml.safe_load(_CONFIG.read_text())["search"]
    budget_bytes, batch_size = parse_bytes(known["budget"]), known["data"]["batch_size"]
    torch.cuda.empty_cache()
    space = load_space(known["space"], **known["proxy_options"])
    said = "it ran"
    with capped(setting.device, budget_bytes):
        try:
            procedure = Plain(space, setting.device)
            example_B = torch.randn(batch_size, 3, 32, 32, device=setting.device)
            label_B = torch.arange(batch_size, device=setting.device) % 10
            procedure.iteration(example_B, label_B)
            setting.synchronise()
        except RuntimeError as error:
            if not is_out_of_memory(error):
                raise
            said = str(error).splitlines()[0]
    figures.note(forced=said)
    figures.check("darts, forced: out of memory", said != "it ran")
    figures.say(f"darts, forced: {said[:80]}")
