"""Classifies images by an ONNX file that `radars export` wrote: `classify.py FILE.onnx IMAGE ...`.

It needs onnxruntime, numpy and Pillow, and neither radars nor torch.
"""

import json
import sys

import numpy as np
import onnxruntime
from PIL import Image


def read_image(file: str, channels: int, height: int, width: int) -> np.ndarray:
    """The pixels of the centre of an image, as the network takes them: uint8 (1, C, H, W)."""
    image = Image.open(file).convert("L" if channels == 1 else "RGB")
    if image.size != (width, height):
        side = min(image.size)
        left, top = (image.width - side) / 2, (image.height - side) / 2
        box = (left, top, left + side, top + side)
        image = image.resize((width, height), Image.Resampling.BILINEAR, box)
    return np.asarray(image).reshape(1, height, width, channels).transpose(0, 3, 1, 2)


def main() -> None:
    model, *images = sys.argv[1:]
    session = onnxruntime.InferenceSession(model, providers=["CPUExecutionProvider"])
    facts = session.get_modelmeta().custom_metadata_map
    class_names = json.loads(facts["class_names"])
    for file in images:
        pixels = read_image(file, *json.loads(facts["input_shape"]))
        [scores] = session.run(["scores"], {"image": pixels})
        odds = np.exp(scores[0] - scores[0].max())
        probabilities = odds / odds.sum()
        likeliest = probabilities.argmax()
        print(f"{file}: {class_names[likeliest]} ({probabilities[likeliest]:.1%})")


if __name__ == "__main__":
    main()
