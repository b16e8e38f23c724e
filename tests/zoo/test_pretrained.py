"""Networks as people have them: weights that are loaded in the function, constructors that read."""

from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file
from tests.tiny import quick_config, tiny_data
from torch import Tensor, nn
from torchvision.models import convnext_tiny

from radars.engine.given import Given
from radars.engine.run import run_search
from radars.memory import TrainingSpec, measure, predict
from radars.nn.steps import weights_step
from radars.nn.supernet import Supernet
from radars.space import Choose, SearchSpace
from radars.zoo import searchable

Load = Callable[[Path], dict[str, Tensor]]


def plain() -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(1, 4, 3, padding=1), nn.BatchNorm2d(4), nn.ReLU(), nn.Conv2d(4, 4, 3, padding=1),
        nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(4, 4),
    )  # fmt: skip


def pointwise(conv: nn.Module) -> nn.Module:
    return nn.Conv2d(4, 4, 1)


LOADERS: dict[str, Load] = {
    "safetensors": load_file,
    "torch": lambda path: torch.load(path, weights_only=True),
}


@pytest.mark.parametrize("how", LOADERS)
def test_weights_that_the_function_loads_are_those_that_training_starts_from(
    how: str, tmp_path: Path
) -> None:
    torch.manual_seed(0)
    trained = plain().state_dict()
    path = tmp_path / how
    save_file(trained, path) if how == "safetensors" else torch.save(trained, path)

    def network() -> nn.Module:
        built = plain()
        built.load_state_dict(LOADERS[how](path))
        return built

    space = SearchSpace(
        searchable(network, {"3": {"full": lambda conv: conv, "cheap": pointwise}}),
        name="pretrained",
        input_shape=(1, 8, 8),
    )
    predict(space, space.full, TrainingSpec((1, 8, 8), 4))
    assert_starts_from(space.build({"3": "full"}).state_dict(), trained)
    supernet = Supernet(space, space.architecture({"3": "full"}).as_subspace())
    own = {n: t for n, t in supernet.state_dict().items() if n.endswith("module|0.weight")}
    assert [*own] == ["network|module|0.weight"]
    assert torch.equal(own["network|module|0.weight"], trained["0.weight"])
    assert torch.equal(supernet.state_dict()["3#0/full|module|weight"], trained["3.weight"])
    found = run_search(quick_config(num_rounds=1), Given(space=space, data=tiny_data()))
    assert_starts_from(
        space.build(found.architecture).state_dict(), {"0.weight": trained["0.weight"]}
    )


def test_values_too_begin_with_weights_that_are_loaded() -> None:
    torch.manual_seed(0)
    trained = nn.Linear(64, 8).state_dict()

    def network(choose: Choose) -> nn.Module:
        width = choose("width", [4, 8])
        first = nn.Linear(64, width)
        first.load_state_dict({name: tensor[:width] for name, tensor in trained.items()})
        return nn.Sequential(nn.Flatten(), first, nn.ReLU(), nn.Linear(width, 4))

    space = SearchSpace(network, input_shape=(1, 8, 8))
    for width in (8, 4):
        supernet = Supernet(space, space.architecture({"width": width}).as_subspace())
        weights = dict(supernet.network.named_parameters())
        [first] = [weight for name, weight in weights.items() if name.endswith("1.weight")]
        assert torch.equal(first, trained["weight"][:width])


def assert_starts_from(state: dict[str, Tensor], trained: dict[str, Tensor]) -> None:
    assert all(torch.equal(state[name], tensor) for name, tensor in trained.items())


def reads_values(choose: Choose) -> nn.Module:
    rate = torch.linspace(0, 0.5, 3).tolist()[1]
    size = int(torch.tensor([4, 8]).max().item())
    return nn.Sequential(
        nn.Flatten(),
        nn.Linear(64, size),
        nn.Dropout(rate),
        choose("act", {"relu": nn.ReLU, "tanh": nn.Tanh}),
        nn.Linear(size, choose("outputs", [4])),
    )


def test_a_constructor_may_read_values() -> None:
    space = SearchSpace(reads_values, input_shape=(1, 8, 8))
    network = space.build({"act": "relu", "outputs": 4})
    assert isinstance(network, nn.Sequential)
    assert isinstance(network[2], nn.Dropout)
    assert network[2].p == 0.25
    assert predict(space, space.best(), TrainingSpec((1, 8, 8), 4)).peak_bytes > 0


def low_rank(linear: nn.Module) -> nn.Module:
    assert isinstance(linear, nn.Linear)
    return nn.Sequential(nn.Linear(linear.in_features, 8), nn.Linear(8, linear.out_features))


@pytest.mark.slow
def test_a_network_whose_initialisation_reads_values_is_planned_to_the_byte() -> None:
    candidates = {"full": lambda linear: linear, "low": low_rank}
    space = SearchSpace(
        searchable(lambda: convnext_tiny(num_classes=10), {"features.1.0.block.3": candidates})
    )
    supernet = Supernet(space, space.best().as_subspace())
    batch = torch.randn(2, 3, 32, 32).contiguous(memory_format=torch.channels_last), torch.arange(2)
    weights_step(supernet, *batch)
    _, peak_bytes = measure(lambda: weights_step(supernet, *batch), supernet, batch)
    predicted = predict(space, space.best(), TrainingSpec((3, 32, 32), 2)).peak_bytes
    assert predicted == pytest.approx(peak_bytes, rel=0.02)
