"""Networks of several inputs, in a tuple or a dict: `forward(image, ids)` (docs/tasks.md)."""

import importlib.util
import pickle
import re
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import torch
from tests.tiny import InterruptAt, assert_same_state, outcome, quick_config
from torch import Tensor, nn
from torch.utils.data import Dataset, TensorDataset

import radars
from radars import Choose, SearchSpace
from radars.cost import CostTable, LatencySpec, PriceCache, measured_rows, network_macs
from radars.data import data_fingerprint
from radars.engine.given import Given
from radars.engine.run import run_search
from radars.errors import ConfigError, DataError, RadarsError, SpaceError, Stopped
from radars.example import Named, call, mapped
from radars.memory import PLAIN, MemorySavings, TrainingSpec, measure, predict
from radars.memory.inference import inference_bytes, inference_memory
from radars.memory.masked_choices import path_relaxation
from radars.memory.predict import run_step
from radars.nn.steps import StepKind, num_paths
from radars.nn.supernet import Supernet
from radars.registries import METHODS
from radars.testing import final_state

GENERATOR = torch.Generator().manual_seed(0)
LABEL = torch.arange(256) % 4
IMAGE = torch.randn(256, 1, 4, 4, generator=GENERATOR) + 4.0 * (LABEL % 2)[:, None, None, None]
IDS = torch.randint(0, 4, (256, 6), generator=GENERATOR) + 4 * (LABEL // 2)[:, None]
FORMS: dict[str, Any] = {"tuple": (IMAGE, IDS), "dict": {"image": IMAGE, "ids": IDS}}
SHAPES: dict[str, Any] = {
    "tuple": ((1, 4, 4), (6,)),
    "dict": {"image": (1, 4, 4), "ids": (6,)},
}
DTYPES: dict[str, Any] = {
    "tuple": (torch.float32, torch.int64),
    "dict": {"image": torch.float32, "ids": torch.int64},
}
QUICK: dict[str, Any] = {
    "budget": "1MiB",
    "batch_size": 16,
    "num_rounds": 1,
    "device": "cpu",
    "explore": {"steps": 24, "tuning_steps": 3, "ranker_draws": 2},
    "differentiate": {"steps": 4},
    "select": {
        "finalists": 4,
        "halving_steps": [20, 40],
        "optimizer": {"learning_rate": 0.1},
    },
}
FORM = pytest.mark.parametrize("form", FORMS)


class Nothing(nn.Module):
    def forward(self, feature: Tensor) -> Tensor:
        return torch.zeros_like(feature)


class Net(nn.Module):
    """The class has a bit from each input, and of each a candidate sees nothing."""

    def __init__(self, choose: Choose) -> None:
        super().__init__()
        self.conv = nn.Conv2d(1, 8, 3)
        self.words = nn.Embedding(8, 8)
        self.image = choose("of_image", {"nothing": Nothing, "linear": lambda: nn.Linear(8, 8)})
        self.ids = choose("of_ids", {"nothing": Nothing, "linear": lambda: nn.Linear(8, 8)})
        self.head = nn.Linear(16, 4)

    def forward(self, image: Tensor, ids: Tensor) -> Tensor:
        seen = self.image(self.conv(image).mean((2, 3)))
        read = self.ids(self.words(ids).mean(1))
        output: Tensor = self.head(torch.cat([seen, read], 1))
        return output


class Sized(nn.Module):
    """The same with a width to choose: it is relaxed by masks."""

    def __init__(self, choose: Choose) -> None:
        super().__init__()
        width = choose("width", [4, 8])
        self.conv, self.words = nn.Conv2d(1, width, 3), nn.Embedding(8, width)
        self.head = nn.Linear(width, 4)

    def forward(self, image: Tensor, ids: Tensor) -> Tensor:
        feature = self.conv(image).mean((2, 3)) + self.words(ids).mean(1)
        output: Tensor = self.head(feature)
        return output


class Items(Dataset[Any]):
    """What a map-style data set of several inputs returns."""

    def __init__(self, examples: Any, label_N: Tensor = LABEL) -> None:
        self.examples, self.targets = examples, label_N

    def __len__(self) -> int:
        return len(self.targets)

    def __getitem__(self, index: int) -> Any:
        example = mapped(lambda part_N: part_N[index], self.examples)
        is_dict = isinstance(example, dict)
        return dict(example) if is_dict else example, int(self.targets[index])


def space_of(form: str) -> SearchSpace:
    return SearchSpace(Net, input_shape=SHAPES[form], input_dtype=DTYPES[form])


def refusal(data: Any, space: Any = Net, **options: Any) -> str:
    """The one line with which a search is refused."""
    with pytest.raises(RadarsError) as caught:
        radars.search(space, data, **(QUICK | options))
    assert "\n" not in str(caught.value)
    return str(caught.value)


CHILDREN = QUICK | {"method": "random", "children": {"number": 4, "steps": 30}}


@pytest.mark.parametrize(
    ("data", "options"),
    [
        pytest.param(Items(FORMS["dict"]), CHILDREN, id="a data set of dicts"),
        pytest.param(Items(FORMS["tuple"]), CHILDREN, id="of tuples", marks=pytest.mark.slow),
        pytest.param((FORMS["tuple"], LABEL), QUICK, id="in a tuple", marks=pytest.mark.slow),
        pytest.param((FORMS["dict"], LABEL), QUICK, id="in a dict", marks=pytest.mark.slow),
    ],
)
def test_a_search_finds_the_network_that_uses_both_inputs(
    data: Any, options: dict[str, Any], tmp_path: Path
) -> None:
    found = radars.search(Net, data, **options)
    assert found.architecture == {"of_image": "linear", "of_ids": "linear"}
    assert found.predicted_peak_bytes == found.measured_peak_bytes
    trained = radars.train(found, data, epochs=4, batch_size=16, device="cpu", out=tmp_path / "a")
    assert trained.evaluate(data).test_accuracy > 0.7
    loaded = radars.load(tmp_path / "a", space=SearchSpace(Net))
    assert loaded.input_shape == trained.input_shape
    assert loaded.evaluate(data).test_accuracy == trained.evaluate(data).test_accuracy


@pytest.mark.parametrize("kind", [StepKind.WEIGHTS, StepKind.ARCHITECTURE, StepKind.SECOND_ORDER])
@pytest.mark.parametrize(
    "savings",
    [PLAIN, MemorySavings(recompute=1.0), MemorySavings(selective=1.0, micro_batches=4)],
    ids=["plain", "recompute", "selective"],
)
@pytest.mark.parametrize("network", [Net, Sized])
def test_a_prediction_is_what_is_measured(
    network: Any, savings: MemorySavings, kind: StepKind
) -> None:
    space = SearchSpace(network, input_shape=SHAPES["dict"], input_dtype=DTYPES["dict"])
    spec = TrainingSpec(space.input_shape, 16, input_dtype=space.input_dtype)
    predicted = predict(space, space.full, spec, kinds=[kind], savings=savings)
    relaxation = None if space.is_modular else path_relaxation(space, spec.input_shape, 16)
    supernet = Supernet(
        space, optimizer=spec.optimizer, savings=savings, path_relaxation=relaxation
    )
    supernet.hold_largest_paths(num_paths(kind))

    def batch_of_its_own() -> list[Any]:
        return [Named({"image": IMAGE[:16].clone(), "ids": IDS[:16].clone()}), LABEL[:16].clone()]

    batch = batch_of_its_own() + (batch_of_its_own() if kind is StepKind.SECOND_ORDER else [])
    step = partial(run_step, kind, supernet, batch, micro_batches=savings.micro_batches)
    step()  # makes the optimizers' state
    _, peak_bytes = measure(step, supernet, batch)
    assert peak_bytes == predicted.peak_bytes


@pytest.mark.slow
def test_a_width_is_searched_where_inputs_are_named() -> None:
    found = radars.search(Sized, (FORMS["dict"], LABEL), **QUICK)
    assert found.predicted_peak_bytes == found.measured_peak_bytes
    assert found.accuracy is not None
    assert found.accuracy > 0.5


@pytest.mark.slow
@pytest.mark.parametrize("method", sorted({*METHODS.names()} - {"pcdarts"}))  # it needs a width
def test_every_method_takes_several_inputs(method: str) -> None:
    data = radars.tensor_data(FORMS["dict"], LABEL)
    config = quick_config(method, budget=2**20)
    result = run_search(config, Given(space=SearchSpace(Net), data=data))
    assert set(result.architecture) == {"of_image", "of_ids"}
    assert result.measured_peak_bytes <= result.predicted_peak_bytes


def test_a_search_that_was_interrupted_goes_on_with_the_same_data_alone(tmp_path: Path) -> None:
    def run(name: str, ids: Tensor = IDS, **options: Any) -> None:
        data = radars.tensor_data({"image": IMAGE, "ids": ids}, LABEL)
        given = Given(space=SearchSpace(Net), data=data)
        run_search(quick_config(), given, out=tmp_path / name, **options)

    with pytest.raises(Stopped):
        run("parts", progress=InterruptAt(10))
    other = IDS.clone()
    other[0, 0] = 7
    with pytest.raises(ConfigError, match="continues with the same data"):
        run("parts", ids=other, resume=True)
    run("parts", resume=True)
    run("whole")
    assert outcome(tmp_path / "parts") == outcome(tmp_path / "whole")
    assert_same_state(*(_state(tmp_path / name) for name in ("parts", "whole")))


def _state(run: Path) -> dict[str, Any]:
    return dict(final_state(run)[0])


def test_a_completed_search_is_found_again_and_other_inputs_are_not_its_own(
    tmp_path: Path,
) -> None:
    options = QUICK | {"method": "random", "children": {"number": 1, "steps": 2}}
    first = radars.search(Net, (FORMS["dict"], LABEL), out=tmp_path / "run", **options)
    again = radars.search(Net, (FORMS["dict"], LABEL), out=tmp_path / "run", resume=True, **options)
    assert again.architecture == first.architecture
    with pytest.raises(ConfigError, match="continues with the same"):
        radars.search(Net, (FORMS["tuple"], LABEL), out=tmp_path / "run", resume=True, **options)


@FORM
def test_integers_stay_and_floats_are_normalised_each_by_itself(form: str) -> None:
    table = 5.0 + 3.0 * torch.randn(256, 2, generator=GENERATOR)
    examples = (*FORMS["tuple"], table) if form == "tuple" else {**FORMS["dict"], "table": table}
    data = radars.tensor_data(examples, LABEL)
    [batch] = data.train.evaluation_batches(256)
    which: Any = (0, 1, 2) if form == "tuple" else ("image", "ids", "table")
    image, ids, numbers = (batch.example_B[name] for name in which)
    assert ids.dtype == torch.int64
    assert {*ids.flatten().tolist()} <= set(range(8))
    for part in (image, numbers):
        channel = part.transpose(0, 1).flatten(1)
        torch.testing.assert_close(channel.mean(1), torch.zeros(len(channel)), atol=1e-5, rtol=0)
    assert image.is_contiguous(memory_format=torch.channels_last)
    assert pickle.loads(pickle.dumps(data)).input_shape == data.input_shape


def test_a_change_in_any_input_shows_in_the_fingerprint() -> None:
    def fingerprint(*inputs: Tensor) -> str:
        return data_fingerprint(radars.tensor_data(inputs, LABEL))

    other = IDS.clone()
    other[17, 3] = 0 if other[17, 3] else 1
    known = fingerprint(IMAGE, IDS)
    assert fingerprint(IMAGE, IDS) == known
    assert fingerprint(IMAGE, other) != known
    assert fingerprint(IDS, IMAGE) != known


def test_training_batches_are_changed_as_a_whole() -> None:
    def swap(inputs: dict[str, Tensor], generator: torch.Generator) -> dict[str, Tensor]:
        order = torch.randperm(6, generator=generator)
        return {"image": inputs["image"].flip(-1), "ids": inputs["ids"][:, order]}

    data = radars.tensor_data(FORMS["dict"], LABEL, augment=swap)
    changed, plain = (data.train.batches(8, augment=a, seed=3).next() for a in (True, False))
    assert torch.equal(changed.example_B["image"], plain.example_B["image"].flip(-1))
    assert not torch.equal(changed.example_B["ids"], plain.example_B["ids"])
    assert torch.equal(changed.example_B["ids"].sort().values, plain.example_B["ids"].sort().values)
    wrong = radars.tensor_data(FORMS["dict"], LABEL, augment=lambda inputs, _: inputs["ids"])
    with pytest.raises(DataError, match="augment returns the inputs that it takes, but got a Ten"):
        wrong.train.batches(8, augment=True, seed=3).next()


@FORM
def test_costs_of_candidates_add_up_to_those_of_the_network(form: str) -> None:
    space = space_of(form)
    table, memory = CostTable.of(space), inference_memory(space, space.input_shape)
    for of_image in ("nothing", "linear"):
        architecture = space.architecture({"of_image": of_image, "of_ids": "linear"})
        with torch.device("meta"):
            network = space.build(architecture)
        macs = network_macs(network, space.input_shape, space.input_dtype)
        assert table.cost(architecture).macs == macs > 0
        whole = inference_bytes(space, architecture, space.input_shape)
        assert memory.of(architecture) >= whole > 0


@FORM
def test_latencies_are_measured_on_what_the_network_takes(form: str, tmp_path: Path) -> None:
    space, cache = space_of(form), PriceCache(tmp_path)
    spec = LatencySpec(seconds=1e-4)
    rows = measured_rows(space, space.input_shape, spec, cache)
    assert {row.candidate for row in rows} == {"nothing", "linear", "(fixed)"}
    assert measured_rows(space, space.input_shape, spec, cache) == rows  # of the cache


def test_a_plan_needs_shapes_and_types_alone() -> None:
    by_space = radars.plan(space_of("dict"), batch_size=16, budget="1MiB")
    space = SearchSpace(Net, input_dtype=DTYPES["dict"])
    given = radars.plan(space, input_shape=SHAPES["dict"], batch_size=16, budget="1MiB")
    assert given.plan is not None
    assert by_space.plan is not None
    assert given.plan.memory == by_space.plan.memory
    settings = QUICK | {"method": "darts", "dnas": {"steps": 1}}
    found = radars.search(Net, (FORMS["dict"], LABEL), **settings)
    assert found.measured_peak_bytes == given.plan.memory.peak_bytes


@pytest.fixture(scope="module", params=sorted(FORMS))
def trained(request: pytest.FixtureRequest) -> tuple[str, radars.TrainedNetwork]:
    form, architecture = request.param, {"of_image": "linear", "of_ids": "linear"}
    data = radars.tensor_data(FORMS[form], LABEL)
    return form, radars.train(architecture, data, space=Net, epochs=1, batch_size=16, device="cpu")


def expected(form: str, trained: radars.TrainedNetwork) -> Tensor:
    data = radars.tensor_data(FORMS[form], LABEL)
    [batch] = data.test.open().evaluation_batches(256)
    with torch.no_grad():
        output: Tensor = call(trained.network, batch.example_B)
    return output


def held_out(form: str) -> Any:
    """The examples of the test split, as they were given."""
    test = radars.tensor_data(FORMS[form], LABEL).test.open()
    return test.read(list(range(len(test))))


def test_an_exported_python_file_gives_the_same_scores(
    trained: tuple[str, radars.TrainedNetwork], tmp_path: Path
) -> None:
    form, network = trained
    result = network.export(tmp_path / "net.safetensors")
    assert "ids: int64 (batch, 6)" in result.input if form == "dict" else "input1" in result.input
    spec = importlib.util.spec_from_file_location("exported", tmp_path / "net.py")
    assert spec is not None
    assert spec.loader is not None
    module: Any = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    loaded, examples = module.load(), held_out(form)
    with torch.no_grad():
        got = (
            loaded(**module.normalise(**examples))
            if form == "dict"
            else loaded(*module.normalise(*examples))
        )
    torch.testing.assert_close(got, expected(form, network))


@pytest.mark.slow
def test_exported_programs_give_the_same_scores(
    trained: tuple[str, radars.TrainedNetwork], tmp_path: Path
) -> None:
    onnxruntime = pytest.importorskip("onnxruntime")
    form, network = trained
    network.export(tmp_path / "net.pt2")
    network.export(tmp_path / "net.onnx")
    examples, wanted = held_out(form), expected(form, network)
    program = torch.export.load(tmp_path / "net.pt2").module()
    got = program(**examples) if form == "dict" else program(*examples)
    torch.testing.assert_close(got, wanted)
    session = onnxruntime.InferenceSession(tmp_path / "net.onnx")
    names = ["image", "ids"] if form == "dict" else ["input0", "input1"]
    values = [examples[n] for n in names] if form == "dict" else examples
    fed = {name: value.numpy() for name, value in zip(names, values, strict=True)}
    torch.testing.assert_close(torch.from_numpy(session.run(None, fed)[0]), wanted)


NAN = torch.full_like(IMAGE, float("nan"))


@pytest.mark.parametrize(
    ("data", "says"),
    [
        (((IMAGE, IDS[:9]), LABEL), r"got \(9, 6\) for input 1 and \(256,\); give as many of both"),
        (({"image": NAN, "ids": IDS}, LABEL), "some of input 'image' of number"),
        (Items({"image": NAN, "ids": IDS}), "some of input 'image' of number"),
        (({}, LABEL), "an empty dict; give it a tensor"),
        (Items((IMAGE, LABEL)), "input 1 of number .* is a single number; wrap it"),
        ([((IMAGE[0], "a cat"), 0)] * 32, "input 1 of number .* is a str; convert it to a tensor"),
        (TensorDataset(IMAGE, IDS, LABEL), r"return two things, such as \(\(image, table\), targ"),
        (
            [((IMAGE[0, :, :k], IDS[0]), k % 2) for k in (4, 3)] * 16,
            r"has \(\(1, 4, 4\), \(6,\)\) and the first \(\(1, 3, 4\), \(6,\)\); resize them",
        ),
        ((IMAGE, LABEL), r"missing 1 required positional argument: 'ids'"),
        (((IMAGE, IDS, IDS), LABEL), r"as network\(\(1, 4, 4\), \(6,\), \(6,\)\) of integers"),
        (
            ({"image": IMAGE, "tokens": IDS}, LABEL),
            r"as network\(image=\(1, 4, 4\), tokens=\(6,\)\).*'tokens'; adapt its forward",
        ),
    ],
)  # fmt: skip
def test_what_is_wrong_with_one_input_is_said_in_one_line(data: Any, says: str) -> None:
    assert re.search(says, refusal(data))


@pytest.mark.parametrize(
    ("examples", "says"),
    [
        ((IMAGE, IDS[:9]), "got (9, 6) for input 1 and (256,); give each example a label"),
        ({"image": NAN, "ids": IDS}, "some of input 'image' are not; fill them in"),
        ({"image": IMAGE, "ids": "none"}, "input 'ids' is str; make it so"),
        ((), "an empty tuple; give it a tensor"),
    ],
)
def test_tensors_that_are_wrong_are_refused_in_one_line(examples: Any, says: str) -> None:
    with pytest.raises(DataError, match=re.escape(says)) as caught:
        radars.tensor_data(examples, LABEL)
    assert "\n" not in str(caught.value)


def test_options_of_images_are_refused_in_one_line() -> None:
    architecture, data = {"of_image": "linear", "of_ids": "linear"}, (FORMS["dict"], LABEL)
    with pytest.raises(ConfigError, match=r"change images, but .* set rand_augment_ops"):
        radars.train(architecture, data, space=Net, batch_size=16, rand_augment_ops=2)
    message = refusal(data, data_options={"mean": [0.5], "std": [0.2]})
    assert "of examples of one input, but these have 2; leave them out" in message


def test_a_test_has_the_inputs_of_the_training(trained: tuple[str, radars.TrainedNetwork]) -> None:
    form, network = trained
    other: Any = FORMS["dict" if form == "tuple" else "tuple"]
    for test in ((other, LABEL), (IMAGE, LABEL), radars.tensor_data(other, LABEL)):
        with pytest.raises(ConfigError, match=r"must have the inputs .* give the same inputs"):
            network.evaluate(test)


@pytest.mark.parametrize("shape", [(), {}, "3x4", ((1, 4, 4), "x"), {"image": (0, 4)}, (3.5, 2)])
def test_a_shape_that_is_none_is_refused_in_one_line(shape: Any) -> None:
    with pytest.raises(ConfigError, match="an input shape is whole numbers, a tuple of such sha"):
        SearchSpace(Net, input_shape=shape)


def test_types_are_of_the_inputs_of_the_shape() -> None:
    with pytest.raises(SpaceError, match="input_dtype is one type, or one for each of the inputs"):
        SearchSpace(Net, input_shape=SHAPES["dict"], input_dtype=DTYPES["tuple"])
