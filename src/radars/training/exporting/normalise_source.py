"""How the Python file of an export says what the network takes, and normalises it."""

from collections.abc import Mapping

from radars.example import Shape, is_several, parts_of
from radars.training.exporting.portable import input_names, inputs_said
from radars.training.usable_network import UsableNetwork

_NORMALISED = "{}.to(torch.float32) * (1 / (LARGEST * std)) - mean / std"
_OF_ONE = '''def normalise({input}: Tensor) -> Tensor:
    """Examples {shape} as the network takes them."""
    sizes = (-1, *[1] * (len(INPUT_SHAPE) - 1))
    mean, std = (torch.tensor(each, device={input}.device).view(sizes) for each in (MEAN, STD))
    return {normalised}
'''
_OF_SEVERAL = '''def normalise({parameters}) -> {returned}:
    """The inputs of examples as the network takes them."""
    return {whole}
'''
_OF_FLOATS = """

def _normalised(values: Tensor, which: int | str) -> Tensor:
    sizes = (-1, *[1] * (values.dim() - 2))
    mean, std = (
        torch.tensor(each[which], device=values.device).view(sizes) for each in (MEAN, STD)
    )
    return values.to(torch.float32) * (1 / (LARGEST[which] * std)) - mean / std
"""


def taken_said(trained: UsableNetwork) -> str:
    """What the network takes, for people."""
    if not trained.takes_pixels:
        return inputs_said(trained)
    return f"image: uint8 {_of_batch(trained.input_shape)}, values 0 to 255"


def usual_call(trained: UsableNetwork) -> str:
    """How the network is called with what `normalise` returns."""
    names = input_names(trained)
    if isinstance(trained.input_shape, Mapping):
        return f"network(**normalise({', '.join(f'{name}={name}' for name in names)}))"
    stars = "*" if is_several(trained.input_shape) else ""
    return f"network({stars}normalise({', '.join(names)}))"


def normalise_source(trained: UsableNetwork) -> str:
    """The function that normalises."""
    if is_several(trained.input_shape):
        return _of_several(trained)
    [name], is_of_ids = input_names(trained), trained.normalisation.is_of_ids
    return _OF_ONE.format(
        input=name,
        shape=_of_batch(trained.input_shape),
        normalised=name if is_of_ids else _NORMALISED.format(name),
    )


def _of_several(trained: UsableNetwork) -> str:
    names, is_named = input_names(trained), isinstance(trained.input_shape, Mapping)
    lines = []
    for index, (name, one) in enumerate(zip(names, parts_of(trained.normalisation), strict=True)):
        which = f'"{name}"' if is_named else index
        value = name if one.is_of_ids else f"_normalised({name}, {which})"
        lines.append(f"        {f'{which}: ' if is_named else ''}{value},\n")
    begin, end = "{}" if is_named else "()"
    source = _OF_SEVERAL.format(
        parameters=", ".join(f"{name}: Tensor" for name in names),
        returned="dict[str, Tensor]" if is_named else "tuple[Tensor, ...]",
        whole=f"{begin}\n{''.join(lines)}    {end}",
    )
    are_ids = all(one.is_of_ids for one in parts_of(trained.normalisation))
    return source if are_ids else source + _OF_FLOATS


def _of_batch(shape: Shape) -> str:
    return f"(batch, {', '.join(map(str, shape))})"
