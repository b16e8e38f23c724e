from collections.abc import Mapping
from typing import cast

import pytest
import torch
from torch import Tensor, nn
from torch._subclasses.fake_tensor import FakeTensor

from radars.cost import network_macs
from radars.cost.parts import PartCounter
from radars.errors import SpaceError
from radars.example import Named
from radars.memory import TrainingSpec, predict
from radars.space import Choose, Factory, SearchSpace, building, check_output, fingerprint


class Merge(nn.Module):
    def forward(self, left: Tensor, right: Tensor) -> Tensor:
        return left + right


class TwoInputs(nn.Module):
    def __init__(self, choose: Choose) -> None:
        super().__init__()
        self.stem = nn.Conv2d(3, 4, 3, padding=1)
        self.merge = choose("merge", {"add": Merge, "bilinear": lambda: Wrapped(nn.Bilinear)})

    def forward(self, example: Tensor) -> Tensor:
        hidden = self.stem(example).mean((2, 3))
        output = self.merge(hidden, hidden)
        assert isinstance(output, Tensor)
        return output


class Wrapped(nn.Module):
    def __init__(self, kind: type[nn.Bilinear]) -> None:
        super().__init__()
        self.inner = kind(4, 4, 4)

    def forward(self, left: Tensor, right: Tensor) -> Tensor:
        output = self.inner(left, right)
        assert isinstance(output, Tensor)
        return output


def one_choice(candidates: Mapping[str, Factory]) -> SearchSpace:
    return SearchSpace(lambda choose: nn.Sequential(choose("layer", candidates)))


def test_places_give_shapes_for_a_batch_of_one() -> None:
    def network(choose: Choose) -> nn.Module:
        def layer(in_channels: int, stride: int) -> nn.Module:
            return choose(
                "conv",
                {
                    "k1": lambda: nn.Conv2d(in_channels, 5, 1, stride),
                    "k3": lambda: nn.Conv2d(in_channels, 5, 3, stride, padding=1),
                },
            )

        return nn.Sequential(layer(3, 2), layer(5, 1))

    first, second = SearchSpace(network).places((3, 8, 6))
    assert first.choice == second.choice == "conv"
    assert first.input_shapes == ((1, 3, 8, 6),)
    assert first.output_shape == (1, 5, 4, 3)
    assert second.input_shapes == ((1, 5, 4, 3),)
    assert second.output_shape == (1, 5, 4, 3)
    assert list(first.factories) == ["k1", "k3"]


def test_a_candidate_may_take_several_inputs() -> None:
    (place,) = SearchSpace(TwoInputs, input_shape=(3, 8, 8)).places((3, 8, 8))
    assert place.input_shapes == ((1, 4), (1, 4))


def test_shapes_that_disagree_name_both_candidates_and_shapes() -> None:
    space = one_choice({"keep": nn.Identity, "halve": lambda: nn.MaxPool2d(2)})
    with pytest.raises(SpaceError) as caught:
        space.places((2, 8, 8))
    message = str(caught.value)
    assert "'keep' returns (1, 2, 8, 8)" in message
    assert "'halve' returns (1, 2, 4, 4)" in message
    assert "'layer'" in message
    assert len(message.splitlines()) == 1


def test_a_candidate_that_cannot_take_its_input() -> None:
    space = one_choice({"keep": nn.Identity, "linear": lambda: nn.Linear(7, 7)})
    with pytest.raises(SpaceError, match=r"'linear' of choice 'layer' cannot take .*\(1, 2\)"):
        space.places((2,))


def test_a_candidate_that_returns_no_tensor() -> None:
    space = one_choice({"lstm": lambda: nn.LSTM(2, 2)})
    with pytest.raises(SpaceError, match=r"one tensor, but 'lstm' .* returns tuple"):
        space.places((3, 2))


def test_a_network_that_cannot_take_its_input() -> None:
    space = SearchSpace(
        lambda choose: nn.Sequential(nn.Linear(3, 3), choose("layer", {"none": nn.Identity}))
    )
    with pytest.raises(SpaceError, match=r"the network cannot take an input of \(4,\)"):
        space.places((4,))


def test_a_module_of_choose_that_is_never_called() -> None:
    class Unused(nn.Module):
        def __init__(self, choose: Choose) -> None:
            super().__init__()
            self.used = choose("used", {"none": nn.Identity})
            self.unused = choose("unused", {"none": nn.Identity})

        def forward(self, example: Tensor) -> Tensor:
            output = self.used(example)
            assert isinstance(output, Tensor)
            return output

    with pytest.raises(SpaceError, match="never that of 'unused'"):
        SearchSpace(Unused, input_shape=(2,))


def test_candidates_see_the_same_input_and_no_gradient() -> None:
    grad_enabled: list[bool] = []

    class Spy(nn.Module):
        def forward(self, example: Tensor) -> Tensor:
            grad_enabled.append(torch.is_grad_enabled() or example.device.type != "meta")
            return example

    one_choice({"spy": Spy, "none": nn.Identity}).places((2,))
    assert set(grad_enabled) == {False}


class CalledTwice(nn.Module):
    def __init__(self, choose: Choose) -> None:
        super().__init__()
        self.block = choose("block", {"a": nn.Identity, "b": lambda: nn.Conv2d(3, 3, 1)})

    def forward(self, example: Tensor) -> Tensor:
        output = self.block(self.block(example))
        assert isinstance(output, Tensor)
        return output


def test_a_module_that_is_called_twice_is_refused_as_it_would_be_priced_once() -> None:
    with pytest.raises(SpaceError, match="that of 'block' is called again"):
        SearchSpace(CalledTwice).places((3, 4, 4))


class Masked(nn.Module):
    """Looks at the values of its mask where it has any, as transformers does."""

    def __init__(self, choose: Choose, *, spares_fake: bool = True) -> None:
        super().__init__()
        self.layer = choose(
            "layer", {"a": lambda: nn.Linear(4, 4), "b": lambda: nn.Linear(4, 4, bias=False)}
        )
        self.spares_fake = spares_fake

    def forward(self, feature: Tensor, mask: Tensor) -> Tensor:
        is_fake = isinstance(mask, FakeTensor) and self.spares_fake
        hidden = self.layer(feature)
        if is_fake or not mask.all():
            hidden = hidden * mask
        assert isinstance(hidden, Tensor)
        return hidden


INPUTS: Named[tuple[int, ...]] = Named({"feature": (4,), "mask": (4,)})
DTYPES = Named({"feature": torch.float32, "mask": torch.int64})


def test_a_network_that_reads_values_of_meta_tensors_and_none_of_fake_ones() -> None:
    space = SearchSpace(Masked, input_shape=INPUTS, input_dtype=DTYPES)
    [place] = space.places(INPUTS)
    assert (place.input_shapes, place.output_shape) == (((1, 4),), (1, 4))
    assert space.flow(INPUTS).num_places == {"layer": 1}
    with building(torch.device("meta")):
        network = space.build(space.best())
    check_output(network, space, INPUTS, (4,))
    assert fingerprint(network, INPUTS, DTYPES) == fingerprint(network, INPUTS, DTYPES)
    assert network_macs(network, INPUTS, DTYPES) == 4 * 4
    assert PartCounter(INPUTS, DTYPES).parts(network)["layer"].macs == 4 * 4
    assert predict(space, space.full, TrainingSpec(INPUTS, 2, input_dtype=DTYPES)).peak_bytes > 0


def test_a_network_that_depends_on_values_is_refused() -> None:
    with pytest.raises(SpaceError, match=r"depends on values, .*: let it depend on shapes alone"):
        SearchSpace(
            lambda choose: Masked(choose, spares_fake=False),
            input_shape=INPUTS,
            input_dtype=DTYPES,
        )


class ReadsStride(nn.Module):
    def __init__(self, choose: Choose) -> None:
        super().__init__()
        convs = {"k1": lambda: nn.Conv2d(3, 3, 1), "k3": lambda: nn.Conv2d(3, 3, 3, padding=1)}
        self.conv = choose("conv", convs)

    def forward(self, example: Tensor) -> Tensor:
        [stride, _] = cast("nn.Conv2d", self.conv).stride
        output = self.conv(example[..., ::stride])
        assert isinstance(output, Tensor)
        return output


def test_a_network_that_reads_a_setting_of_what_is_replaced() -> None:
    with pytest.raises(
        SpaceError,
        match=r"it reads 'stride' of the module that choose returns for 'conv'; choose the module "
        "that reads it instead",
    ):
        SearchSpace(ReadsStride, input_shape=(3, 4, 4))
