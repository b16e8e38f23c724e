"""`heat_map`: what a search prefers and has pruned, as a picture for TensorBoard and its like.

Shapes: H height, W width, 3 colours.
"""

from collections.abc import Mapping

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from radars.tracking.curves import Picture

Preferences = Mapping[str, Mapping[str, float | None]]
"""Choice to every candidate to its probability; None where it is pruned."""

_CELL = 22  # pixels
_LIGHT, _DARK = (243, 246, 250), (11, 74, 143)


def heat_map(preferences: Preferences) -> Picture:
    """A row a choice, a square a candidate: darker is likelier, a cross is pruned.

    Args:
        preferences: choice to candidate to its probability, None where it is pruned.

    Returns:
        A picture (H, W, 3), with the names of the choices on the left.
    """
    font = ImageFont.load_default(12)
    margin = 8 + round(max(font.getlength(choice) for choice in preferences))
    width = margin + _CELL * max(map(len, preferences.values())) + 4
    image = Image.new("RGB", (width, _CELL * len(preferences) + 4), "white")
    draw = ImageDraw.Draw(image)
    for row, (choice, values) in enumerate(preferences.items()):
        top = 2 + row * _CELL
        draw.text((4, top + 4), choice, "black", font)
        for column, value in enumerate(values.values()):
            left = margin + column * _CELL
            box = (left + 1, top + 1, left + _CELL - 2, top + _CELL - 2)
            if value is None:
                draw.rectangle(box, outline="gray")
                draw.line((*box[:2], *box[2:]), "gray")
                draw.line((box[0], box[3], box[2], box[1]), "gray")
            else:
                draw.rectangle(box, _shade(value), outline="gray")
    return np.asarray(image)


def _shade(value: float) -> tuple[int, int, int]:
    red, green, blue = (
        round(light + (dark - light) * value) for light, dark in zip(_LIGHT, _DARK, strict=True)
    )
    return red, green, blue
