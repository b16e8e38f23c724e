"""Stage `repeats`: the same search gives the same, and so does one that was stopped and resumed."""

import tempfile
from collections.abc import Mapping
from dataclasses import replace
from hashlib import sha256
from pathlib import Path
from typing import Any

import torch
from torch import nn

from gpu_check.problems import QUICK_SEARCH
from gpu_check.stage import Figures, Setting
from radars.engine.given import Given
from radars.engine.search_config import SearchConfig
from radars.engine.search_result import SearchResult
from radars.nn.operations import classifier, conv_bn_relu, mbconv
from radars.runs.read_run import read_checkpoint
from radars.runs.state import split_state
from radars.space import Choose, SearchSpace
from radars.testing import search_in_parts
from radars.units import MIB

_WIDTH = 16
_STOPS = (2, 5)  # progress events, after which a sitting ends
_BUDGET_BYTES = 256 * MIB


def with_dropout(choose: Choose) -> nn.Module:
    """Three layers of candidates with dropout, for the digits."""
    candidates = {
        "drop": lambda: nn.Dropout(0.3),
        "conv": lambda: nn.Sequential(conv_bn_relu(_WIDTH, _WIDTH), nn.Dropout(0.2)),
        "mb": lambda: nn.Sequential(mbconv(_WIDTH, _WIDTH, 3, 2), nn.Dropout(0.1)),
    }
    layers = [choose(f"layer{index}", candidates) for index in range(3)]
    return nn.Sequential(conv_bn_relu(1, _WIDTH), *layers, classifier(_WIDTH, 10))


def run(setting: Setting, figures: Figures) -> None:
    """Three searches: twice whole, and once in parts."""
    with tempfile.TemporaryDirectory(prefix="radars-gpu-check-") as name:
        folder = Path(name)
        hashes = {
            "first": searched(setting, folder / "first"),
            "again": searched(setting, folder / "again"),
            "in parts": searched(setting, folder / "parts", _STOPS),
        }
    figures.note(hashes=hashes)
    for name, what in (("again", "repeats"), ("in parts", "resumes")):
        for part, value in hashes["first"].items():
            figures.check(f"{what}: the same {part}", hashes[name][part] == value)
    figures.say("; ".join(f"{name} {known['weights'][:12]}" for name, known in hashes.items()))


def searched(setting: Setting, out: Path, stops: tuple[int, ...] = ()) -> Mapping[str, str]:
    """The hashes of what a search ends with; it is stopped some times on its way."""
    settings: dict[str, Any] = QUICK_SEARCH | {
        "budget": _BUDGET_BYTES,
        "device": str(setting.device),
        "checkpoint_seconds": 0.0,
        "num_rounds": 2,
    }
    config, given = SearchConfig(**settings), Given(space=SearchSpace(with_dropout))
    return hashes_of(search_in_parts(config, given, out, stops), out)


def hashes_of(result: SearchResult, out: Path) -> dict[str, str]:
    """Hashes of the result, without what the machine decides, and of the checkpoint's tensors."""
    checkpoint = read_checkpoint(out)
    assert checkpoint is not None
    whole = sha256()
    for name, tensor in sorted(split_state(checkpoint.state)[0].items()):
        whole.update(name.encode())
        whole.update(tensor.contiguous().reshape(-1).view(torch.uint8).numpy().tobytes())
    same = replace(result, search_seconds=0.0, peak_rss_bytes=0)
    known = repr(sorted(same.to_dict().items()))
    return {"result": sha256(known.encode()).hexdigest(), "weights": whole.hexdigest()}
