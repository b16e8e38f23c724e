"""What the network of a space must return for a batch of the data that it is searched on."""

import torch
from torch import nn

from radars.errors import SpaceError, first_line
from radars.example import InputShape, are_floats, call_said, is_several
from radars.space.blueprint import blank_output
from radars.space.search_space import SearchSpace


def check_output(
    network: nn.Module,
    space: SearchSpace,
    input_shape: InputShape,
    output_shape: tuple[int, ...],
) -> None:
    """Checks that a network on the meta device maps a batch of two to what the task takes.

    Args:
        network: one of the space.
        space: the space.
        input_shape: the shape of one example.
        output_shape: the shape of what is returned for one: (K,), or (K, H, W) where each pixel has
            a class.

    Raises:
        SpaceError: it does not.
    """
    try:
        output = blank_output(network.eval(), 2, input_shape, space.input_dtype)
    except (Exception, SystemExit) as error:
        ids = ""
        if not are_floats(space.input_dtype):
            ids = " of integers (where they measure something, pass floats)"
        what, remedy = f", {input_shape}{ids}", "adapt its first layers, or set data.image_size"
        if is_several(input_shape):
            what, remedy = f" as {call_said(input_shape)}{ids}", "adapt its forward"
        raise SpaceError(
            f"a network takes the data's examples{what}, but {space.name!r} does not: "
            f"{first_line(error)}; {remedy}"
        ) from error
    if not isinstance(output, torch.Tensor):
        raise SpaceError(
            f"a network returns one tensor in evaluation mode, but {space.name!r} returns a "
            f"{type(output).__name__}; return others only where self.training, or wrap it in a "
            f"module that returns one, such as its logits"
        )
    wanted, shape = (2, *output_shape), tuple(output.shape)
    if shape == wanted:
        return
    if len(output_shape) > 1:
        raise SpaceError(
            f"a network returns each class of each pixel, (batch, {_said(output_shape)}), but "
            f"{space.name!r} returns {shape}; set the channels of its last layer, and make its "
            f"output as large as the masks"
        )
    raise SpaceError(
        f"a network returns one number a class, (batch, {_said(output_shape)}), but "
        f"{space.name!r} returns {shape}; set num_classes"
    )


def _said(shape: tuple[int, ...]) -> str:
    return ", ".join(map(str, shape))
