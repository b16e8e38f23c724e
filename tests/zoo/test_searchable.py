from collections.abc import Mapping

import pytest
import torch
from tests.tiny import quick_config, tiny_data
from torch import nn
from torchvision.models.resnet import BasicBlock, ResNet

from radars.engine.given import Given
from radars.engine.run import run_search
from radars.errors import SpaceError
from radars.memory import TrainingSpec, measure, predict
from radars.nn.steps import weights_step
from radars.nn.supernet import Supernet
from radars.space import SearchSpace
from radars.zoo import searchable
from radars.zoo.searchable import Replacement


def backbone() -> nn.Module:
    network: nn.Module = ResNet(BasicBlock, [1, 1, 1, 1], num_classes=4)
    return network


def depthwise(conv: nn.Module) -> nn.Module:
    assert isinstance(conv, nn.Conv2d)
    channels = conv.out_channels
    return nn.Sequential(
        nn.Conv2d(channels, channels, 3, padding=1, groups=channels, bias=False),
        nn.Conv2d(channels, channels, 1, bias=False),
    )


CANDIDATES: Mapping[str, Replacement] = {"full": lambda conv: conv, "depthwise": depthwise}
SPACE = SearchSpace(searchable(backbone, {"layer*.conv2": CANDIDATES}), input_shape=(3, 32, 32))


def test_every_module_of_the_pattern_is_a_choice_and_all_else_is_as_it_was() -> None:
    assert SPACE.name == "backbone"
    assert list(SPACE.full) == [f"layer{index}.0.conv2" for index in (1, 2, 3, 4)]
    full = SPACE.build(dict.fromkeys(SPACE.full, "full"))
    assert str(full) == str(backbone())
    mixed = SPACE.build(dict.fromkeys(SPACE.full, "full") | {"layer2.0.conv2": "depthwise"})
    different = [
        name
        for (name, module), (_, other) in zip(
            full.named_modules(), mixed.named_modules(), strict=False
        )
        if type(module) is not type(other)
    ]
    assert different[0] == "layer2.0.conv2"
    assert not any("radars" in type(module).__module__ for module in mixed.modules())


def test_a_weight_that_is_there_already_is_kept() -> None:
    def trained() -> nn.Module:
        network = nn.Sequential(nn.Linear(2, 3), nn.Linear(3, 2))
        nn.init.constant_(network[0].weight, 7.0)  # type: ignore[arg-type]
        return network

    space = SearchSpace(
        searchable(trained, {"0": {"new": lambda old: nn.Linear(2, 3), "old": lambda old: old}})
    )
    supernet = Supernet(space)
    [mixture] = [module for module in supernet.modules() if hasattr(module, "live")][1:]
    assert bool((mixture.live["old"].weight == 7.0).all())  # type: ignore[union-attr,index]
    assert not bool((mixture.live["new"].weight == 7.0).any())  # type: ignore[union-attr,index]


def test_prediction_is_measurement() -> None:
    spec = TrainingSpec((3, 32, 32), 4)
    supernet = Supernet(SPACE)
    batch = torch.randn(4, 3, 32, 32).contiguous(memory_format=torch.channels_last), torch.arange(4)
    weights_step(supernet, *batch)
    _, peak_bytes = measure(lambda: weights_step(supernet, *batch), supernet, batch)
    assert predict(SPACE, SPACE.full, spec).peak_bytes == pytest.approx(peak_bytes, rel=0.02)


def test_a_search_finds_a_backbone() -> None:
    def small() -> nn.Module:
        return nn.Sequential(
            nn.Conv2d(1, 4, 3), nn.ReLU(), nn.Conv2d(4, 4, 3, padding=1), nn.AdaptiveAvgPool2d(1),
            nn.Flatten(), nn.Linear(4, 4),
        )  # fmt: skip

    space = SearchSpace(searchable(small, {"2": CANDIDATES}), name="small")
    result = run_search(quick_config(num_rounds=1), Given(space=space, data=tiny_data()))
    assert list(result.architecture) == ["2"]


@pytest.mark.parametrize(
    ("replacements", "message"),
    [
        ({"layer*.conv9": CANDIDATES}, r"'layer\*.conv9' matches none"),
        ({"*.conv2": CANDIDATES, "layer1.*2": CANDIDATES}, "'layer1.0.conv2' matches '"),
        ({"layer1.0": CANDIDATES, "*.conv2": CANDIDATES}, "'layer1.0.conv2' is inside 'layer1.0'"),
        ({"fc": {"broken": lambda fc: nn.Linear(1 // 0, 2)}}, "'broken' of choice 'fc' raised"),
        ({"fc": {}}, "'fc' has none"),
    ],
)
def test_replacements_that_are_refused(
    replacements: dict[str, dict[str, Replacement]], message: str
) -> None:
    with pytest.raises(SpaceError, match=message):
        SearchSpace(searchable(backbone, replacements))
