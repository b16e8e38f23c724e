"""The Python of the guides, run in small: their names are those of stand-ins."""

import random
import re
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from torch import nn

import radars
from radars.nn.operations import classifier, conv_bn_relu, mbconv
from radars.zoo import load_space
from radars.zoo.darts_cells import genotype_of

DOCS = Path(__file__).parents[1] / "docs"
QUICK: dict[str, Any] = {
    "batch_size": 8,
    "num_rounds": 1,
    "explore": {"steps": 8, "ranker_draws": 4},
    "differentiate": {"steps": 2},
    "select": {"finalists": 2, "halving_steps": [2]},
}

pytestmark = pytest.mark.slow


def _block(page: str, start: str) -> str:
    """The block of a page that has a line which begins so."""
    blocks = re.findall(r"^```python\n(.*?)^```", (DOCS / page).read_text("utf-8"), re.M | re.S)
    [found] = [block for block in blocks if re.search(rf"^{re.escape(start)}", block, re.M)]
    return str(found)


def _run(page: str, start: str, **names: Any) -> dict[str, Any]:
    exec(compile(_block(page, start), page, "exec"), names)
    return names


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Searches and trainings of a few steps, whatever a page asks for."""

    def shortened(verb: Callable[..., Any], short: dict[str, Any]) -> Callable[..., Any]:
        return lambda *given, **options: verb(*given, **(options | short))

    monkeypatch.setattr(radars, "search", shortened(radars.search, QUICK))
    monkeypatch.setattr(radars, "train", shortened(radars.train, {"epochs": 1}))


def _layers(choose: radars.Choose) -> nn.Module:
    block: dict[str, Callable[[], nn.Module]] = {
        "skip": nn.Identity,
        "conv3": lambda: nn.Conv2d(4, 4, 3, padding=1),
    }
    body = [choose(f"edge{i}", block) for i in range(2)]
    return nn.Sequential(nn.Conv2d(3, 4, 3), *body, nn.AdaptiveAvgPool2d(1), nn.Flatten())


def _edges(choose: radars.Choose) -> nn.Module:
    class Zeros(nn.Module):
        def forward(self, image: torch.Tensor) -> torch.Tensor:
            return torch.zeros_like(image)

    class Sum(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            block: dict[str, Callable[[], nn.Module]] = {
                "none": Zeros,
                "conv": lambda: nn.Conv2d(3, 3, 1),
            }
            self.edges = nn.ModuleList(choose(f"edge{i}", block) for i in range(3))

        def forward(self, image: torch.Tensor) -> torch.Tensor:
            return torch.stack([edge(image) for edge in self.edges]).sum(0)

    return Sum()


def test_a_space_is_a_function() -> None:
    net = _run("spaces.md", "def net(choose, *, num_classes", nn=nn)["net"]
    space = radars.SearchSpace(net, input_shape=(3, 8, 8))
    assert set(space.full) == {"layer0", "layer1", "layer2"}
    network = space.build(space.random_architecture(torch.Generator().manual_seed(0)))
    assert network(torch.randn(2, 3, 8, 8)).shape == (2, 10)


def test_values_and_choices_inside_others() -> None:
    names = _run(
        "spaces.md", "    width = choose(", nn=nn,
        ConvBNReLU=_conv, MBConv=_mbconv, Classifier=classifier,
    )  # fmt: skip
    space = radars.SearchSpace(names["net"], input_shape=(3, 16, 16))
    network = space.build(space.random_architecture(torch.Generator().manual_seed(0)))
    assert network(torch.randn(2, 3, 16, 16)).shape == (2, 10)


def _conv(before: int, after: int, kernel_size: int = 3) -> nn.Module:
    return conv_bn_relu(before, after, kernel_size)


def _mbconv(before: int, after: int, *, expand_ratio: int) -> nn.Module:
    return mbconv(before, after, 3, expand_ratio)


def test_some_of_several_choices() -> None:
    space = _run("spaces.md", "edges = (", radars=radars, net=_edges)["space"]
    taken = space.random_architecture(torch.Generator().manual_seed(0))
    assert sorted(taken.values()) == ["conv", "conv", "none"]


def test_a_node_takes_some_of_earlier_tensors() -> None:
    class Zeros(nn.Module):
        def forward(self, image: torch.Tensor) -> torch.Tensor:
            return torch.zeros_like(image)

    def net(choose: radars.Choose) -> nn.Module:
        return Three(names["Node"](choose, 3, 3))

    class Three(nn.Module):
        def __init__(self, node: nn.Module) -> None:
            super().__init__()
            self.node = node

        def forward(self, image: torch.Tensor) -> torch.Tensor:
            return torch.as_tensor(self.node([image] * 3))

    names = _run("spaces.md", "class Node(", nn=nn, radars=radars, Zeros=Zeros, net=net)
    space = radars.SearchSpace(net, input_shape=(3, 4, 4), rules=names["net"].rules)
    taken = space.random_architecture(torch.Generator().manual_seed(0))
    image = torch.ones(1, 3, 4, 4)
    assert torch.equal(space.build(taken)(image), 2 * image)


def test_a_random_architecture() -> None:
    space = radars.SearchSpace(_layers, input_shape=(3, 8, 8))
    names = _run("spaces.md", "architecture = {choice", space=space, random=random)
    assert isinstance(names["network"], nn.Sequential)


def test_an_existing_network() -> None:
    def depthwise(conv: nn.Conv2d) -> nn.Module:
        channels = conv.out_channels
        return nn.Sequential(
            nn.Conv2d(channels, channels, 3, padding=1, groups=channels),
            nn.Conv2d(channels, channels, 1),
        )

    space = _run("spaces.md", "from torchvision", radars=radars, depthwise=depthwise)["space"]
    assert space.num_architectures == 2**8


def test_a_network_of_transformers() -> None:
    transformers = pytest.importorskip("transformers")

    def thin(layer: nn.Linear) -> nn.Module:
        return nn.Sequential(nn.Linear(layer.in_features, 8), nn.Linear(8, layer.out_features))

    config = transformers.BertConfig(
        vocab_size=20, hidden_size=16, num_hidden_layers=2, num_attention_heads=2,
        intermediate_size=32, num_labels=3,
    )  # fmt: skip
    names = _run(
        "spaces.md", "class Scores", nn=nn, torch=torch, radars=radars, config=config, thin=thin,
        BertForSequenceClassification=transformers.BertForSequenceClassification,
        full=lambda layer: layer, labels=torch.arange(30) % 3,
        ids=torch.randint(1, 20, (30, 7)), mask=torch.ones(30, 7, dtype=torch.int64),
    )  # fmt: skip
    assert 0 < names["found"].measured_peak_bytes <= names["found"].budget_bytes
    assert len(names["found"].architecture) == 2


def test_genotypes_of_darts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    space = load_space("darts", width=4, num_cells=3)
    found = space.random_architecture(torch.Generator().manual_seed(0))
    monkeypatch.chdir(tmp_path)
    Path("genotype.txt").write_text(str(genotype_of(found)))
    block = _block("spaces.md", "from radars.zoo.darts_cells").replace(
        'open("genotype.txt").read()',
        'Path("genotype.txt").read_text()',  # closes the file
    )
    names: dict[str, Any] = {
        "space": space, "result": SimpleNamespace(architecture=found), "Path": Path,
    }  # fmt: skip
    exec(compile(block, "spaces.md", "exec"), names)
    assert isinstance(names["network"], nn.Module)


def test_another_loss() -> None:
    names = _run("tasks.md", "weights = torch.tensor", torch=torch, radars=radars)
    assert float(names["task"].loss(torch.zeros(3, 2), torch.tensor([0, 1, 1]))) > 0
    names = _run(
        "tasks.md", "    if isinstance(output, torch.Tensor)",
        torch=torch, cross_entropy=nn.functional.cross_entropy,
    )  # fmt: skip
    output, label = torch.zeros(3, 2), torch.tensor([0, 1, 1])
    assert names["loss"]((output, output), label) > names["loss"](output, label)


def test_distillation() -> None:
    teacher = nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(3, 4))
    names = _run(
        "tasks.md", "with torch.no_grad", torch=torch, radars=radars, teacher=teacher,
        images=torch.randn(60, 3, 8, 8), classes=torch.arange(60) % 4,
        space=radars.SearchSpace(_layers, input_shape=(3, 8, 8)),
    )  # fmt: skip
    assert 0 < names["found"].measured_peak_bytes <= names["found"].budget_bytes
    label_B, scores_BK = names["labels"][:8], names["scores"][:8]
    as_taught = names["loss"](scores_BK, label_B)
    expected = nn.functional.cross_entropy(scores_BK, label_B[:, 0].long())
    torch.testing.assert_close(as_taught, expected)
    assert names["loss"](scores_BK.flip(1), label_B) > as_taught
    assert names["score"](scores_BK, label_B).shape == (8,)


def test_segmentation() -> None:
    def net(choose: radars.Choose) -> nn.Module:
        block: dict[str, Callable[[], nn.Module]] = {
            "conv1": lambda: nn.Conv2d(1, 3, 1),
            "conv3": lambda: nn.Conv2d(1, 3, 3, padding=1),
        }
        return choose("layer", block)

    images, masks = torch.randn(40, 1, 128, 128), torch.randint(0, 3, (40, 128, 128))
    names = _run(
        "tasks.md", "task = radars.segmentation", radars=radars, net=net, images=images, masks=masks
    )
    assert 0 <= names["found"].accuracy <= 1


def test_regression() -> None:
    def net(choose: radars.Choose) -> nn.Module:
        block: dict[str, Callable[[], nn.Module]] = {
            "skip": nn.Identity,
            "dense": lambda: nn.Linear(8, 8),
        }
        return nn.Sequential(nn.Linear(10, 8), choose("layer", block), nn.Linear(8, 1))

    generator = torch.Generator().manual_seed(0)
    measurements = torch.randn(80, 10, generator=generator)
    names = _run(
        "tasks.md", "data = radars.tensor_data(measurements", net=net, measurements=measurements,
        progression=measurements.sum(1),
    )  # fmt: skip
    assert names["found"].peak_bytes <= 2**20


def test_several_inputs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    generator = torch.Generator().manual_seed(0)
    ids = torch.randint(0, 1000, (400, 16), generator=generator)
    names = _run(
        "tasks.md", "class Net(", torch=torch, radars=radars, ids=ids, labels=ids[:, 0] % 2,
        tables=torch.randn(400, 5, generator=generator),
        MLP=lambda before, after: nn.Sequential(nn.Linear(before, after), nn.ReLU()),
    )  # fmt: skip
    assert (tmp_path / "net.onnx").exists()
    planned = _run(
        "tasks.md", "space = radars.SearchSpace(", torch=torch, radars=radars, Net=names["Net"]
    )
    assert planned["space"].num_architectures == 2


def test_a_trained_network_in_python(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    radars.search("digits", out="runs/digits", budget="8MiB")
    radars.train("runs/digits/architecture.json", out="runs/digits-train")
    (tmp_path / "examples").symlink_to(DOCS.parent / "examples")
    for name in ("a.png", "b.png"):
        (tmp_path / name).symlink_to(DOCS.parent / "examples" / "digit.png")
    names = _run("production.md", "trained = radars.load(")
    assert names["example_B"].shape == (2, 1, 8, 8)


def test_a_result_is_plotted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("matplotlib", reason="figures need it")
    monkeypatch.chdir(tmp_path)
    space = radars.load_space("digits")
    names = _run("report.md", "result = radars.search(", radars=radars, space=space)
    assert names["result"].directory == tmp_path / "runs" / "mine"
