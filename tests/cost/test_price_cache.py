import os
import sqlite3
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from tests.tiny import tiny_space
from torch import Tensor, nn

from radars.cost.price_cache import price_key
from radars.memory import PriceCache, TrainingSpec, prices
from radars.memory.prices import training_prices
from radars.nn.optimizer import OptimizerConfig
from radars.space import building

SPEC = TrainingSpec((1, 8, 8), 16)
SHAPES = [(1, 2)]


@pytest.fixture
def num_traced(monkeypatch: pytest.MonkeyPatch) -> Callable[[], int]:
    """Counts the candidates that are traced."""
    traced: list[object] = []
    trace = prices._price

    def counted(*args: Any) -> prices.Price:
        traced.append(args)
        return trace(*args)

    monkeypatch.setattr(prices, "_price", counted)
    return lambda: len(traced)


def test_a_candidate_is_traced_once_on_each_machine(
    tmp_path: Path, num_traced: Callable[[], int]
) -> None:
    first = training_prices(tiny_space(), SPEC, PriceCache(tmp_path / "new" / "folder"))
    num_distinct = num_traced()
    assert num_distinct == 6  # places a and b take the same input
    assert training_prices(tiny_space(), SPEC, PriceCache(tmp_path / "new" / "folder")) == first
    assert num_traced() == num_distinct
    assert training_prices(tiny_space(), SPEC) == first  # without the cache
    assert num_traced() == 2 * num_distinct


@pytest.mark.parametrize(
    "spec",
    [
        TrainingSpec((1, 8, 8), 17),
        TrainingSpec((1, 16, 16), 16),
        TrainingSpec((1, 8, 8), 16, OptimizerConfig(name="adamw")),
        TrainingSpec((1, 8, 8), 16, precision="bf16-mixed"),
    ],
    ids=["batch", "input", "optimizer", "precision"],
)
def test_what_a_price_depends_on_is_in_its_key(
    tmp_path: Path, num_traced: Callable[[], int], spec: TrainingSpec
) -> None:
    cache = PriceCache(tmp_path)
    training_prices(tiny_space(), SPEC, cache)
    before = num_traced()
    assert training_prices(tiny_space(), spec, cache) == training_prices(tiny_space(), spec)
    assert num_traced() == before + 2 * 6


def test_so_is_the_device() -> None:
    # without a trace, which PyTorch makes for CUDA where there is a GPU only
    spec = replace(SPEC, device_type="cuda")
    assert prices._dependencies(spec) != prices._dependencies(SPEC)
    keys = {price_key(nn.ReLU(), SHAPES, prices._dependencies(known)) for known in (SPEC, spec)}
    assert len(keys) == 2


def test_a_setting_that_cannot_be_told_is_not_cached() -> None:
    module = nn.ReLU()
    module.op = object()  # type: ignore[assignment]
    assert price_key(module, SHAPES) is None


class Repeated(nn.Module):
    def __init__(self, repeats: int) -> None:
        super().__init__()
        self.linear = nn.Linear(2, 2)
        self.repeats = repeats

    def forward(self, example_B: Tensor) -> Tensor:
        for _ in range(self.repeats):
            example_B = self.linear(example_B)
        return example_B


def test_settings_that_no_representation_shows_tell_candidates_apart() -> None:
    with building(torch.device("meta")):
        assert str(Repeated(2)) == str(Repeated(3))
        assert price_key(Repeated(2), SHAPES) != price_key(Repeated(3), SHAPES)
        assert price_key(Repeated(2), SHAPES) == price_key(Repeated(2), SHAPES)
        assert price_key(Repeated(2), SHAPES) != price_key(Repeated(2), [(1, 3, 2)])
        assert price_key(Repeated(2), SHAPES) != price_key(Repeated(2), SHAPES, ["another batch"])


class FromEnvironment(nn.Module):
    def forward(self, example_B: Tensor) -> Tensor:
        return torch.cat([example_B] * int(os.environ["TEST_REPEATS"]))


def test_what_users_code_reads_elsewhere_tells_candidates_apart(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    keys = set()
    for number in "1", "2":
        monkeypatch.setenv("TEST_REPEATS", number)
        keys.add(price_key(FromEnvironment(), SHAPES))
    assert len(keys - {None}) == 2


def test_code_that_is_in_no_file_is_not_cached() -> None:
    names: dict[str, Any] = {"nn": nn, "__name__": "typed_at_a_prompt"}
    exec("class Op(nn.Module): pass", names)
    assert price_key(names["Op"](), SHAPES) is None


@pytest.mark.parametrize("content", [b"not a database", b""])
def test_a_damaged_file_is_as_none(tmp_path: Path, content: bytes) -> None:
    [file] = [PriceCache(tmp_path)._path]
    file.write_bytes(content)
    assert training_prices(tiny_space(), SPEC, PriceCache(tmp_path)) == training_prices(
        tiny_space(), SPEC
    )


@pytest.mark.parametrize(
    "change",
    [
        "numbers = 'many'",
        "numbers = '-1,2,3,4'",
        "numbers = '1,2,3,5'",
        "numbers = NULL",
        "numbers = x'00ff'",
        "numbers = 7",
        "checksum = NULL",
        "key = 'other'",
    ],
)
def test_rows_that_were_changed_are_as_none(tmp_path: Path, change: str) -> None:
    cache = PriceCache(tmp_path)
    cache.add({"key": (1, 2, 3, 4)})
    assert cache.read() == {"key": (1, 2, 3, 4)}
    with sqlite3.connect(cache._path) as database:
        database.execute(f"UPDATE prices SET {change}")
    cache.add({"new": (5,)})
    assert cache.read() == {"new": (5,)}


def test_a_table_of_other_columns_is_as_none(tmp_path: Path) -> None:
    cache = PriceCache(tmp_path)
    with sqlite3.connect(cache._path) as database:
        database.execute("CREATE TABLE prices (key TEXT)")
    cache.add({"key": (1, 2, 3, 4)})
    assert cache.read() == {}


def test_a_folder_that_cannot_be_written_is_no_hindrance(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    cache = PriceCache(tmp_path / "file")
    cache.add({"key": (1, 2, 3, 4)})
    assert cache.read() == {}
