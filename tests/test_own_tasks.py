"""Tasks, labels and examples as people have them, through `radars.search`."""

import functools
from collections.abc import Callable
from functools import cache, partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from torch import Tensor, nn
from torch.nn import functional
from torch.utils.data import DataLoader, Dataset, TensorDataset

import radars
from radars import Choose, SearchResult, SearchSpace, Task
from radars.data import DataConfig, as_data, load_data
from radars.errors import ConfigError, DataError, RadarsError, SpaceError
from radars.space import Factory

QUICK: dict[str, Any] = {
    "budget": "64MiB",
    "batch_size": 8,
    "num_rounds": 1,
    "device": "cpu",
    "explore": {"steps": 4, "tuning_steps": 1, "ranker_draws": 2},
    "differentiate": {"steps": 2},
    "select": {"finalists": 2, "halving_steps": [2]},
}
GENERATOR = torch.Generator().manual_seed(0)
IMAGES = torch.randn(64, 3, 8, 8, generator=GENERATOR)
LABELS = torch.arange(64) % 4
TOKENS = torch.randint(0, 50, (64, 12), generator=GENERATOR)
MASKS = torch.randint(0, 3, (64, 8, 8), generator=GENERATOR)
NAMES = ["cat", "dog", "fox", "owl"]


def block() -> nn.Module:
    return nn.Conv2d(8, 8, 3, padding=1)


def net(choose: Choose) -> nn.Module:
    return nn.Sequential(
        nn.Conv2d(3, 8, 3, padding=1),
        nn.ReLU(),
        choose("a", {"skip": nn.Identity, "conv": block}),
        nn.AdaptiveAvgPool2d(1),
        nn.Flatten(),
        nn.Linear(8, 4),
    )


def net_of_values(choose: Choose) -> nn.Module:
    width = choose("width", [4, 8])
    return nn.Sequential(
        nn.Conv2d(3, width, 3, padding=1), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten(),
        nn.Linear(width, 4),
    )  # fmt: skip


class Items(Dataset[Any]):
    def __init__(self, items: list[Any]) -> None:
        self.items = items

    def __len__(self) -> int:
        return len(self.items)

    def __getitem__(self, index: int) -> Any:
        return self.items[index]


def searched(space: Any, data: Any, **options: Any) -> SearchResult:
    """A search whose memory was as predicted."""
    found = radars.search(space, data, **(QUICK | options))
    assert found.measured_peak_bytes == pytest.approx(found.predicted_peak_bytes, rel=0.02)
    return found


def refusal(space: Any, data: Any, **options: Any) -> str:
    """The one line with which a search is refused."""
    with pytest.raises(RadarsError) as caught:
        radars.search(space, data, **(QUICK | options))
    message = str(caught.value)
    assert "\n" not in message
    return message


@cache
def space_of(network: Callable[..., nn.Module]) -> SearchSpace:
    """One for all tests of a network: what was traced of it is not traced again."""
    return SearchSpace(network)


@cache
def whole() -> SearchResult:
    """Of numbered labels, to be found again however the same are given."""
    return searched(space_of(net), (IMAGES, LABELS), seed=1)


WEIGHTS = torch.tensor([1.0, 2.0, 1.0, 1.0])


@pytest.mark.parametrize("space", [net, net_of_values])
@pytest.mark.parametrize(
    "loss",
    [
        lambda output, label: functional.cross_entropy(output, label, weight=WEIGHTS),
        nn.CrossEntropyLoss(weight=WEIGHTS),
        partial(functional.cross_entropy, weight=WEIGHTS),
    ],
    ids=["closure", "module", "partial"],
)
def test_a_loss_may_hold_weights_of_classes(space: Any, loss: Any) -> None:
    searched(space_of(space), (IMAGES, LABELS), task=Task(loss=loss))


def test_a_loss_may_hold_weights_of_what_is_positive() -> None:
    task = Task(
        loss=nn.BCEWithLogitsLoss(pos_weight=WEIGHTS),
        score=lambda output, label: ((output > 0) == (label > 0)).float().mean(-1),
        label_shape=(4,),
        label_dtype=torch.float32,
    )
    searched(net, (IMAGES, functional.one_hot(LABELS, 4).float()), task=task)


@pytest.mark.parametrize(
    "labels",
    [LABELS.numpy(), LABELS.numpy().astype(np.uint8), LABELS.tolist()],
    ids=["int64", "uint8", "list"],
)
def test_labels_as_numpy_has_them(labels: Any) -> None:
    found = searched(space_of(net), (IMAGES.numpy(), labels), seed=1)
    assert (found.architecture, found.accuracy) == (whole().architecture, whole().accuracy)


@pytest.mark.parametrize("kind", ["list", "array", "data set"])
def test_labels_may_be_texts(kind: str) -> None:
    texts = [NAMES[label] for label in LABELS.tolist()]
    data: Any = {
        "list": (IMAGES, texts),
        "array": (IMAGES, np.array(texts)),
        "data set": Items(list(zip(IMAGES, texts, strict=True))),
    }[kind]
    found = searched(space_of(net), data, seed=1)
    assert (found.architecture, found.accuracy) == (whole().architecture, whole().accuracy)


def test_texts_of_a_test_are_those_of_the_training() -> None:
    texts = [NAMES[label] for label in LABELS.tolist()]
    trained = radars.train(
        {"a": "conv"}, (IMAGES, texts), space=net, epochs=1, batch_size=8, device="cpu"
    )
    assert trained.class_names == tuple(NAMES)
    result = trained.evaluate((IMAGES[:8], ["owl"] * 8))  # alone, these would be the first class
    assert sum(result.confusion[NAMES.index("owl")]) == 8
    with pytest.raises(DataError, match="has 'howl'; did you mean 'owl'"):
        trained.evaluate((IMAGES[:8], ["howl"] * 8))


def net_of_tokens(choose: Choose) -> nn.Module:
    layer = choose("a", {"skip": nn.Identity, "linear": lambda: nn.Linear(8, 8)})
    return nn.Sequential(nn.Embedding(50, 8), layer, nn.Flatten(), nn.Linear(96, 4))


def values_of_tokens(choose: Choose) -> nn.Module:
    width = choose("width", [4, 8])
    return nn.Sequential(nn.Embedding(50, width), nn.Flatten(), nn.Linear(12 * width, 4))


@pytest.mark.parametrize("space", [net_of_tokens, values_of_tokens])
@pytest.mark.parametrize("dtype", [torch.int64, torch.int32])
def test_tokens_stay_what_they_are(space: Any, dtype: torch.dtype) -> None:
    searched(space_of(space), (TOKENS.to(dtype), LABELS))


def test_a_network_of_tokens_is_planned_trained_evaluated_and_exported(tmp_path: Path) -> None:
    space = SearchSpace(net_of_tokens, input_dtype=torch.int64)
    assert radars.plan(space, input_shape=(12,), batch_size=8, budget="1MiB").plan is not None
    trained = radars.train(
        {"a": "linear"}, (TOKENS, LABELS), space=space, epochs=1, batch_size=8, device="cpu",
        out=tmp_path / "run",
    )  # fmt: skip
    again = radars.load(tmp_path / "run", space=space)
    data = TOKENS, LABELS
    assert again.evaluate(data).test_loss == pytest.approx(trained.evaluate(data).test_loss)
    assert "int64 (batch, 12)" in again.export(tmp_path / "net.pt2").input
    exported = torch.export.load(tmp_path / "net.pt2").module()
    with torch.no_grad():
        torch.testing.assert_close(exported(TOKENS[:3]), trained.network(TOKENS[:3]))


def test_integers_that_measure_something_are_to_be_floats() -> None:
    def table(choose: Choose) -> nn.Module:
        layer = choose("a", {"skip": nn.Identity, "linear": lambda: nn.Linear(12, 12)})
        return nn.Sequential(nn.Linear(12, 12), layer, nn.Linear(12, 4))

    assert "examples are integers, which stay what they are: pass floats" in refusal(
        table, (TOKENS, LABELS)
    )
    searched(table, (TOKENS.float(), LABELS))


def test_a_choice_of_embeddings_is_refused() -> None:
    def choice_of_tokens(choose: Choose) -> nn.Module:
        sizes = {str(size): partial(nn.Embedding, size, 8) for size in (50, 60)}
        return nn.Sequential(choose("a", sizes), nn.Flatten(), nn.Linear(96, 4))

    assert "let them differ behind the embedding" in refusal(choice_of_tokens, (TOKENS, LABELS))


@pytest.mark.parametrize(
    "read",
    [
        lambda label_N: as_data((IMAGES, label_N), config=DataConfig(), seed=0),
        lambda label_N: radars.tensor_data(IMAGES, label_N, num_outputs=1),
    ],
    ids=["pair", "tensor_data"],
)
def test_nan_in_labels_is_refused(read: Callable[[Tensor], Any]) -> None:
    label_N = torch.rand(64)
    label_N[5] = torch.nan
    with pytest.raises(DataError, match="target is finite, but that of example 5 is not"):
        read(label_N)


class TwoHeads(nn.Module):
    """Answers twice in training, from two depths."""

    def __init__(self, choose: Choose, kind: str = "tuple") -> None:
        super().__init__()
        width = choose("width", [4, 8]) if kind == "values" else 8
        self.kind = kind
        self.first = nn.Conv2d(3, width, 3, padding=1)
        blocks: dict[str, Factory] = {
            "skip": nn.Identity, "conv": lambda: nn.Conv2d(width, width, 3, padding=1),
        }  # fmt: skip
        self.second = choose("a", blocks)
        self.early, self.late = nn.Linear(width, 4), nn.Linear(width, 4)

    def forward(self, image: Tensor) -> Any:
        image = self.first(image)
        late = self.late(self.second(image).mean((2, 3)))
        if not self.training:
            return late
        early = self.early(image.mean((2, 3)))
        return {"late": late, "early": early} if self.kind == "dict" else (late, early)


def loss_of_two(output: Any, label: Tensor) -> Tensor:
    if isinstance(output, Tensor):
        return functional.cross_entropy(output, label)
    late, early = output.values() if isinstance(output, dict) else output
    return functional.cross_entropy(late, label) + 0.4 * functional.cross_entropy(early, label)


@pytest.mark.parametrize("kind", ["tuple", "dict", "values"])
def test_a_network_may_return_several_tensors_in_training(kind: str) -> None:
    space = SearchSpace(functools.partial(TwoHeads, kind=kind))
    found = searched(space, (IMAGES, LABELS), task=Task(loss=loss_of_two))
    trained = radars.train(
        found, (IMAGES, LABELS), task=Task(loss=loss_of_two), epochs=1, batch_size=8
    )
    assert trained.evaluate((IMAGES, LABELS)).num_examples == 64


def test_several_tensors_need_a_loss_that_takes_them() -> None:
    message = refusal(TwoHeads, (IMAGES, LABELS))
    assert "is a tuple, and cross-entropy takes one tensor; give task=Task(loss=...)" in message


@pytest.mark.parametrize(
    ("example", "said"),
    [
        ((IMAGES[0], IMAGES[0, 0]), "takes the data's examples as network((3, 8, 8), (8, 8)), but"),
        ({"a": IMAGES[0], "b": 1}, "input 'b' of number"),
    ],
)
def test_several_inputs_are_for_a_network_that_takes_them(example: Any, said: str) -> None:
    assert said in refusal(net, Items([(example, index % 4) for index in range(16)]))


def net_of_masks(choose: Choose) -> nn.Module:
    layer = choose("a", {"skip": nn.Identity, "conv": block})
    return nn.Sequential(nn.Conv2d(3, 8, 3, padding=1), nn.ReLU(), layer, nn.Conv2d(8, 3, 1))


def values_of_masks(choose: Choose) -> nn.Module:
    width = choose("width", [4, 8])
    return nn.Sequential(nn.Conv2d(3, width, 3, padding=1), nn.ReLU(), nn.Conv2d(width, 3, 1))


@pytest.mark.parametrize("space", [net_of_masks, values_of_masks])
def test_masks_are_searched_by_mean_iou(space: Any) -> None:
    mask_N = torch.where(MASKS == 0, 255, MASKS)  # which do not count
    found = searched(space, (IMAGES, mask_N), task=radars.segmentation(8, 8))
    assert found.accuracy is not None
    trained = radars.train(
        found, (IMAGES, mask_N), task=radars.segmentation(8, 8), epochs=1, batch_size=8
    )
    result = trained.evaluate((IMAGES, mask_N))
    example_N = trained.normalisation(IMAGES)
    with torch.no_grad():
        score = radars.mean_iou(trained.network(example_N), mask_N).mean()
    assert result.test_accuracy == pytest.approx(float(score), rel=1e-5)


def test_an_output_of_another_size_than_the_masks_is_refused() -> None:
    message = refusal(
        lambda choose: nn.Sequential(net_of_masks(choose), nn.MaxPool2d(2)),
        (IMAGES, MASKS),
        task=radars.segmentation(8, 8),
    )
    assert "(batch, 3, 8, 8)" in message
    assert "make its output as large as the masks" in message


def test_lazy_layers_are_refused_by_name() -> None:
    def lazy(choose: Choose) -> nn.Module:
        return nn.Sequential(net(choose), nn.LazyLinear(4))

    def lazy_candidate(choose: Choose) -> nn.Module:
        candidates: dict[str, Factory] = {
            "skip": nn.Identity, "conv": lambda: nn.LazyConv2d(3, 1), "same": nn.Identity,
        }  # fmt: skip
        return nn.Sequential(choose("a", candidates), nn.Flatten(), nn.Linear(192, 4))

    assert "'1' of 'lazy' is a LazyLinear; write Linear with its sizes" in refusal(
        lazy, (IMAGES, LABELS)
    )
    assert "write Conv2d with its sizes" in refusal(lazy_candidate, (IMAGES, LABELS))


def test_a_module_that_two_candidates_share_is_refused_each_time() -> None:
    def sharing(choose: Choose) -> nn.Module:
        own = block()
        layer = choose(
            "a", {"one": lambda: nn.Sequential(own), "two": lambda: nn.Sequential(own, nn.ReLU())}
        )
        head = nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(8, 4)
        return nn.Sequential(nn.Conv2d(3, 8, 3, padding=1), layer, *head)

    for _ in range(2):  # with prices in the cache, too
        message = refusal(sharing, (IMAGES, LABELS))
        assert "candidate 'one' of choice 'a' was there before; make it in the factory" in message


@pytest.mark.parametrize("space", [net, net_of_values])
def test_batches_of_one(space: Any) -> None:
    searched(space_of(space), (IMAGES, LABELS), batch_size=1)


def test_batches_of_one_where_batchnorm_needs_two() -> None:
    def normalised(choose: Choose) -> nn.Module:
        layer = choose("a", {"skip": nn.Identity, "linear": lambda: nn.Linear(8, 8)})
        start = nn.Flatten(), nn.Linear(192, 8), nn.BatchNorm1d(8)
        return nn.Sequential(*start, layer, nn.Linear(8, 4))

    message = refusal(normalised, (IMAGES, LABELS), batch_size=1)
    assert "BatchNorm has no statistics of one example: raise batch_size" in message


def photograph() -> Image.Image:
    """Of 16 by 8 pixels, to be turned by a quarter."""
    return Image.fromarray(np.zeros((8, 16, 3), np.uint8))


def test_photographs_are_read_the_right_way_up(tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6  # the orientation
    for name in ("a/0.jpg", "a/1.jpg", "a/2.jpg", "b/0.jpg", "b/1.jpg", "b/2.jpg"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        photograph().save(tmp_path / name, exif=exif)
    assert load_data(DataConfig(source=str(tmp_path)), 0).input_shape == (3, 16, 8)
    with Image.open(tmp_path / "a/0.jpg") as image:
        image.load()
        items = Items([(image, index % 2) for index in range(8)])
        assert as_data(items, config=DataConfig(), seed=0).input_shape == (3, 16, 8)


def test_a_class_that_a_part_lacks_is_said(caplog: pytest.LogCaptureFixture) -> None:
    label_N = torch.zeros(64, dtype=torch.int64)
    label_N[:3] = torch.tensor([1, 2, 3])
    searched(space_of(net), (IMAGES, label_N))
    said = [record.getMessage() for record in caplog.records]
    assert any("no example in the validation part, which has 32, is of" in line for line in said)
    caplog.clear()
    searched(space_of(net), (IMAGES, LABELS))
    assert not caplog.records


@pytest.mark.parametrize(
    ("data", "said"),
    [
        ({"train": (IMAGES, LABELS)}, r"a dict of 'train'; pass one of them, as in data['train']"),
        ({"x": IMAGES, "y": LABELS}, r"a dict of 'x', 'y'; pass one of them, as in data['x']"),
        (DataLoader(TensorDataset(IMAGES, LABELS)), "a DataLoader; pass the data set that it"),
        ((["a", "b"], [0, 1]), "the examples of a pair are a tensor or an array of numbers"),
        ((IMAGES, [[0], [1, 2]]), "targets are numbers, texts or tensors of one shape"),
    ],
)
def test_other_data_are_refused_in_a_line(data: Any, said: str) -> None:
    assert said in refusal(net, data)


def test_a_list_of_two_tensors_is_a_pair() -> None:
    searched(net, [IMAGES, LABELS])


def test_kinds_of_refusal() -> None:
    kinds: list[tuple[type[Exception], Any, Any]] = [
        (ConfigError, TwoHeads, (IMAGES, LABELS)),
        (DataError, net, {"train": (IMAGES, LABELS)}),
        (SpaceError, net, (IMAGES, LABELS % 2)),
    ]
    for error, space, data in kinds:
        with pytest.raises(error):
            radars.search(space, data, **QUICK)
