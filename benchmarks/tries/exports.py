"""Networks that are hard to export: a file that works, or a line and no file."""

import random

from tries.place import Place

_LAYERS = {
    "weight norm": "torch.nn.utils.parametrizations.weight_norm(nn.Conv2d(4, 4, 3, padding=1))",
    "old weight norm": "torch.nn.utils.weight_norm(nn.Conv2d(4, 4, 3, padding=1))",
    "spectral norm": "torch.nn.utils.parametrizations.spectral_norm(nn.Conv2d(4, 4, 1))",
    "compiled": 'torch.compile(nn.Conv2d(4, 4, 1), backend="eager")',
    "compiled in place": "compiled(nn.Conv2d(4, 4, 1))",
    "scripted": "torch.jit.script(nn.Conv2d(4, 4, 1))",
    "scripted class": "torch.jit.script(Plain())",
    "traced": "torch.jit.trace(nn.Conv2d(4, 4, 1), torch.zeros(1, 4, 8, 8))",
    "lazy": "nn.LazyConv2d(4, 1)",
    "tied": "Tied()",
    "random": "Does(lambda x: x + torch.rand_like(x))",
    "numpy": "Does(lambda x: x + torch.from_numpy(x.detach().numpy()))",
    "by value": "Does(lambda x: x if x.sum() > 0 else -x)",
    "by batch": "Does(lambda x: x * len(x))",
    "hooked": "hooked(nn.Conv2d(4, 4, 1))",
    "double": "Does(lambda x: x.double().sin().float())",
    "complex within": "Does(lambda x: torch.fft.ifft2(torch.fft.fft2(x)).real)",
    "global": "Does(lambda x: x + SCALE)",
}
_NETWORK = """
import torch
from torch import nn

SCALE = torch.ones(1)


class Does(nn.Module):
    def __init__(self, does):
        super().__init__()
        self.does = does

    def forward(self, x):
        return self.does(x)


class Plain(nn.Module):
    def forward(self, x):
        return x * 2


class Tied(nn.Module):
    def __init__(self):
        super().__init__()
        self.first, self.second = nn.Conv2d(4, 4, 1), nn.Conv2d(4, 4, 1)
        self.second.weight = self.first.weight

    def forward(self, x):
        return self.second(self.first(x))


def compiled(layer):
    layer.compile(backend="eager")
    return layer


def hooked(layer):
    layer.register_forward_hook(lambda module, inputs, output: output * 2)
    return layer


def net(choose):
    return nn.Sequential(
        nn.Conv2d(1, 4, 3, padding=1), LAYER,
        choose("a", {"relu": nn.ReLU, "tanh": nn.Tanh}),
        nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(4, 10),
    )
"""


def exports(place: Place, draw: random.Random) -> str | None:
    """A network with a layer that is hard to export: what is written works, or it is one line."""
    kind = draw.choice(sorted(_LAYERS))
    (place.root / "hard.py").write_text(_NETWORK.replace("LAYER", _LAYERS[kind]))
    (place.root / "hard.json").write_text('{"a": "relu"}')
    options = ("--epochs", 1, "--set", "data.num_train=64", "--set", "loggers=[]")
    space = ("--space", "hard.py:net")
    trained = place.run("train", "hard.json", *space, *options, "--out", "new")
    if trained.status:
        problem = trained.problem(1, 2)
        return problem and f"{kind}: {problem}"
    suffix = draw.choice(["onnx", "pt2", "safetensors"])
    file = place.root / f"net.{suffix}"
    ended = place.run("export", "new", "--out", file)
    problem = ended.problem(0, 1, 2)
    if problem is None and ended.status and list(place.root.glob("net.*")):
        problem = "a file is left behind"
    if problem is None and not ended.status and not file.exists():
        problem = "no file is there"
    return problem and f"{kind}, {suffix}: {problem}"
