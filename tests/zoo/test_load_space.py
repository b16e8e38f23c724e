import pickle
from functools import cache
from pathlib import Path

import pytest
import torch
from tests.tiny import zoo_space
from torch import nn

from radars.errors import ConfigError, SpaceError
from radars.space import Architecture, SearchSpace
from radars.space.trace_choices import trace_choices
from radars.zoo import ZooEntry, accepted_options, load_space, zoo

NUM_ARCHITECTURES = {
    "digits": 4**5,
    "nasbench-macro": 3**8,
    "nasbench201": 5**6,
    "nats-size": 8**5,
    "darts": (1 * 3 * 6 * 10 * 7**8) ** 2,
    "cifar-large": 25**8,
    "resnet": 19**10 * 18**2,
    "vit": (6 * 4) ** 8,
    "mobile": 7**21,
    "mobile-large": 49**21,
    "mobile-elastic": 49**21,
    "ofa-mobile": (9**2 + 9**3 + 9**4) ** 5,
    "resnet-elastic": 3**4 * (3**2 + 3**3 + 3**4) ** 3 * (3**4 + 3**5 + 3**6),
    "vit-elastic": 3 * (4**12 + 4**13 + 4**14),
}
CHOICE_NAMES = {
    "nasbench201": ["edge01", "edge02", "edge12", "edge03", "edge13", "edge23"],
    "darts": [
        f"{kind}{source}{target}"
        for kind in ("normal", "reduce")
        for target in (2, 3, 4, 5)
        for source in range(target)
    ],
    "vit": [f"{kind}{index}" for index in range(8) for kind in ("mixer", "mlp")],
    "ofa-mobile": [
        name
        for stage in range(1, 6)
        for name in (
            f"depth{stage}",
            *(f"{kind}{stage}_{block}" for block in range(1, 5) for kind in ("kernel", "expand")),
        )
    ],
    "mobile-elastic": [
        f"{kind}{index}" for index in range(21) for kind in ("layer", "kernel", "expand", "squeeze")
    ],
    "resnet-elastic": [
        name
        for stage, most in zip((1, 2, 3, 4), (4, 4, 6, 4), strict=True)
        for name in (
            f"depth{stage}",
            f"width{stage}",
            *(f"expand{stage}_{block}" for block in range(1, most + 1)),
        )
    ],
    "vit-elastic": [
        *("embedding", "depth"),
        *(f"{kind}{layer}" for layer in range(1, 15) for kind in ("heads", "ratio")),
    ],
}
SMALL: dict[str, dict[str, object]] = {
    "darts": {"width": 4, "num_cells": 3},
    "resnet": {"width": 8},
    "vit": {"width": 8, "depth": 2},
    "mobile": {"width_mult": 0.25},
    "mobile-large": {"width_mult": 0.25},
    "mobile-elastic": {"width_mult": 0.25},
    "ofa-mobile": {"width_mult": 0.25},
    "resnet-elastic": {"width_mult": 0.25},
    "vit-elastic": {"width": 24, "depth": 1},
}
# whose choices are found by a hundred traces or more
SLOW = ("mobile-large", "mobile-elastic", "ofa-mobile", "resnet-elastic")
SIDES = {"vit-elastic": 224}  # of spaces that take images of one size
ENTRIES = pytest.mark.parametrize(
    "entry",
    [
        pytest.param(entry, marks=[pytest.mark.slow] if entry.name in SLOW else [])
        for entry in zoo()
    ],
    ids=lambda entry: entry.name,
)

USER_FILE = """
import dataclasses
import radars
from torch import nn

@dataclasses.dataclass
class Sizes:
    width: "int" = 4

def network(choose, *, num_classes: int = 2, widths: tuple[int, ...] = (4,), anything=None):
    return nn.Sequential(
        nn.Linear(3, 4),
        choose("layer", {"none": nn.Identity, "relu": nn.ReLU}),
        nn.Linear(4, num_classes),
    )

class Network(nn.Module):
    def __init__(self, choose):
        super().__init__()
        self.layer = choose("layer", {"none": nn.Identity})

def needs_option(choose, width: int):
    return choose("layer", {"linear": lambda: nn.Linear(width, width)})

def takes_any(choose, **options):
    return choose("layer", {str(options): nn.Identity})

def takes_nothing():
    return nn.Identity()

def broken(choose):
    return choose("layer", {
        "none": nn.Identity,
        "broken": lambda: nn.Linear(1 // 0, 2),
    })

def kept(choose):
    return nn.Sequential(*(choose(name, {"none": nn.Identity, "relu": nn.ReLU}) for name in "ab"))

kept.rules = [radars.Keep(("a", "b"), 1)]

def wrongly_kept(choose):
    return kept(choose)

wrongly_kept.rules = ["one"]

def no_candidates(choose):
    return choose("layer", {})

number = 3
"""


@pytest.fixture
def user_file(tmp_path: Path) -> Path:
    path = tmp_path / "my_space.py"
    path.write_text(USER_FILE)
    return path


def extremes(space: SearchSpace) -> list[Architecture]:
    """Architectures in which every candidate of every choice appears, as far as rules allow."""
    largest = max(len(choice.candidates) for choice in space.choices)
    return [
        space.best(
            {
                choice.name: {choice.candidates[index % len(choice.candidates)]: 1.0}
                for choice in space.choices
            }
        )
        for index in range(largest)
    ]


@ENTRIES
def test_names_sizes_and_shapes(entry: ZooEntry) -> None:
    space = zoo_space(entry.name)
    assert space.name == entry.name
    assert space.input_shape == entry.input_shape
    assert space.num_architectures == NUM_ARCHITECTURES[entry.name]
    layers = [f"layer{index}" for index in range(len(space.choices))]
    assert [choice.name for choice in space.choices] == CHOICE_NAMES.get(entry.name, layers)
    assert entry.summary


def test_a_space_for_images_of_another_size_takes_these() -> None:
    space = load_space("vit-elastic", image_size=32, width=24, depth=1)
    assert space.input_shape == (3, 32, 32)
    assert space.build(space.best())(torch.randn(2, 3, 32, 32)).shape == (2, 1000)


@ENTRIES
def test_its_choices_stand_the_checks_that_it_is_spared(entry: ZooEntry) -> None:
    space = zoo_space(entry.name)
    assert trace_choices(space.replay, space.name) == space.choices


@cache
def small_space(entry: ZooEntry) -> SearchSpace:
    """The space of few channels, for images of 2 channels in 7 classes."""
    small = accepted_options(entry.name, {"width": 4}) | SMALL.get(entry.name, {})
    return load_space(entry.name, num_classes=7, in_channels=2, **small)


@ENTRIES
def test_a_built_network_holds_nothing_of_radars(entry: ZooEntry) -> None:
    space = small_space(entry)
    for architecture in extremes(space):
        with torch.device("meta"):
            network = space.build(architecture)
        for module in network.modules():
            assert type(module).__module__.partition(".")[0] in ("torch", "torchvision")
        # everything that a network refers to, its attributes and hooks too, is in its pickle
        assert b"radars" not in pickle.dumps(network)


@ENTRIES
def test_options_reach_the_network(entry: ZooEntry) -> None:
    space = small_space(entry)
    assert space.input_shape == (2, *entry.input_shape[1:])
    with torch.device("meta"):
        network = space.build(extremes(space)[0])
        assert network.eval()(torch.empty(5, *space.input_shape)).shape == (5, 7)


@ENTRIES
def test_a_built_network_runs(entry: ZooEntry) -> None:
    space = small_space(entry)
    architecture = space.random_architecture(torch.Generator().manual_seed(0))
    network = space.build(architecture).eval()
    side = SIDES.get(entry.name, 32)  # others take any size of image
    with torch.no_grad():
        output = network(torch.randn(2, 2, side, side))
    assert torch.isfinite(output).all()
    assert not any(isinstance(module, nn.Dropout) for module in network.modules())


def test_a_space_of_the_zoo_is_made_once_for_the_same_options(user_file: Path) -> None:
    space = load_space("digits", width=8, num_classes=5)
    assert load_space("digits", num_classes=5, width=8) is space
    assert load_space("digits", num_classes=5, width=4) is not space
    assert load_space("digits", num_classes=5) is not space
    name = f"{user_file}:network"  # which may have changed
    assert load_space(name) is not load_space(name)


def test_unknown_space() -> None:
    with pytest.raises(ConfigError, match=r"digits, nasbench-macro.*did you mean 'digits'"):
        load_space("digit")
    with pytest.raises(ConfigError, match=r"file\.py:function, but got 'zzz'; give one of these$"):
        load_space("zzz")


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"widht": 8}, r"num_classes \(int\), .*width \(int\), but got 'widht'; .*'width'"),
        ({"width": "8"}, "'width' of space 'digits' is int, but got '8'"),
        ({"width": True}, "got True"),
        ({"width": 8.5}, r"got 8\.5"),
        ({"width": 0}, "greater than 0"),
        ({"num_classes": None}, "got None"),
        ({"in_channels": -1}, "greater than 0"),
    ],
)
def test_options_that_are_refused(options: dict[str, object], message: str) -> None:
    with pytest.raises(ConfigError, match=message) as caught:
        load_space("digits", **options)
    assert len(str(caught.value).splitlines()) == 1


@pytest.mark.parametrize("width_mult", [0.0, -1.0, float("nan"), float("inf"), "1"])
def test_width_multipliers_that_are_refused(width_mult: object) -> None:
    with pytest.raises(ConfigError, match="width_mult"):
        load_space("mobile", width_mult=width_mult)


def test_a_space_from_a_file(user_file: Path) -> None:
    name = f"{user_file}:network"
    space = load_space(name, num_classes=5)
    assert space.name == name
    assert space.input_shape is None
    assert space.num_architectures == 2
    assert space.build({"layer": "relu"})(torch.zeros(1, 3)).shape == (1, 5)
    assert load_space(f"{user_file}:Network").num_architectures == 1
    assert load_space(f"{user_file}:needs_option", width=3).num_architectures == 1


def test_rules_of_a_file(user_file: Path) -> None:
    assert load_space(f"{user_file}:kept").num_architectures == 2
    with pytest.raises(ConfigError, match="has str"):
        load_space(f"{user_file}:wrongly_kept")


def test_options_of_a_file(user_file: Path) -> None:
    name = f"{user_file}:network"
    load_space(name, widths=[1, 2], anything=object())
    with pytest.raises(ConfigError, match="widths"):
        load_space(name, widths=["a"])
    with pytest.raises(ConfigError, match=r"num_classes \(int\).*but got 'in_channels'"):
        load_space(name, in_channels=3)
    with pytest.raises(ConfigError, match="are none, but got 'in_channels'"):
        load_space(f"{user_file}:Network", in_channels=3)
    with pytest.raises(ConfigError, match="needs the option 'width'"):
        load_space(f"{user_file}:needs_option")
    assert "size" in load_space(f"{user_file}:takes_any", size=3).choices[0].candidates[0]


def test_accepted_options(user_file: Path) -> None:
    suggested = {"num_classes": 5, "in_channels": 1}
    assert accepted_options("digits", suggested) == suggested
    assert accepted_options(f"{user_file}:network", suggested) == {"num_classes": 5}
    assert accepted_options(f"{user_file}:Network", suggested) == {}
    assert accepted_options(f"{user_file}:takes_any", suggested) == suggested


@pytest.mark.parametrize(
    ("function", "message"),
    [
        ("netwrk", "has no 'netwrk'; it has .*network, Network"),
        ("number", "has no 'number'"),
        ("takes_nothing", "takes `choose` as its first argument"),
        ("", "is written path/file.py:function"),
        ("not a name", "is written path/file.py:function"),
    ],
)
def test_functions_that_are_refused(user_file: Path, function: str, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        load_space(f"{user_file}:{function}")


@pytest.mark.parametrize(
    "name", ["space.py", "digits:digits", "nowhere.py:network", ":", "a.txt:f"]
)
def test_file_names_that_are_refused(name: str) -> None:
    with pytest.raises(ConfigError):
        load_space(name)


@pytest.mark.parametrize(
    ("function", "line", "message"),
    [("broken", 34, "ZeroDivisionError"), ("no_candidates", 48, "'layer' has none")],
)
def test_errors_of_a_space_say_the_line(
    user_file: Path, function: str, line: int, message: str
) -> None:
    with pytest.raises(SpaceError, match=message) as caught:
        load_space(f"{user_file}:{function}")
    assert str(caught.value).startswith(f"{user_file}, line {line}: ")
    assert len(str(caught.value).splitlines()) == 1


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("x = 1\nimport no_such_module\n", "line 2: ModuleNotFoundError: .*'no_such_module'"),
        ("x = 1\ny = (\n", "line 2: SyntaxError"),
        (
            "def f():\n    raise ValueError('two\\nlines')\nf()\n",
            "ValueError: two; repair it$",
        ),
        ("raise SystemExit(3)", "line 1: SystemExit: 3"),
        ("x = '\0'", "(SyntaxError|ValueError): source code .*null bytes"),
    ],
)
def test_errors_of_a_file_say_the_line(tmp_path: Path, text: str, message: str) -> None:
    path = tmp_path / "broken.py"
    path.write_text(text)
    with pytest.raises(ConfigError, match=message) as caught:
        load_space(f"{path}:network")
    assert str(caught.value).startswith(str(path))
    assert len(str(caught.value).splitlines()) == 1


def test_a_file_may_have_the_name_of_a_library(tmp_path: Path) -> None:
    path = tmp_path / "random.py"
    path.write_text(USER_FILE)
    load_space(f"{path}:network")
    import random

    assert hasattr(random, "randrange")


@pytest.mark.parametrize("name", ["digits", "nasbench-macro", "darts", "cifar-large", "resnet"])
def test_narrow_networks_have_no_convolution_that_onednn_gets_wrong(name: str) -> None:
    [entry] = [entry for entry in zoo() if entry.name == name]
    space = small_space(entry)
    for index in range(max(map(len, space.full.values()))):
        picked = {choice: {names[index % len(names)]: 1.0} for choice, names in space.full.items()}
        with torch.device("meta"):
            network = space.build(space.best(picked))
        for module in network.modules():
            if isinstance(module, nn.Conv2d) and module.kernel_size == (1, 1):
                assert module.stride == (1, 1) or module.in_channels >= 8
