"""The verbs of the Python API, as people call them."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torch.utils.data import Dataset, TensorDataset

import radars
from radars.data import DataConfig, as_data
from radars.errors import RadarsWarning
from radars.runs.event_schema import Event
from radars.runs.events import read_events
from radars.runs.read_run import read_config
from radars.units import format_bytes

QUICK: dict[str, Any] = {
    "budget": "4MiB",
    "num_rounds": 1,
    "explore": {"steps": 12, "tuning_steps": 1, "reward_batches": 1, "ranker_draws": 4},
    "differentiate": {"steps": 2},
    "select": {"finalists": 2, "halving_steps": [4]},
    "loggers": (),
    "num_threads": 1,
}


def net(choose: radars.Choose, activation: type[nn.Module] = nn.ReLU) -> nn.Module:
    def conv() -> nn.Module:
        return nn.Sequential(nn.Conv2d(4, 4, 3, padding=1), activation())

    body = [choose(f"block{index}", {"skip": nn.Identity, "conv": conv}) for index in range(2)]
    return nn.Sequential(nn.Conv2d(1, 4, 3), *body, nn.Flatten(), nn.Linear(4 * 36, 10))


class Spots(Dataset[tuple[Tensor, int]]):
    """Noise with a bright spot, whose place is the class; noise is drawn anew each time."""

    classes = tuple("abcdefghij")

    def __init__(self, num_examples: int = 160) -> None:
        self._num_examples = num_examples

    def __len__(self) -> int:
        return self._num_examples

    def __getitem__(self, index: int) -> tuple[Tensor, int]:
        if index >= len(self):
            raise IndexError
        image = torch.rand(1, 8, 8)
        label = index % 10
        image[0, label // 2, 4 * (label % 2) :][:4] += 2
        return image, label


@pytest.fixture(scope="module")
def found(tmp_path_factory: pytest.TempPathFactory) -> radars.SearchResult:
    out = tmp_path_factory.mktemp("api") / "search"
    return radars.search(net, Spots(), out=out, constraints=["macs<=1M"], batch_size=16, **QUICK)


def test_baselines_are_named_in_a_list_or_with_their_settings() -> None:
    options = QUICK | {"method": "largest", "children": {"number": 1, "steps": 2}}
    data = radars.tensor_data(torch.rand(80, 1, 8, 8), torch.arange(80) % 10)
    baseline = {"names": ["largest", "smallest"], "steps": 2}
    result = radars.search(net, data, baseline=baseline, batch_size=8, **options)
    assert result.baselines is not None
    assert [row.name for row in result.baselines.rows] == ["found", "largest", "smallest"]
    assert result.baselines.rows[1].standing == "the same network"
    assert "the same network as largest" in result.summary()
    with pytest.raises(radars.ConfigError, match="largest, smallest, random, or random=N"):
        radars.search(net, data, baseline=["biggest"], batch_size=8, **options)


def test_what_was_found(found: radars.SearchResult) -> None:
    assert found.status == "completed"
    assert found.accuracy is not None
    assert 0 < found.peak_bytes <= 4 * 2**20
    assert found.architecture == dict(found.architecture)
    assert found.ranking[0].architecture == found.architecture
    assert found.ranking[0].accuracy == found.accuracy
    network = found.build()
    assert type(network) is nn.Sequential
    assert "radars.train(result" in found.summary()
    assert "radars train" not in found.summary()  # the command would not know the space
    best, other = found.ranking
    assert best.macs == found.macs
    differs = [f"{c} {n}" for c, n in other.architecture.items() if n != best.architecture[c]]
    row = next(line for line in found.summary().splitlines() if line.endswith(", ".join(differs)))
    assert f"{other.accuracy:.2%}" in row
    for ranked in found.ranking:
        assert ranked.memory_bytes is not None
        assert 0 < ranked.memory_bytes <= found.budget_bytes
        assert ranked.proposed_by in ("explore", "differentiate", "select")
    assert format_bytes(other.memory_bytes or 0) in row
    assert str(other.proposed_by) in row
    assert "<pre>" in found._repr_html_()
    assert "&lt;" not in found._repr_html_()


def test_objects_are_recorded_as_objects_and_never_taken_for_a_name(
    found: radars.SearchResult,
) -> None:
    assert found.directory is not None
    config = read_config(found.directory)
    assert config is not None
    assert config["space"] == "object:net"
    assert config["data"]["source"] == "object:Spots"
    with pytest.raises(radars.ConfigError, match="passed as an object"):
        radars.train(found.directory / "architecture.json", epochs=1)


def test_options_of_data_that_are_read_are_refused_of_objects() -> None:
    divided = radars.tensor_data(torch.randn(40, 1, 8, 8), torch.arange(40) % 4)
    for data, option in ((divided, "num_train"), (divided, "mean"), (Spots(), "image_size")):
        options = {option: 8, "batch_size": 4}
        with pytest.raises(radars.ConfigError, match=f"but got {option}; leave it out"):
            radars.search(net, data, data_options=options)


def test_a_data_set_is_normalised_by_what_is_given() -> None:
    examples = TensorDataset(torch.rand(40, 1, 8, 8), torch.arange(40) % 4)
    given = as_data(examples, config=DataConfig(mean=(0.5,), std=(0.25,)), seed=0)
    [batch] = given.train.evaluation_batches(40)
    known = {tuple(examples[index][0].flatten().tolist()) for index in range(40)}
    back = (0.25 * batch.example_B + 0.5).flatten(1)
    assert all(any(np.allclose(row, other, atol=1e-6) for other in known) for row in back.tolist())


def test_tokens_are_not_normalised_by_what_is_given() -> None:
    tokens = TensorDataset(torch.randint(9, (40, 5)), torch.arange(40) % 4)
    with pytest.raises(radars.DataError, match="leave them out, as integers stay what they are"):
        as_data(tokens, config=DataConfig(mean=(0.5,) * 5, std=(1.0,) * 5), seed=0)


def test_from_a_search_to_an_exported_network(found: radars.SearchResult, tmp_path: Path) -> None:
    trained = radars.train(found, Spots(), epochs=4, batch_size=16, out=tmp_path / "t", loggers=())
    assert trained.class_names == Spots.classes
    with pytest.raises(radars.DataError, match="give the test set"):
        trained.evaluate(as_data(Spots(), config=DataConfig(), seed=0))
    evaluated = trained.evaluate(Spots(80))
    assert evaluated.num_examples == 80
    assert evaluated.test_accuracy > 0.5
    again = radars.load(tmp_path / "t", space=radars.SearchSpace(net))
    assert again.evaluate(Spots(80)).test_accuracy == evaluated.test_accuracy
    assert (tmp_path / "t" / "evaluation.json").is_file()
    assert radars.report(tmp_path / "t").read_text("utf-8").startswith("<!doctype html>")
    files = radars.export(trained, tmp_path / "net.safetensors").files
    assert {file.name for file in files} == {"net.py", "net.safetensors"}


def test_a_completed_training_is_only_read_again(
    found: radars.SearchResult, tmp_path: Path
) -> None:
    def train(**changes: Any) -> radars.TrainedNetwork:
        options: dict[str, Any] = {"epochs": 1, "batch_size": 16, "loggers": ()}
        return radars.train(found, Spots(), out=tmp_path / "t", resume=True, **options | changes)

    with pytest.warns(RadarsWarning, match="there is no run in .*; a new one starts"):
        trained = train()
    before = (tmp_path / "t" / "events.jsonl").read_bytes()
    again = train()
    assert again.result.to_dict() == trained.result.to_dict()
    assert again.directory == trained.directory
    example_B = torch.rand(3, 1, 8, 8)
    assert torch.equal(again.network.eval()(example_B), trained.network.eval()(example_B))
    assert (tmp_path / "t" / "events.jsonl").read_bytes() == before
    with pytest.raises(radars.ConfigError, match="epochs was 1 and is now 2"):
        train(epochs=2)


def test_a_completed_search_is_only_read_again(tmp_path: Path) -> None:
    def search(seed: int = 0, resume: bool = True, network: Any = net) -> radars.SearchResult:
        return radars.search(
            network, Spots(), method="random", seed=seed, pareto=["accuracy", "macs"],
            budget="4MiB",
            children={"number": 2, "steps": 2}, batch_size=16, loggers=(), num_threads=1,
            out=tmp_path / "run", resume=resume,
        )  # fmt: skip

    first, again = search(resume=False), search()
    assert again == first
    assert again.front == first.front != ()
    assert again.directory == first.directory
    assert again.has_objects
    assert again.summary() == first.summary()
    assert type(again.build()) is nn.Sequential
    with pytest.raises(radars.ConfigError, match=r"seed of .* is 0 and now 1 is asked for"):
        search(seed=1)

    def other(choose: radars.Choose) -> nn.Module:
        return net(choose, nn.Tanh)

    other.__name__ = "net"
    with pytest.raises(radars.ConfigError, match="continues with the same space"):
        search(network=other)


def sized(choose: radars.Choose) -> nn.Module:
    width = choose("width", [2, 4])
    layers: list[nn.Module] = [nn.Conv2d(1, width, 3), nn.ReLU()]
    if choose("is_deep", [False, True]):
        kernel = choose("kernel", [(1, 3), (3, 1)])
        layers += [nn.Conv2d(width, width, kernel), nn.ReLU()]
    return nn.Sequential(*layers, nn.AdaptiveAvgPool2d(2), nn.Flatten(), nn.Linear(4 * width, 10))


def test_values_are_read_again_from_results_and_rows(tmp_path: Path) -> None:
    settings: dict[str, Any] = {
        "children": {"number": 3, "steps": 2}, "budget": "4MiB", "batch_size": 16, "loggers": (),
        "num_threads": 1,
    }  # fmt: skip
    first, again = (
        radars.search(
            sized,
            Spots(),
            method="random",
            out=tmp_path / "run",
            resume=resume,
            pareto=["accuracy", "macs"],
            **settings,
        )
        for resume in (False, True)
    )
    assert again == first
    assert again.ranking == first.ranking
    assert {type(each.architecture["width"]) for each in again.ranking} == {int}
    trained = radars.train(again, Spots(), epochs=1, out=tmp_path / "trained", loggers=())
    assert radars.load(tmp_path / "trained", space=radars.SearchSpace(sized)).architecture == (
        trained.architecture
    )
    assert "width" in radars.report(tmp_path / "run").read_text()
    rows = [
        radars.compare(
            sized, Spots(), methods=["random"], seeds=[0], out=tmp_path / "compared", **settings
        ).rows
        for _ in range(2)
    ]
    assert rows[0] == rows[1]
    assert rows[0][0].architecture == dict(first.architecture)


def test_a_plan_says_what_fits() -> None:
    plan = radars.plan(net, input_shape=(1, 8, 8), batch_size=16, budget="2MiB")
    assert plan.plan is not None
    assert plan.batch_size == 16
    assert "supernet of the whole space" in str(plan)
    with pytest.raises(radars.SpaceError, match="input_shape"):
        radars.plan(net)


def test_events_are_told_as_they_are_logged_and_a_search_is_stopped_and_resumed(
    tmp_path: Path,
) -> None:
    told: list[Event] = []
    whole = radars.search(net, on_event=told.append, out=tmp_path / "whole", **QUICK)
    logged = [event["event"] for event in read_events(tmp_path / "whole" / "events.jsonl")]
    assert [event.kind for event in told] == logged

    def stop(event: Event) -> None:
        if event.kind == "phase_ended":
            raise radars.StopSearch

    out = tmp_path / "parts"
    with pytest.raises(radars.Stopped):
        radars.search(net, on_event=stop, out=out, **QUICK)
    resumed = radars.search(net, out=out, resume=True, **QUICK)
    assert resumed.architecture == whole.architecture
    assert resumed.accuracy == whole.accuracy


@pytest.mark.parametrize("what", ["space", "data", "task", "nothing"])
def test_a_resumed_search_refuses_other_objects_before_it_touches_a_file(
    what: str, tmp_path: Path
) -> None:
    def stop(event: Event) -> None:
        if event.kind == "progress":
            raise radars.StopSearch

    out = tmp_path / "run"
    examples, labels = torch.rand(160, 1, 8, 8), torch.arange(160) % 10
    with pytest.raises(radars.Stopped):
        radars.search(net, (examples, labels), on_event=stop, out=out, **QUICK)
    before = {file: file.read_bytes() for file in out.rglob("*") if file.is_file()}

    def other(choose: radars.Choose) -> nn.Module:
        return net(choose, nn.Tanh)

    other.__name__ = "net"
    task = radars.Task(loss=lambda output, label: nn.functional.cross_entropy(output, label) * 2)
    changed: dict[str, dict[str, Any]] = {
        "space": {"space": other, "data": (examples, labels)},
        "data": {"space": net, "data": (examples, labels.flip(0))},
        "task": {"space": net, "data": (examples, labels), "task": task},
        "nothing": {},
    }
    with pytest.raises(radars.ConfigError, match="object" if what == "nothing" else what):
        radars.search(**changed[what], out=out, resume=True, **QUICK)
    lock = out / "lock"
    after = {file: file.read_bytes() for file in out.rglob("*") if file.is_file()}
    assert {k: v for k, v in after.items() if k != lock} == {
        k: v for k, v in before.items() if k != lock
    }


def test_arrays_and_rows_of_mappings_are_data() -> None:
    images = np.random.default_rng(0).random((64, 1, 8, 8), dtype=np.float32)
    labels = np.arange(64) % 10
    rows = [
        {"image": image, "label": int(label)} for image, label in zip(images, labels, strict=True)
    ]
    results = [
        radars.search(net, data, batch_size=16, method="random", seed=1, budget="4MiB",
                      children={"number": 2, "steps": 3}, loggers=(), num_threads=1)
        for data in ((images, labels), rows)
    ]  # fmt: skip
    assert results[0].accuracy == results[1].accuracy


@pytest.mark.parametrize(
    ("data", "says"),
    [
        ([], "at least one example"),
        ((torch.rand(4, 1, 8, 8), torch.arange(3)), "each example has a target"),
        (iter([1]), "map-style data set"),
        ([(torch.rand(1, 8, 8), "cat"), (torch.rand(1, 8, 8), 3)] * 4, "targets are all texts"),
        ([(torch.rand(1, 8, 8), [0, None])] * 8, "targets are numbers, texts"),
        ([torch.rand(1, 8, 8)] * 8, r"\(example, target\)"),
        ([(torch.full((1, 8, 8), float("nan")), 0)] * 8, "finite"),
        ([{"picture": 1, "label": 0}] * 8, "rename a column"),
        ((torch.rand(8, 1, 8, 8), torch.tensor([-1] * 8)), "classes are 0, 1, 2"),
    ],
)
def test_data_that_cannot_be_used_are_refused_in_one_line(data: Any, says: str) -> None:
    with pytest.raises(radars.DataError, match=says) as caught:
        radars.search(net, data, batch_size=4, **QUICK)
    assert "\n" not in str(caught.value)


def test_other_arguments_that_are_wrong_are_refused_in_one_line() -> None:
    with pytest.raises(radars.ConfigError, match="there is no key 'explor'"):
        radars.search(net, explor={"steps": 3})
    with pytest.raises(radars.ConfigError, match="a space is a SearchSpace"):
        radars.search(3)  # type: ignore[arg-type]
    with pytest.raises(radars.ConfigError, match="a method is one of"):
        radars.search(net, method="magic")


def test_methods_are_compared_on_objects(tmp_path: Path) -> None:
    settings: dict[str, Any] = {"children": {"number": 2, "steps": 2}, "loggers": ()}
    comparison = radars.compare(
        net, Spots(), methods=["random"], seeds=[0, 1], budget="4MiB", batch_size=16,
        out=tmp_path / "compared", **settings,
    )  # fmt: skip
    assert [row.status for row in comparison.rows] == ["completed"] * 2
    assert "| default | random | completed | 2 |" in str(comparison)
