"""`Portable`: from pixels, or other examples, to scores; what an exported file computes.

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
        self._of_ids = trained.normalisation.is_of_ids
        if self._of_ids:
            self.eval()
            return
        scale_C, shift_C = trained.normalisation.factors(len(trained.input_shape) - 1)
        self.register_buffer("scale", scale_C)
        self.register_buffer("shift", shift_C)
        self.eval()

    def forward(self, image: Tensor) -> Tensor:
        """The scores (B, K), before softmax, of images, uint8 (B, C, H, W), or other examples."""
        if not self._of_ids:
            image = image.to(torch.float32) * self.scale - self.shift
        output: Tensor = self.network(image)
        return output


def facts(trained: UsableNetwork) -> dict[str, str]:
    """What a user of the file must know; goes into the file, as text by name."""
    mean_C, std_C, _ = trained.normalisation
    return {
        "class_names": json.dumps(list(trained.class_names)),
        "input_shape": json.dumps(list(trained.input_shape)),
        "input": _input_said(trained),
        "output": f"scores: float32 (batch, {trained.num_classes}), before softmax, in the order "
        f"of class_names",
        "mean": json.dumps(mean_C.tolist()),
        "std": json.dumps(std_C.tolist()),
        "space": trained.config.space,
        "architecture": trained.architecture.to_json(),
        "written_by": f"radars {radars.__version__}",
    }


def _input_said(trained: UsableNetwork) -> str:
    sizes = ", ".join(map(str, trained.input_shape))
    if not trained.takes_pixels:
        dtype = "int64" if trained.normalisation.is_of_ids else "float32"
        return f"{input_name(trained)}: {dtype} (batch, {sizes}), as the training data had them"
    colours = "greyscale" if trained.input_shape[0] == 1 else "RGB"
    return (
        f"{input_name(trained)}: uint8 (batch, {sizes}), {colours}, values 0 to 255; of other "
        f"sizes, resize the short side and keep the centre"
    )


def input_name(trained: UsableNetwork) -> str:
    """What the input of an exported file is called."""
    return "image" if trained.takes_pixels else "example"


def random_images(trained: UsableNetwork) -> Iterator[Tensor]:
    """Batches of several sizes: random pixels, uint8 (B, C, H, W), or examples (B, C, ...)."""
    generator = torch.Generator().manual_seed(0)
    for batch_size in _BATCH_SIZES:
        shape = (batch_size, *trained.input_shape)
        if trained.takes_pixels:
            yield torch.randint(256, shape, dtype=torch.uint8, generator=generator)
        elif trained.normalisation.is_of_ids:
            yield torch.randint(2, shape, generator=generator)  # there are two tokens at least
        else:
            yield torch.randn(shape, generator=generator)


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
