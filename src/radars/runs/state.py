"""State: one nested dictionary, as `state_dict` returns it; its tensors and its plain values."""

from collections.abc import Mapping
from typing import Any, Protocol

from torch import Tensor

State = dict[str, Any]
"""Names to tensors, plain values (numbers, strings, lists of them, None), or states."""


class Stateful(Protocol):
    """What a checkpoint keeps."""

    def state_dict(self) -> State:
        """Everything that changes, complete after each step."""
        ...

    def load_state_dict(self, state: State, /) -> None:
        """Puts back what `state_dict` returned, bit for bit."""
        ...


def split_state(state: Mapping[str, Any]) -> tuple[dict[str, Tensor], State]:
    """Tells the tensors of a state from the rest of it.

    Returns:
        The tensors by their paths, such as `method/supernet/logits`, and the state without them.
    """
    tensors: dict[str, Tensor] = {}
    return tensors, _without_tensors(state, "", tensors)


def join_state(tensors: Mapping[str, Tensor], values: State) -> State:
    """The state whose parts `split_state` returned; `values` is changed.

    Raises:
        ValueError: a tensor stands within what is no state.
    """
    for path, tensor in tensors.items():
        *names, last = map(_unescaped, path.split("/"))
        part = values
        for name in names:
            part = part.setdefault(name, {})
            if not isinstance(part, dict):
                raise ValueError(f"the tensor {path!r} stands within a plain value")
        part[last] = tensor
    return values


def _without_tensors(state: Mapping[str, Any], path: str, tensors: dict[str, Tensor]) -> State:
    values: State = {}
    for name, value in state.items():
        if isinstance(value, Tensor):
            tensors[path + _escaped(name)] = value
        elif isinstance(value, Mapping):
            values[name] = _without_tensors(value, f"{path}{_escaped(name)}/", tensors)
        else:
            values[name] = value
    return values


def _escaped(name: str) -> str:
    """As in a JSON pointer (RFC 6901): the names of candidates may have a slash."""
    return name.replace("~", "~0").replace("/", "~1")


def _unescaped(name: str) -> str:
    return name.replace("~1", "/").replace("~0", "~")
