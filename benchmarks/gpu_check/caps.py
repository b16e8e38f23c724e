"""Stage `caps`: a budget below the floor, a hard cap, and a device that others fill."""

import ctypes
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch

from gpu_check.problems import QUICK_SEARCH, context_of, last_path
from gpu_check.stage import Figures, Setting
from radars.engine.run import run_search
from radars.engine.search_config import SearchConfig
from radars.errors import BudgetError, RadarsError
from radars.memory.floor import measured_floor_bytes
from radars.units import GIB, MIB, format_bytes
from radars.zoo import load_space

_SMALL_BYTES, _CAP_BYTES = 16 * MIB, 160 * MIB
_ROOM = 0.7  # of what a step takes, that the ballast leaves
_MOST_PATHS = 4


def run(setting: Setting, figures: Figures) -> None:
    """One after another."""
    setting.require_cuda("caps are those of CUDA's allocator")
    small(setting, figures)
    hard(setting, figures)
    ballasted(setting, figures)


def small(setting: Setting, figures: Figures) -> None:
    """A search within less than the floor is refused, or stays within."""
    try:
        result = run_search(searched(setting, budget=_SMALL_BYTES))
    except BudgetError as error:
        figures.note(small=str(error))
        figures.check("16 MiB: refused, with the floor", "libraries" in str(error))
        figures.say(f"16 MiB: {error}")
    else:
        figures.check("16 MiB: within", result.measured_peak_bytes <= _SMALL_BYTES)


def hard(setting: Setting, figures: Figures) -> None:
    """With a hard cap a search completes within its budget."""
    result = run_search(searched(setting, budget=_CAP_BYTES, hard_cap=True))
    reserved_bytes = torch.cuda.max_memory_reserved(setting.device)
    figures.note(hard_measured_bytes=result.measured_peak_bytes, hard_reserved_bytes=reserved_bytes)
    is_within = result.measured_peak_bytes <= _CAP_BYTES and result.status == "completed"
    figures.check("160 MiB, hard cap: completed within", is_within)
    figures.say(f"160 MiB, hard cap: {format_bytes(result.measured_peak_bytes)} held")


def searched(setting: Setting, **settings: Any) -> SearchConfig:
    """A short search of the digits."""
    return SearchConfig(device=str(setting.device), **(QUICK_SEARCH | settings))


def ballasted(setting: Setting, figures: Figures) -> None:
    """Steps that the device has no room for are planned again within less, and done."""
    space = load_space("nasbench-macro", width=32)
    tightened: list[tuple[int, int]] = []
    context = context_of(
        setting,
        space,
        setting.of(64, 256),
        GIB * 64,
        lambda expected_bytes, budget_bytes: tightened.append((expected_bytes, budget_bytes)),
    )
    supernet = context.networks.new_supernet()
    path, batch = last_path(space), context.train_stream.next()
    floor_bytes = measured_floor_bytes(setting.device)
    need_bytes = context.guard.planner.predict(path).peak_bytes - floor_bytes
    num_done, said = 0, ""
    torch.cuda.empty_cache()
    with ballast(setting, int(_ROOM * need_bytes)) as ballast_bytes:
        try:
            for _ in range(_MOST_PATHS):
                context.trainer.train_path(supernet, path, batch)
                num_done += 1
        except RadarsError as error:
            said = str(error)
        setting.synchronise()
    figures.note(
        ballast_bytes=ballast_bytes,
        needed_bytes=need_bytes,
        tightened=tightened,
        ballast_savings=list(supernet.savings.names),
        ballast_error=said,
    )
    figures.check("ballast: steps done within less", num_done == _MOST_PATHS and bool(tightened))
    figures.say(f"ballast: {num_done} of {_MOST_PATHS} steps, tightened {len(tightened)} times")


@contextmanager
def ballast(setting: Setting, room_bytes: int) -> Iterator[int]:
    """Within, the GPU has this much room left; the allocator knows nothing of it, as of others."""
    runtime = cuda_runtime()
    num_bytes = torch.cuda.mem_get_info(setting.device)[0] - room_bytes
    pointer = ctypes.c_void_p()
    status = runtime.cudaMalloc(ctypes.byref(pointer), ctypes.c_size_t(num_bytes))
    if status:
        raise RuntimeError(f"the ballast of {format_bytes(num_bytes)} could not be taken: {status}")
    try:
        yield num_bytes
    finally:
        runtime.cudaFree(pointer)


def cuda_runtime() -> ctypes.CDLL:
    """The runtime that PyTorch uses in this process."""
    whole = ctypes.CDLL(None)
    if hasattr(whole, "cudaMalloc"):
        return whole
    lines = Path("/proc/self/maps").read_text().splitlines()
    return ctypes.CDLL(next(line.split()[-1] for line in lines if "libcudart" in line))
