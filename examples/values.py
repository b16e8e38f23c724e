"""Widths, depths, kernels and expansions as values, some of them inside candidates of others.

From the plan to a file that works without radars, on the digits of scikit-learn.
"""

from functools import partial
from pathlib import Path
from tempfile import mkdtemp

from torch import nn

import radars
from radars.nn.operations import classifier, conv_bn_relu, mbconv


def conv(choose: radars.Choose, i: int, width: int) -> nn.Module:
    return conv_bn_relu(width, width, kernel_size=choose(f"kernel{i}", [3, 5, 7]))


def mb(choose: radars.Choose, i: int, width: int) -> nn.Module:
    return mbconv(width, width, 3, expand_ratio=choose(f"expand{i}", [3, 4, 6]))


def net(choose: radars.Choose) -> nn.Module:
    """8,379 networks for images of 8x8."""
    width = choose("width", [16, 24, 32])
    depth = choose("depth", [2, 3, 4])
    blocks = [
        choose(
            f"block{i}",
            {
                "skip": nn.Identity,
                "conv": partial(conv, choose, i, width),
                "mb": partial(mb, choose, i, width),
            },
        )
        for i in range(depth)
    ]
    return nn.Sequential(conv_bn_relu(1, width), *blocks, classifier(width, 10))


def main() -> None:
    """Plans, searches within a bound, trains, exports, reports."""
    out = Path(mkdtemp())
    space = radars.SearchSpace(net)
    print(radars.plan(space, input_shape=(1, 8, 8), batch_size=32, budget="32MiB"))
    found = radars.search(
        space,
        "digits",
        budget="32MiB",
        max_minutes=0.2,
        batch_size=32,
        constraints=["macs<=1.5M"],
        out=out / "search",
    )
    print(dict(found.architecture), f"{found.macs:,} multiply-accumulates")
    trained = radars.train(found, "digits", epochs=2, out=out / "train")
    print(trained.evaluate().test_accuracy)
    trained.export(out / "net.onnx")
    print(radars.report(out / "search"))


if __name__ == "__main__":
    main()
