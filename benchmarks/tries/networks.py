"""Candidates that do what they must not, and candidates that are taken for one another."""

import random

from tries.place import QUICK, Place

_CANDIDATES = {
    "in place": "nn.ReLU(inplace=True)",
    "dropout in place": "nn.Dropout(inplace=True)",
    "shared": "SHARED",
    "raises": "Does(lambda m, x: 1 / 0)",
    "raises in training": "Does(lambda m, x: 1 / 0 if m.training else x)",
    "leaves": "Does(lambda m, x: exit(0))",
    "leaves in training": "Does(lambda m, x: exit(0) if m.training else x)",
    "leaves at once": "exit(0)",
    "complex": "Does(lambda m, x: torch.complex(x, x))",
    "integer": "Does(lambda m, x: x.long())",
    "nothing": "Does(lambda m, x: None)",
    "two": "Does(lambda m, x: (x, x))",
    "a value": "Does(lambda m, x: x * float(x.mean()))",
    "wider": "nn.Conv2d(4, 5, 1)",
    "no module": "7",
    "escape": 'Does(lambda m, x: (_ for _ in ()).throw(ValueError("\\x1b[2J\\nnext")))',
    "backward": "Does(lambda m, x: Back.apply(x))",
    "sparse": "Sparse()",
    "interrupt": "Does(lambda m, x: (_ for _ in ()).throw(RecursionError()))",
    "class name": 'type("Does\\x1b[2J", (Does,), {})(lambda m, x: 1 / 0)',
}
_NETWORK = """
import torch
from torch import nn


class Does(nn.Module):
    def __init__(self, does):
        super().__init__()
        self.does = does

    def forward(self, x):
        return self.does(self, x)


class Back(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x):
        return x.clone()

    @staticmethod
    def backward(ctx, gradient):
        raise RuntimeError("not back")


class Sparse(nn.Module):
    def __init__(self):
        super().__init__()
        self.table = nn.Embedding(3, 1, sparse=True)

    def forward(self, x):
        return x + self.table(torch.zeros(1, dtype=torch.long, device=x.device)).sum()


SHARED = nn.Conv2d(4, 4, 1)


def net(choose):
    return nn.Sequential(
        nn.Conv2d(1, 4, 3, padding=1), {before}
        choose("the choice", {candidates}), {behind}
        nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(4, 10),
    )
"""


def networks(place: Place, draw: random.Random) -> str | None:
    """A candidate does what it must not: a line names it, and no run is left behind."""
    kind = draw.choice(sorted(_CANDIDATES))
    candidates = [f'"bad": lambda: {_CANDIDATES[kind]}', '"skip": nn.Identity', '"tanh": nn.Tanh']
    draw.shuffle(candidates)
    text = _NETWORK.replace("{candidates}", "{" + ", ".join(candidates) + "}")
    text = text.replace("{before}", draw.choice(["", "nn.ReLU(),", "nn.BatchNorm2d(4),"]))
    text = text.replace("{behind}", draw.choice(["", "nn.ReLU(inplace=True),", "nn.Dropout(),"]))
    (place.root / "bad.py").write_text(text)
    method = draw.choice(["random", "radars", "spos", "darts", "enas"])
    options = (*QUICK, "--set", f"method={method}", "--max-minutes", "0.01", "--out", "new")
    problem = place.run("search", "--space", "bad.py:net", *options).problem(1, 2, says="bad")
    if problem is None and (place.root / "new").exists():
        problem = "a run is left behind"
    return problem and f"{kind}, {method}: {problem}"


_ALIKE = """
from torch import nn


def net(choose):
    candidates = {}
    for width in (1, 3, 5):
        def build(width=width): return nn.Conv2d(4, 4, width, padding=width // 2)
        candidates[f"conv{width}"] = {candidate}
    return nn.Sequential(
        nn.Conv2d(1, 4, 3, padding=1), choose("a", candidates),
        nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(4, 10),
    )
"""
_BOUND = {
    "bound late": "lambda: nn.Conv2d(4, 4, width, padding=width // 2)",
    "bound by default": "build",
    "bound by lambda": "lambda width=width: nn.Conv2d(4, 4, width, padding=width // 2)",
    "the same": "lambda: nn.Conv2d(4, 4, 3, padding=1)",
}


def taken_for_another(place: Place, draw: random.Random) -> str | None:
    """Candidates of a loop: all the same is said, and those that differ have costs that differ."""
    kind = draw.choice(sorted(_BOUND))
    (place.root / "alike.py").write_text(_ALIKE.replace("{candidate}", _BOUND[kind]))
    run = place.root / "new"
    method = ("--set", f"method={draw.choice(['random', 'evolution', 'radars'])}")
    limit = ("--set", f"seed={draw.randrange(100)}", "--max-minutes", 0.02)
    space = ("--space", "alike.py:net")
    ended = place.run("search", *space, *QUICK, *method, *limit, "--out", run)
    is_same = kind in ("bound late", "the same")
    problem = ended.problem(0)
    if problem is None and ("are the same" in ended.err) != is_same:
        problem = f"what it says of them: {ended.err[-300:]!r}"
    return problem and f"{kind}: {problem}"
