"""`Example`: what a network is called with: one tensor, or several in a tuple or a dict.

What there is for each input, such as a shape, a type or a normalisation, comes in the same form.
All that must tell one input from several is here.
"""

import operator
from collections.abc import Callable, Iterable, Mapping, Sequence
from itertools import repeat
from typing import Any, TypeAlias, TypeVar

import torch
from torch import Tensor

from radars.errors import ConfigError, SpaceError
from radars.units import parse_shape

T = TypeVar("T")


class Named(dict[str, T]):
    """What there is for each input, by name, in alphabetical order; can be a key, as tuples can."""

    def __init__(self, parts: Mapping[str, T] | Iterable[tuple[str, T]] = ()) -> None:
        super().__init__(sorted(dict(parts).items()))

    def __hash__(self) -> int:  # type: ignore[override]
        return hash(tuple(self.items()))


Form: TypeAlias = T | tuple[T, ...] | Named[T]
"""One input; several without names, in their order; or several by name."""
Shape: TypeAlias = tuple[int, ...]
"""The shape of one input of one example, without the batch."""
Example: TypeAlias = Form[Tensor]
InputShape: TypeAlias = Form[Shape]
InputDtype: TypeAlias = Form[torch.dtype]


def is_several(form: Form[Any]) -> bool:
    """Whether it is of several inputs; one shape is a tuple too, of numbers."""
    if type(form) is tuple:  # a named tuple is one thing
        return not form or not all(isinstance(number, int) for number in form)
    return isinstance(form, Mapping)


def parts_of(form: Form[Any]) -> list[Any]:
    """What there is for each input, in order."""
    if isinstance(form, Mapping):
        return [form[name] for name in sorted(form)]
    return list(form) if is_several(form) else [form]


def with_parts(form: Form[Any], parts: Iterable[T]) -> Form[T]:
    """Other parts in the same form, as many and in the same order."""
    if isinstance(form, Mapping):
        return Named(zip(sorted(form), parts, strict=True))
    whole = tuple(parts)
    return whole if is_several(form) else whole[0]


def mapped(function: Callable[..., T], form: Form[Any], *others: Form[Any]) -> Form[T]:
    """Calls a function with the parts of each input; returns what it gives in the same form."""
    together = zip(parts_of(form), *map(parts_of, others), strict=True)
    return with_parts(form, [function(*parts) for parts in together])


def as_form(given: Any) -> Form[Any]:
    """A form as users have it: a mapping of any kind, a list or a tuple, or one thing."""
    if isinstance(given, Mapping):
        return Named({str(name): part for name, part in given.items()})
    return tuple(given) if isinstance(given, list) else given


def same_form(one: Form[Any], other: Form[Any]) -> bool:
    """Whether two are of as many inputs, of the same names."""
    return said_of(one) == said_of(other)


def said_of(form: Form[Any]) -> Form[str]:
    """What people call each input: `input 0`, `input 'ids'`; the only one has no name."""
    if isinstance(form, Mapping):
        return Named({name: f"input {name!r}" for name in form})
    number = len(parts_of(form))
    return tuple(f"input {k}" for k in range(number)) if is_several(form) else ""


def arguments_of(example_B: Example) -> tuple[tuple[Tensor, ...], dict[str, Tensor]]:
    """With what a network is called: `network(*tuple)`, `network(**dict)` or `network(tensor)`."""
    if isinstance(example_B, Mapping):
        return (), dict(example_B)
    return tuple(parts_of(example_B)), {}


def call(network: Callable[..., Any], example_B: Example) -> Any:
    """What a network returns for a batch."""
    inputs, named = arguments_of(example_B)
    return network(*inputs, **named)


def call_said(input_shape: InputShape) -> str:
    """How a network is called, for people: `network(image=(1, 8, 8), table=(5,))`."""
    named = isinstance(input_shape, Mapping)
    names = [f"{name}=" for name in sorted(input_shape)] if named else repeat("")
    said = map("{}{}".format, names, parts_of(input_shape))
    return f"network({', '.join(said)})"


def split_batch(example_B: Example, number: int) -> list[Example]:
    """A batch in so many parts of about the same size."""
    pieces = [part_B.tensor_split(number) for part_B in parts_of(example_B)]
    return [with_parts(example_B, piece) for piece in zip(*pieces, strict=True)]


def batch_size_of(example_B: Example) -> int:
    """How many examples there are in a batch."""
    return len(parts_of(example_B)[0])


def device_of(example_B: Example) -> torch.device:
    """Where a batch is."""
    device: torch.device = parts_of(example_B)[0].device
    return device


def shape_of(example: Example) -> InputShape:
    """The shape of an example."""
    return mapped(lambda part: tuple(part.shape), example)


def dtype_of(example: Example) -> InputDtype:
    """Its type: one where all inputs have the same."""
    return merged(mapped(lambda part: part.dtype, example))


def merged(dtype: InputDtype) -> InputDtype:
    """Types, as one where all are the same."""
    return parts_of(dtype)[0] if len(set(parts_of(dtype))) == 1 else dtype


def are_floats(dtype: InputDtype) -> bool:
    """Whether all inputs are floats."""
    return all(part.is_floating_point for part in parts_of(dtype))


def blank(
    batch_size: int, input_shape: InputShape | Sequence[int], dtype: InputDtype = torch.float32
) -> Any:
    """A batch of no values, on the current device; of integers zeros, which are tokens too.

    Args:
        batch_size: examples in it.
        input_shape: the shape of one example, without the batch.
        dtype: the dtype of an example; one may stand for all inputs.

    Raises:
        SpaceError: the types are not of the inputs of the shape.
    """

    def one(shape: Sequence[int], dtype: torch.dtype) -> Tensor:
        sizes = (batch_size, *shape)
        return torch.empty(sizes) if dtype.is_floating_point else torch.zeros(sizes, dtype=dtype)

    if is_several(dtype) and not same_form(dtype, input_shape):
        raise SpaceError(
            f"input_dtype is one type, or one for each of the inputs {input_shape}, but got "
            f"{dtype}; give as many"
        )
    if not is_several(dtype):
        dtype = with_parts(input_shape, parts_of(dtype) * len(parts_of(input_shape)))
    return mapped(one, input_shape, dtype)


def as_input_shape(given: Any) -> InputShape:
    """A shape, or several, as they are given or as a file has them: sequences, or a dict of them.

    Raises:
        ConfigError: it is none of these.
    """
    try:
        if isinstance(given, Mapping):
            shapes = {str(name): _shape(shape) for name, shape in given.items()}
            if shapes:
                return Named(shapes)
        elif hasattr(given[0], "__len__"):
            return tuple(map(_shape, given))
        else:
            return _shape(given)
    except (TypeError, LookupError, ValueError):
        pass
    raise ConfigError(
        f"an input shape is whole numbers, a tuple of such shapes or a dict of them, but got "
        f"{given!r}; write it like (3, 32, 32) or {{'image': (3, 32, 32), 'table': (5,)}}"
    )


def parse_input(text: str) -> InputShape:
    """Reads `3x224x224`; of several inputs `3x224x224+10`, or `image=3x224x224+table=10`.

    Raises:
        ConfigError: it is none of these.
    """
    named = [part.rpartition("=") for part in text.split("+")]
    shapes = [parse_shape(shape) for _, _, shape in named]
    names = [name for name, _, _ in named if name]
    if not names:
        return tuple(shapes) if len(shapes) > 1 else shapes[0]
    if len(set(names)) < len(shapes):
        raise ConfigError(
            f"every input has a name of its own or none has one, but got {text!r}; write it like "
            f"image=3x224x224+table=10"
        )
    return Named(zip(names, shapes, strict=True))


def _shape(given: Any) -> Shape:
    shape = tuple(map(operator.index, given))
    if not shape or min(shape) < 1:
        raise ValueError(given)
    return shape


def channels_option(input_shape: InputShape) -> dict[str, int]:
    """The option of a ready-made space for the channels of images; none for several inputs."""
    return {} if is_several(input_shape) else {"in_channels": parts_of(input_shape)[0][0]}
