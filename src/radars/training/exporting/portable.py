"""`Portable`: from the pixels of images to the scores of classes; what an exported file computes.

Shapes: B batch, C channels, H height, W width, K classes.
"""

import json
from collections.abc import Callable, Iterator

import torch
from torch import Tensor, nn

import radars
from radars.errors import RunError
from radars.training.usable_network import UsableNetwork

_BATCH_SIZES = (1, 3)
TOLERANCE = 1e-4


class Portable(nn.Module):
    """A trained network with the normalisation of its inputs.

    Args:
        trained: the network.
    """

    scale: Tensor
    shift: Tensor

    def __init__(self, trained: UsableNetwork) -> None:
        super().__init__()
        self.network = trained.network
        scale_C11, shift_C11 = trained.normalisation.factors()
        self.register_buffer("scale", scale_C11)
        self.register_buffer("shift", shift_C11)
        self.eval()

    def forward(self, image: Tensor) -> Tensor:
        """The scores (B, K), before softmax, of images: uint8 (B, C, H, W), values 0 to 255."""
        output: Tensor = self.network(image.to(torch.float32) * self.scale - self.shift)
        return output


def facts(trained: UsableNetwork) -> dict[str, str]:
    """What a user of the file must know; goes into the file, as text by name."""
    channels, height, width = trained.image_shape
    mean_C, std_C, _ = trained.normalisation
    colours = "greyscale" if channels == 1 else "RGB"
    return {
        "class_names": json.dumps(list(trained.class_names)),
        "input_shape": json.dumps(list(trained.input_shape)),
        "input": f"image: uint8 (batch, {channels}, {height}, {width}), {colours}, values 0 to "
        f"255; of other sizes, resize the short side and keep the centre",
        "output": f"scores: float32 (batch, {trained.num_classes}), before softmax, in the order "
        f"of class_names",
        "mean": json.dumps(mean_C.tolist()),
        "std": json.dumps(std_C.tolist()),
        "space": trained.config.space,
        "architecture": trained.architecture.to_json(),
        "written_by": f"radars {radars.__version__}",
    }


def random_images(trained: UsableNetwork) -> Iterator[Tensor]:
    """Batches of several sizes, of random pixels: uint8 (B, C, H, W)."""
    generator = torch.Generator().manual_seed(0)
    for batch_size in _BATCH_SIZES:
        shape = (batch_size, *trained.input_shape)
        yield torch.randint(256, shape, dtype=torch.uint8, generator=generator)


@torch.inference_mode()
def check_same(trained: UsableNetwork, exported: Callable[[Tensor], Tensor], what: str) -> float:
    """Compares what was exported with the network, on random images.

    Returns:
        The largest difference of a score.

    Raises:
        RunError: they differ.
    """
    portable, largest = Portable(trained), 0.0
    for image_BCHW in random_images(trained):
        expected_BK, got_BK = portable(image_BCHW), exported(image_BCHW)
        difference = float((expected_BK - got_BK).abs().max())
        largest = max(largest, difference)
        if not torch.allclose(expected_BK, got_BK, rtol=TOLERANCE, atol=TOLERANCE):
            raise RunError(
                f"an export answers as the network does, but {what} differs by {difference:.2g}; "
                f"nothing was written; choose another --format"
            )
    return largest
