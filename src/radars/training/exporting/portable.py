"""`Portable`: from pixels, or other examples, to scores; what an exported file computes.

Shapes: B batch, C channels, H height, W width, K classes.
"""

import inspect
import json
from collections.abc import Callable, Iterator, Mapping
from functools import partial

import torch
from torch import Tensor, nn

import radars
from radars.data import Normalisation
from radars.errors import RunError
from radars.example import Example, Form, Shape, call, is_several, mapped, parts_of, with_parts
from radars.objects import bare_name
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


class PortableOfSeveral(nn.Module):
    """The same of a network of several inputs, which are its arguments, by their names.

    Args:
        trained: the network.
    """

    def __init__(self, trained: UsableNetwork) -> None:
        super().__init__()
        self.network = trained.network
        shapes, normalisations = map(parts_of, (trained.input_shape, trained.normalisation))
        self.inputs = nn.ModuleList(map(_Normalised, normalisations, shapes))
        names = parameter_names(trained)

        def forward(*inputs: Tensor, **named: Tensor) -> Tensor:
            parts = [*inputs, *(named[name] for name in names[len(inputs) :])]
            whole = [one(part) for one, part in zip(self.inputs, parts, strict=True)]
            output: Tensor = call(self.network, with_parts(trained.input_shape, whole))
            return output

        kind = inspect.Parameter.POSITIONAL_OR_KEYWORD
        said = inspect.Signature([inspect.Parameter(name, kind) for name in names])
        forward.__signature__ = said  # type: ignore[attr-defined] # torch.export reads it
        self.forward = forward
        self.eval()


class _Normalised(nn.Module):
    """One of several inputs, normalised."""

    scale: Tensor
    shift: Tensor

    def __init__(self, normalisation: Normalisation, shape: Shape) -> None:
        super().__init__()
        self._of_ids = normalisation.is_of_ids
        if not self._of_ids:
            scale_C, shift_C = normalisation.factors(len(shape) - 1)
            self.register_buffer("scale", scale_C)
            self.register_buffer("shift", shift_C)

    def forward(self, value: Tensor) -> Tensor:
        return value if self._of_ids else value.to(torch.float32) * self.scale - self.shift


def portable_of(trained: UsableNetwork) -> nn.Module:
    """A trained network with the normalisation of its inputs."""
    return PortableOfSeveral(trained) if is_several(trained.input_shape) else Portable(trained)


def statistics_of(trained: UsableNetwork) -> tuple[Form[list[float]], Form[list[float]]]:
    """The mean and the standard deviation of each channel; of several inputs, of each."""
    mean = mapped(lambda one: one.mean_C.tolist(), trained.normalisation)
    return mean, mapped(lambda one: one.std_C.tolist(), trained.normalisation)


def facts(trained: UsableNetwork) -> dict[str, str]:
    """What a user of the file must know; goes into the file, as text by name."""
    mean, std = statistics_of(trained)
    return {
        "class_names": json.dumps(list(trained.class_names)),
        "input_shape": json.dumps(trained.input_shape),
        "input": _input_said(trained),
        "output": f"scores: float32 (batch, {trained.num_classes}), before softmax, in the order "
        f"of class_names",
        "mean": json.dumps(mean),
        "std": json.dumps(std),
        "space": bare_name(trained.config.space),
        "architecture": trained.architecture.to_json(),
        "written_by": f"radars {radars.__version__}",
    }


def _input_said(trained: UsableNetwork) -> str:
    if not trained.takes_pixels:
        return f"{inputs_said(trained)}, as the training data had them"
    sizes = ", ".join(map(str, trained.input_shape))
    colours = "greyscale" if trained.input_shape[0] == 1 else "RGB"
    return (
        f"image: uint8 (batch, {sizes}), {colours}, values 0 to 255; of other "
        f"sizes, resize the short side and keep the centre"
    )


def inputs_said(trained: UsableNetwork) -> str:
    """Each input that is no image of pixels, for people: `ids: int64 (batch, 8)`."""
    dtypes = ["int64" if n.is_of_ids else "float32" for n in parts_of(trained.normalisation)]
    shapes = [", ".join(map(str, shape)) for shape in parts_of(trained.input_shape)]
    said = map("{}: {} (batch, {})".format, input_names(trained), dtypes, shapes)
    return "; ".join(said)


def input_names(trained: UsableNetwork) -> list[str]:
    """What the inputs of an exported file are called: of a dict as there, of a tuple by number."""
    shape = trained.input_shape
    if isinstance(shape, Mapping):
        return sorted(shape)
    if is_several(shape):
        return [f"input{index}" for index in range(len(shape))]
    return ["image" if trained.takes_pixels else "example"]


def parameter_names(trained: UsableNetwork) -> list[str]:
    """What the parameters of the forward of a portable network are called."""
    return input_names(trained) if is_several(trained.input_shape) else ["image"]


def random_examples(trained: UsableNetwork) -> Iterator[Example]:
    """Batches of several sizes: random pixels, uint8 (B, C, H, W), or examples (B, C, ...)."""
    generator = torch.Generator().manual_seed(0)

    def drawn(size: int, sizes: Shape, normalisation: Normalisation) -> Tensor:
        shape = (size, *sizes)
        if trained.takes_pixels:
            return torch.randint(256, shape, dtype=torch.uint8, generator=generator)
        if normalisation.is_of_ids:
            return torch.randint(2, shape, generator=generator)  # there are two tokens at least
        return torch.randn(shape, generator=generator)

    for batch_size in _BATCH_SIZES:
        yield mapped(partial(drawn, batch_size), trained.input_shape, trained.normalisation)


@torch.inference_mode()
def check_same(trained: UsableNetwork, exported: Callable[..., Tensor], what: str) -> float:
    """Compares what was exported with the network, on random examples.

    Returns:
        The largest difference of a score.

    Raises:
        RunError: they differ.
    """
    portable, largest = portable_of(trained), 0.0
    for example_B in random_examples(trained):
        expected_BK, got_BK = call(portable, example_B), call(exported, example_B)
        difference = float((expected_BK - got_BK).abs().max())
        largest = max(largest, difference)
        if not torch.allclose(expected_BK, got_BK, rtol=TOLERANCE, atol=TOLERANCE):
            raise RunError(
                f"an export answers as the network does, but {what} differs by {difference:.2g}; "
                f"nothing was written; choose another --format"
            )
    return largest
