import sys
from pathlib import Path

import pytest
import torch
from tabular import make_table, table
from tabular.settings import SETTINGS

from radars import SearchSpace
from radars.space import Architecture
from radars.zoo import load_space

SPACES = Path(table.__file__).parent / "spaces"


def make(monkeypatch: pytest.MonkeyPatch, *arguments: object) -> None:
    monkeypatch.setattr(sys, "argv", ["make_table", *map(str, arguments)])
    make_table.main()


@pytest.mark.parametrize("name", SETTINGS)
def test_each_space_takes_its_data(name: str, request: pytest.FixtureRequest) -> None:
    folder = request.getfixturevalue("data_dir") if name == "cells" else Path()
    setting = SETTINGS[name]
    examples = setting.examples(folder)
    space = SearchSpace(setting.network, input_shape=tuple(examples.seen_N.shape[1:]))
    assert 512 <= space.num_architectures <= 1024
    network = space.build(space.random_architecture(torch.Generator().manual_seed(0)))
    num_classes = int(examples.test_label_N.max()) + 1
    assert network(examples.test_N[:3]).shape == (3, num_classes)
    assert set(examples.seen_label_N.tolist()) == set(range(num_classes))


@pytest.mark.parametrize("path", sorted(SPACES.glob("*.py")), ids=lambda path: path.stem)
def test_each_space_can_be_named_in_a_command(path: Path) -> None:
    assert (
        load_space(f"{path}:{path.stem}").choices
        == SearchSpace(SETTINGS[path.stem].network).choices
    )


def test_what_a_search_sees_is_not_tested_on() -> None:
    for name in ("columns", "scarce", "signals"):
        examples = SETTINGS[name].examples(Path())
        seen = {tuple(row) for row in examples.seen_N.flatten(1).tolist()}
        assert not seen & {tuple(row) for row in examples.test_N.flatten(1).tolist()}
        data = examples.for_search(name, seed=1)
        assert 0 < len(data.train) + len(data.validation) <= len(examples.seen_N)


def test_a_table_that_was_cut_off_is_gone_on_with(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    make(monkeypatch, "--space", "scarce", "--limit", 2, "--seeds", "0,1", "--out", tmp_path)
    path = tmp_path / "scarce.csv"
    whole = table.read_trained(path)
    assert [row.seed for row in whole] == [0, 0, 1, 1]
    lines = path.read_text().splitlines(keepends=True)
    path.write_text("".join(lines[:4]) + lines[4][:20])
    make(monkeypatch, "--space", "scarce", "--limit", 2, "--seeds", "0,1", "--out", tmp_path)
    again = table.read_trained(path)
    assert path.read_text().splitlines()[:4] == [line.strip() for line in lines[:4]]
    assert [(row.architecture, row.seed, row.test_accuracy) for row in again] == [
        (row.architecture, row.seed, row.test_accuracy) for row in whole
    ]


def test_a_table_judges_by_the_mean_over_seeds(tmp_path: Path) -> None:
    lines = ["layer0,seed,test_accuracy,parameters,macs,cpu_seconds"]
    for seed in (0, 1):
        lines += [f"a,{seed},0.{5 + seed},10,30,1.0", f"b,{seed},0.{6 + seed},20,20,3.0"]
    (tmp_path / "own.csv").write_text("\n".join([*lines, "c,0,0.1,30,10,2.0"]) + "\n")
    judge = table.read_judge("own", tmp_path)
    assert judge.best() == Architecture({"layer0": "b"})
    assert judge.largest() == Architecture({"layer0": "a"})
    assert judge.accuracy({"layer0": "a"}) == pytest.approx(0.55)
    assert judge.regret({"layer0": "a"}) == pytest.approx(0.1)
    assert judge.rank({"layer0": "c"}) == 3
    said = table.facts("own", tmp_path)
    assert said["networks"] == 3
    assert said["seeds"] == 2
    assert said["best"] == pytest.approx(65)
    assert said["largest"] == pytest.approx(55)
    assert said["noise"] == pytest.approx(50**0.5)
    assert said["agreement"] == pytest.approx(1)
