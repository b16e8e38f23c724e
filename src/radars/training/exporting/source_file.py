"""The format `safetensors`: weights, and a Python file beside them that builds the network."""

import importlib.util
from pathlib import Path
from tempfile import TemporaryDirectory
from types import ModuleType
from typing import Any

import torch
from safetensors.torch import save
from torch import Tensor

from radars.example import call, mapped
from radars.objects import bare_name
from radars.training.exporting.network_source import NetworkSource
from radars.training.exporting.normalise_source import normalise_source, taken_said, usual_call
from radars.training.exporting.portable import check_same, facts, statistics_of
from radars.training.usable_network import UsableNetwork
from radars.training.weights_file import plain_state

HEADER = '"""Written by radars'

_TEMPLATE = '''{header} {version}: a network in plain PyTorch.

Reads its weights from the file of the same name that ends in `.safetensors`. Needs torch and
safetensors{needs}.

    network = load()
    scores = {usual_call}      # {said}
{usage}
Architecture, of the space {space}:
{architecture}
"""

{imports}from pathlib import Path

import torch
from safetensors.torch import load_file
from torch import Tensor, nn

CLASS_NAMES = {class_names}
INPUT_SHAPE = {input_shape}
MEAN = {mean}  # of each channel, of examples divided by LARGEST
STD = {std}
LARGEST = {largest}


{classes}def build() -> nn.Module:
    """The network with random weights; it is for use, what matters in training only is left out."""
    return {expression}


def load(weights: str | Path = Path(__file__).with_suffix(".safetensors")) -> nn.Module:
    """The trained network, in evaluation mode."""
    network = build()
    network.load_state_dict(load_file(weights))
    return network.eval()


{normalise}'''

_FOR_IMAGES = '''

def read_image(file: str | Path) -> Tensor:
    """The pixels of an image file, its centre resized: uint8 {one_shape}."""
    from PIL import Image

    channels, height, width = INPUT_SHAPE
    formats = ("PNG", "JPEG", "WEBP", "GIF", "BMP", "TIFF", "PPM")  # no other program is run
    image = Image.open(file, formats=formats).convert("L" if channels == 1 else "RGB")
    if image.size != (width, height):
        side = min(image.size)
        left, top = (image.width - side) / 2, (image.height - side) / 2
        box = (left, top, left + side, top + side)
        image = image.resize((width, height), Image.Resampling.BILINEAR, box)
    pixels = torch.frombuffer(bytearray(image.tobytes()), dtype=torch.uint8)
    return pixels.reshape(1, height, width, channels).permute(0, 3, 1, 2)


@torch.inference_mode()
def main() -> None:
    """Prints the likeliest class of each image."""
    network = load()
    for file in sys.argv[1:]:
        probabilities = network(normalise(read_image(file)))[0].softmax(-1)
        likeliest = int(probabilities.argmax())
        print(f"{{file}}: {{CLASS_NAMES[likeliest]}} ({{float(probabilities[likeliest]):.1%}})")


if __name__ == "__main__":
    main()
'''


def source_and_weights(trained: UsableNetwork, name: str) -> tuple[str, bytes, float]:
    """The two files, and how far the answers are from the network's.

    Args:
        trained: the network.
        name: the name of the Python file.

    Raises:
        SpaceError: the network cannot be written down.
        RunError: what was written would answer otherwise than the network.
    """
    source = source_text(trained, name)
    weights = save(plain_state(trained.network), metadata=facts(trained))
    return source, weights, _check(trained, source, weights)


def source_text(trained: UsableNetwork, name: str) -> str:
    """The Python file.

    Raises:
        SpaceError: the network cannot be written down.
    """
    known, source = facts(trained), NetworkSource(trained.network)
    mean, std = statistics_of(trained)
    choices = "\n".join(f"    {choice}: {name}" for choice, name in trained.architecture.items())
    imports = source.imports | ({"import sys"} if trained.takes_pixels else set())
    usage = f"\nFrom the command line: `python {_in_docstring(name)} IMAGE ...`\n"
    text = _TEMPLATE.format(
        header=HEADER,
        version=known["written_by"].removeprefix("radars "),
        needs="; `read_image` needs Pillow too" if trained.takes_pixels else "",
        usual_call=usual_call(trained),
        said=_in_docstring(taken_said(trained)),
        normalise=normalise_source(trained),
        usage=usage if trained.takes_pixels else "",
        space=_in_docstring(bare_name(trained.config.space)),
        architecture=_in_docstring(choices),
        imports="".join(f"{line}\n" for line in sorted(imports)),
        class_names=repr(trained.class_names),
        input_shape=repr(trained.input_shape),
        mean=repr(mapped(tuple, mean)),
        std=repr(mapped(tuple, std)),
        largest=repr(mapped(lambda one: one.largest, trained.normalisation)),
        classes="".join(f"{definition}\n\n" for definition in source.classes.values()),
        expression=source.expression.render(4, len("return ")),
    )
    if not trained.takes_pixels:
        return text
    return text + _FOR_IMAGES.format(one_shape=(1, *trained.input_shape))


def _in_docstring(text: str) -> str:
    """Text that ends no docstring and begins no escape."""
    return text.replace("\\", "\\\\").replace('"', '\\"')


def _check(trained: UsableNetwork, source: str, weights: bytes) -> float:
    with TemporaryDirectory() as folder:
        file = Path(folder, "network.py")
        file.write_text(source, "utf-8")
        file.with_suffix(".safetensors").write_bytes(weights)
        written: Any = _imported(file)
        network = written.load()
    network.to(memory_format=torch.channels_last)  # as the trained one is

    def run(*inputs: Tensor, **named: Tensor) -> Tensor:
        score_BK: Tensor = call(network, written.normalise(*inputs, **named))
        return score_BK

    return check_same(trained, run, "the Python file")


def _imported(file: Path) -> ModuleType:
    spec = importlib.util.spec_from_file_location("radars_export_check", file)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module
