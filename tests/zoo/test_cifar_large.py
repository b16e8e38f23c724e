import torch
from tests.tiny import zoo_space
from torch import nn

from radars.space import Architecture


def test_candidates() -> None:
    space = zoo_space("cifar-large")
    names = {
        f"mb{expand_ratio}_k{kernel_size}{suffix}"
        for expand_ratio in (2, 3, 4, 6)
        for kernel_size in (3, 5, 7)
        for suffix in ("", "_se")
    }
    assert len(space.choices) == 8
    assert all(set(choice.candidates) == names | {"skip"} for choice in space.choices)


def test_the_structure_is_that_of_nasbench_macro() -> None:
    large, macro = zoo_space("cifar-large"), zoo_space("nasbench-macro")
    for here, there in zip(large.places((3, 32, 32)), macro.places((3, 32, 32)), strict=True):
        assert here.input_shapes == there.input_shapes
        assert here.output_shape == there.output_shape
    same = {
        "skip": "identity",
        "mb3_k3": "mb3_k3",
        "mb6_k5": "mb6_k5",
    }
    for name, macro_name in same.items():
        networks: list[nn.Module] = []
        with torch.device("meta"):
            for space, candidate in ((large, name), (macro, macro_name)):
                chosen = Architecture({choice.name: candidate for choice in space.choices})
                networks.append(space.build(chosen))
        shapes = [
            {key: tuple(value.shape) for key, value in network.state_dict().items()}
            for network in networks
        ]
        assert shapes[0] == shapes[1]


def test_names_say_what_is_built() -> None:
    (place, *_) = zoo_space("cifar-large").places((3, 32, 32))
    block = place.factories["mb4_k7_se"]()
    depthwise = next(
        module for module in block.modules() if isinstance(module, nn.Conv2d) and module.groups > 1
    )
    assert depthwise.kernel_size == (7, 7)
    assert depthwise.in_channels == 4 * 32
    assert any(type(module).__name__ == "SqueezeExcitation" for module in block.modules())
