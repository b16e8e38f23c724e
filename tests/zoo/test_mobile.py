import pytest
import torch
from tests.tiny import zoo_space
from torch.utils.flop_counter import FlopCounterMode

from radars.space import Architecture

# channels and image sizes after each of the 21 layers, as ProxylessNAS has them
OUTPUTS = [
    *[(24, 56)] * 4,
    *[(40, 28)] * 4,
    *[(80, 14)] * 4,
    *[(96, 14)] * 4,
    *[(192, 7)] * 4,
    (320, 7),
]


@pytest.mark.parametrize("name", ["mobile", "mobile-large"])
def test_the_structure(name: str) -> None:
    places = zoo_space(name).places((3, 224, 224))
    assert [place.output_shape for place in places] == [
        (1, channels, size, size) for channels, size in OUTPUTS
    ]
    assert places[0].input_shapes == ((1, 16, 112, 112),)


@pytest.mark.parametrize(
    ("name", "kernel_sizes", "expand_ratios", "suffixes"),
    [
        ("mobile", (3, 5, 7), (3, 6), ("",)),
        ("mobile-large", (3, 5, 7, 9), (1, 2, 3, 4, 6, 8), ("", "_se")),
    ],
)
def test_candidates(
    name: str,
    kernel_sizes: tuple[int, ...],
    expand_ratios: tuple[int, ...],
    suffixes: tuple[str, ...],
) -> None:
    names = {
        f"mb{expand_ratio}_k{kernel_size}{suffix}"
        for expand_ratio in expand_ratios
        for kernel_size in kernel_sizes
        for suffix in suffixes
    }
    space = zoo_space(name)
    assert len(space.choices) == 21
    assert all(set(choice.candidates) == names | {"skip"} for choice in space.choices)


def test_the_dearest_network_has_the_macs_of_its_kind() -> None:
    space = zoo_space("mobile")
    with torch.device("meta"):
        network = space.build(Architecture({choice.name: "mb6_k3" for choice in space.choices}))
        with FlopCounterMode(display=False) as counter:
            network.eval()(torch.empty(1, 3, 224, 224))
    assert 400e6 < counter.get_total_flops() / 2 < 600e6  # MobileNetV2 1.0 is 300e6 with 17 layers


@pytest.mark.parametrize(
    ("width_mult", "first_channels", "last_channels"),
    [(0.05, 8, 16), (0.5, 16, 160), (1.0, 24, 320), (1.4, 32, 448)],
)
def test_channels_are_multiples_of_8(
    width_mult: float, first_channels: int, last_channels: int
) -> None:
    places = zoo_space("mobile", width_mult=width_mult).places((3, 224, 224))
    channels = [place.output_shape[1] for place in places]
    assert all(number % 8 == 0 for number in channels)
    assert (channels[0], channels[-1]) == (first_channels, last_channels)
