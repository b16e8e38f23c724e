from collections.abc import Callable
from functools import partial
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch._subclasses.fake_tensor import FakeTensorMode

from radars.nn.operations import mbconv
from radars.space import building, content_of


def test_nothing_is_initialised_and_everything_has_its_shape() -> None:
    before = torch.get_rng_state()
    real = mbconv(4, 8, 3, 2, squeeze_excite=True)
    torch.set_rng_state(before)
    with building(torch.device("meta")):
        on_meta = mbconv(4, 8, 3, 2, squeeze_excite=True)
    with FakeTensorMode(), building(torch.device("cuda", 0)):
        fake = mbconv(4, 8, 3, 2, squeeze_excite=True)
    assert content_of(real) == content_of(on_meta) == content_of(fake)
    assert {tensor.device.type for tensor in on_meta.state_dict().values()} == {"meta"}
    assert {tensor.device.type for tensor in fake.state_dict().values()} == {"cuda"}
    assert torch.equal(torch.get_rng_state(), before)


def test_changes_of_values_are_left_out_unless_another_tensor_is_in_them() -> None:
    with building(torch.device("meta")):
        weight = torch.empty(3)
        version = weight._version
        assert weight.mul_(2.0).clamp_(min=0.0) is weight
        assert weight._version == version + 2
        with pytest.raises(RuntimeError, match="broadcast"):
            weight.add_(torch.empty(4))


def test_content_tells_candidates_apart() -> None:
    modules = [
        mbconv(4, 4, 3, 2),
        mbconv(4, 4, 5, 2),
        mbconv(4, 4, 3, 3),
        mbconv(4, 4, 3, 2, squeeze_excite=True),
        nn.Identity(),
        nn.Dropout(0.1),
        nn.Dropout(0.2),
    ]
    assert len({content_of(module) for module in modules}) == len(modules)


class Scaled(nn.Module):
    def __init__(self, scale: object) -> None:
        super().__init__()
        self._scale = scale


def test_settings_that_no_representation_shows_count() -> None:
    assert str(Scaled([1])) == str(Scaled([2]))
    assert content_of(Scaled([1])) == content_of(Scaled([1]))
    assert content_of(Scaled([1])) != content_of(Scaled([2]))
    before = content_of(module := nn.Linear(2, 2))
    assert content_of(module.eval()) == before
    assert content_of(nn.Linear(2, 2).requires_grad_(False)) != before
    assert content_of(nn.Linear(2, 2, dtype=torch.float64)) != before


def repeated(times: int, scale: float = 1.0) -> type[nn.Module]:
    class Repeated(nn.Module):
        def __init__(self, bias: float = scale) -> None:
            super().__init__()
            self.linear = nn.Linear(2, 2)
            self.bias = bias

        def forward(self, example_B: Tensor) -> Tensor:
            for _ in range(times):
                example_B = self.linear(example_B)
            return example_B

    return Repeated


def once(example_B: Tensor) -> Tensor:
    return example_B


def multiplied(factor: float) -> Callable[[float], float]:
    return lambda number: number * factor


def test_values_that_code_has_bound_count() -> None:
    def content(module: nn.Module) -> object:
        known = content_of(module)
        assert known is not None
        return known

    assert content(repeated(2)()) == content(repeated(2)())
    assert content(repeated(2)()) != content(repeated(3)())
    assert content(repeated(2)()) != content(repeated(2, 0.5)())  # the default of an argument
    functions = [once, multiplied(1), multiplied(2), partial(multiplied, 3), torch.relu, nn.ReLU]
    functions += [lambda number: number, lambda number: number + 1]
    assert len({content(Scaled(function)) for function in functions}) == len(functions)
    assert content(Scaled(multiplied(2))) == content(Scaled(multiplied(2)))


def test_what_cannot_be_told_is_unknown() -> None:
    hooked = nn.ReLU()
    hooked.register_forward_hook(lambda module, inputs, output: output + 1)
    assert content_of(hooked) is None
    assert content_of(nn.Sequential(nn.ReLU(), Scaled(object()))) is None
    replaced = nn.ReLU()
    replaced.forward = object()  # type: ignore[method-assign, assignment]
    assert content_of(replaced) is None
    names: dict[str, Any] = {"__name__": "tests", "n": 2}
    exec("def function(): return n", names)  # `n` is not that of the module it says it is of
    assert content_of(Scaled(names["function"])) is None
