"""A timm network made searchable, block by block, with the weights that it has; `pip install timm`.

In small: narrow, for digits, and with weights that are random. With `pretrained=True` timm fetches
trained ones; `docs/fine-tune.md` does it for photos, within 8 GiB.
"""

from pathlib import Path
from tempfile import mkdtemp
from typing import Any

import timm
from torch import nn

import radars

SETTINGS: dict[str, Any] = {
    "layers": (1, 1, 2, 2), "channels": (16, 16, 16, 16), "in_chans": 1, "num_classes": 10,
}  # fmt: skip
WEIGHTS = timm.create_model("resnet26", pretrained=False, **SETTINGS).state_dict()


def network() -> nn.Module:
    model: nn.Module = timm.create_model("resnet26", **SETTINGS)
    model.load_state_dict(WEIGHTS)
    return model


def thin(block: nn.Module) -> nn.Module:
    """The more important half of the channels between its convolutions, with their weights."""
    half = radars.narrowed(block, "conv1", "conv2", 0.5, ["bn1"])
    return radars.narrowed(half, "conv2", "conv3", 0.5, ["bn2"])


def main() -> None:
    """Searches which blocks to keep, to make thinner and to leave out; trains and exports."""
    candidates = {"keep": lambda block: block, "thin": thin, "skip": lambda block: nn.Identity()}
    space = radars.SearchSpace(radars.searchable(network, {"layer[1-4].[1-9]": candidates}))
    found = radars.search(
        space,
        "digits",
        budget="64MiB",
        constraints=["latency_ms<=1000"],
        batch_size=32,
        num_rounds=1,
        explore={"steps": 16, "ranker_draws": 4},
        differentiate={"steps": 4},
        select={"finalists": 2, "halving_steps": [4]},
    )
    print(dict(found.architecture), f"{found.parameters:,} parameters")
    trained = radars.train(found, epochs=1, optimizer={"learning_rate": 0.01})
    print(trained.evaluate().test_accuracy)
    file = Path(mkdtemp()) / "digits.onnx"
    trained.export(file)
    print(file)


if __name__ == "__main__":
    main()
