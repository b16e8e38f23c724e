import json
import pickle
import random
import sys
from collections.abc import Callable
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from radars.comparison import Entry, PublishedTable, read_table
from radars.cost import Constraint
from radars.errors import ConfigError, DataError, SpaceError
from radars.space import Architecture
from radars.zoo.nasbench201 import architecture_of
from radars.zoo.nasbench_macro import from_table_key

SKIPS = "|skip_connect~0|+|skip_connect~0|skip_connect~1|+|skip_connect~0|none~1|none~2|"
CONVS = "|nor_conv_3x3~0|+|nor_conv_3x3~0|nor_conv_3x3~1|+|nor_conv_3x3~0|nor_conv_3x3~1|none~2|"
NONE = "|none~0|+|none~0|none~1|+|none~0|none~1|none~2|"
CSV = f"""\
,arch,cellstr,cifar10-test,cifar10-val,cifar100-test
0,"[0, 1]",{SKIPS},85.5,84,60
1,"[1, 1]",{CONVS},93.75,90,71.25

2,"[2, 1]",{NONE},10,10.5,1
"""
MACRO_ROW = {"mean_acc": 90.0, "flops": 7, "params": 9, "test_acc": [90.0], "std": 0.1}
SMALL_MACS = Constraint.parse("macs<=40e6")

Write = Callable[[str | bytes], str]


@pytest.fixture
def write(tmp_path: Path) -> Write:
    """Writes a file, and returns its path."""

    def write(content: str | bytes) -> str:
        path = tmp_path / "table"
        path.write_bytes(content.encode() if isinstance(content, str) else content)
        return str(path)

    return write


@pytest.fixture(scope="module")
def macro(data_dir: Path) -> PublishedTable:
    path = data_dir / "nas-bench-macro" / "nas-bench-macro_cifar10.json"
    return read_table(f"nas-bench-macro={path}")


def toy_table() -> PublishedTable:
    """Four architectures; two are alike, and the cheapest is the worst."""
    accuracies = {"00000000": 0.5, "00000001": 0.9, "00000002": 0.75, "00000010": 0.75}
    return PublishedTable(
        "toy",
        "nasbench-macro",
        {
            from_table_key(key): Entry(accuracy, macs=10 * index)
            for index, (key, accuracy) in enumerate(accuracies.items(), 1)
        },
    )


def test_the_published_macro_table(macro: PublishedTable) -> None:
    assert macro.space == "nasbench-macro"
    assert len(macro) == macro.num_allowed() == 6561
    best, largest = macro.best(), from_table_key("22222222")
    assert round(macro.accuracy(best), 4) == 0.9313
    assert macro.rank(best) == 1
    assert macro.regret(best) == 0
    assert macro.rank(largest) == 21
    assert macro.regret(largest) == macro.accuracy(best) - macro.accuracy(largest)
    assert macro[from_table_key("02012100")] == Entry(
        89.19666544596355 / 100, None, macs=47_327_744, parameters=890_666
    )


def test_the_published_macro_table_within_a_constraint(macro: PublishedTable) -> None:
    assert macro.num_allowed([SMALL_MACS]) == 932
    best = macro.best([SMALL_MACS])
    assert round(macro.accuracy(best), 4) == 0.9151
    assert macro.rank(best, [SMALL_MACS]) == 1 < macro.rank(best)
    assert macro.regret(best, [SMALL_MACS]) == 0 < macro.regret(best)


def test_ranks_are_those_of_a_loop(macro: PublishedTable) -> None:
    asked = random.Random(0).sample(sorted(macro, key=str), 50)
    accuracies = [entry.test_accuracy for entry in macro.values()]
    by_hand = [1 + sum(other > macro.accuracy(known) for other in accuracies) for known in asked]
    assert macro.ranks(asked).tolist() == by_hand
    everything = macro.ranks(macro)
    assert everything.min() == 1
    assert np.unique(everything).size == len(set(accuracies))


def test_equals_share_a_rank() -> None:
    table = toy_table()
    assert table.ranks(table).tolist() == [4, 1, 2, 2]
    assert table.best([Constraint("macs", 10)]) == from_table_key("00000000")
    assert table.ranks([]).tolist() == []


def test_ranks_are_among_what_the_constraints_allow() -> None:
    table = toy_table()
    no_best = [Constraint("macs", 10), Constraint("macs", 30)]
    assert table.num_allowed(no_best) == 1
    assert table.rank(from_table_key("00000000"), no_best) == 1
    assert table.num_allowed([Constraint("macs", 30)]) == 3
    assert table.rank(from_table_key("00000002"), [Constraint("macs", 30)]) == 2
    assert table.regret(from_table_key("00000002"), [Constraint("macs", 30)]) == pytest.approx(0.15)


def test_any_mapping_is_looked_up() -> None:
    architecture = from_table_key("00000002")
    turned = dict(reversed(list(architecture.items())))
    assert toy_table().accuracy(turned) == 0.75
    assert architecture in toy_table()
    assert from_table_key("22222222") not in toy_table()


def test_questions_that_are_refused() -> None:
    table = toy_table()
    with pytest.raises(SpaceError, match="toy has 4 architectures of nasbench-macro, but not"):
        table.accuracy(from_table_key("22222222"))
    with pytest.raises(SpaceError, match=r"under macs<=15 satisfies it, but .* has 20 macs"):
        table.rank(from_table_key("00000001"), [Constraint("macs", 15)])
    with pytest.raises(ConfigError, match=r"no architecture .* toy satisfies macs<=1; loosen it"):
        table.best([Constraint("macs", 1)])
    with pytest.raises(ConfigError, match="toy does not give parameters"):
        table.regret(from_table_key("00000001"), [Constraint("parameters", 1)])
    with pytest.raises(DataError, match="at least one entry, but toy has none"):
        PublishedTable("toy", "digits", {})


def test_a_csv_file_of_nas_bench_201(write: Write) -> None:
    table = read_table(f"nas-bench-201={write(CSV)}")
    skips, convs, none = map(architecture_of, (SKIPS, CONVS, NONE))
    assert table.space == "nasbench201"
    assert list(table) == [skips, convs, none]
    assert table.accuracy(convs) == 0.9375
    assert table[skips] == Entry(0.855, 0.84, 7_783_040, 73_306)
    assert table.rank(none) == 3
    assert table.best([Constraint.parse("parameters<=80000")]) == skips


def test_other_data_of_nas_bench_201(write: Write) -> None:
    table = read_table(f"nas-bench-201={write(CSV)}", data="cifar100")
    skips = architecture_of(SKIPS)
    # the classifier has 90 classes more
    assert table[skips] == Entry(0.6, None, 7_783_040 + 90 * 64, 73_306 + 90 * 65)


def test_a_file_may_begin_with_a_byte_order_mark(write: Write) -> None:
    assert len(read_table(f"nas-bench-201={write(CSV.encode('utf-8-sig'))}")) == 3


def test_a_file_may_be_in_the_home_directory(write: Write, monkeypatch: pytest.MonkeyPatch) -> None:
    path = Path(write(CSV))
    monkeypatch.setenv("HOME", str(path.parent))
    assert len(read_table(f"nas-bench-201=~/{path.name}")) == 3


def refused(spec: str, **options: Any) -> str:
    """The one line with which a table is refused."""
    with pytest.raises((ConfigError, DataError)) as caught:
        read_table(spec, **options)
    assert len(str(caught.value).splitlines()) == 1
    return str(caught.value)


@pytest.mark.parametrize("spec", ["", "nas-bench-macro", "nas-bench-macro=", "nasbench=x", "=x"])
def test_specs_that_are_refused(spec: str) -> None:
    message = refused(spec)
    assert "NAME=PATH with NAME one of nas-bench-macro, nas-bench-201" in message
    assert repr(spec) in message


@pytest.mark.parametrize(
    "path", ["nowhere.json", ".", "/dev/zero", "\0", "x" * 5000, "~no-such-user/x"]
)
def test_paths_that_are_refused(path: str) -> None:
    with pytest.raises(ConfigError, match=r"no file|cannot read"):
        read_table(f"nas-bench-macro={path}")


def test_data_that_are_refused(write: Write) -> None:
    assert "one of cifar10, but got 'svhn'" in refused(
        f"nas-bench-macro={write('{}')}", data="svhn"
    )
    assert "'imagenet-test'" in refused(f"nas-bench-201={write(CSV)}", data="imagenet")


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("", "not JSON"),
        ("{", "not JSON"),
        (b"\xff\xfe", "not UTF-8 text"),
        ("[" * 100_000, "not JSON"),
        ("1" * 10_000, "not JSON"),
        ("[]", "an object of architectures, but got a list"),
        ("{}", "has none"),
        ('{"00000000": {}, "00000000": {}}', "not JSON: '00000000' is there twice"),
        ('{"00000000": []}', "that of '00000000' is a list"),
        ('{"0000000": {"mean_acc": 9}}', "but got '0000000'"),
    ],
)
def test_json_files_that_are_refused(write: Write, content: str | bytes, message: str) -> None:
    path = write(content)
    refusal = refused(f"nas-bench-macro={path}")
    assert message in refusal
    assert path in refusal


@pytest.mark.parametrize(
    ("field", "value"),
    [
        *product(["mean_acc"], [None, "90", True, -1, 100.1, float("nan"), 10**400]),
        *product(["flops", "params"], [None, 1.5, True, -1, 10**16, "7", []]),
    ],
)
def test_numbers_of_json_files_that_are_refused(write: Write, field: str, value: object) -> None:
    content = json.dumps({"00000000": {**MACRO_ROW, field: value}})
    assert f"'{field}' of '00000000'" in refused(f"nas-bench-macro={write(content)}")
    missing = json.dumps({"00000000": {key: MACRO_ROW[key] for key in MACRO_ROW if key != field}})
    assert f"'{field}' of '00000000' is None" in refused(f"nas-bench-macro={write(missing)}")


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        (CSV, "", "one column 'cellstr', but its columns are ''"),
        ("cellstr", "cell", "one column 'cellstr', but its columns are ', arch, cell,"),
        ("cifar10-test", "cifar10", "one column 'cifar10-test'"),
        ("cifar100-test", "cifar10-test", "one column 'cifar10-test'"),
        ("85.5", "855", "cifar10-test of line 2 is 855.0"),
        ("93.75", "-0.1", "cifar10-test of line 3 is -0.1"),
        ("93.75", "nan", "cifar10-test of line 3 is nan"),
        ("93.75", "", "cifar10-test of line 3 is ''"),
        ("10.5", "many", "cifar10-val of line 5 is 'many'"),
        (CONVS, SKIPS, "that of line 3 is there twice"),
        (CONVS, "|none~0|", "but got '|none~0|'"),
        ("93.75,", "", "the 6 cells of the header, but line 3 has 5"),
        ("93.75,", "93.75,1,", "but line 3 has 7"),
        ('"[1, 1]"', '"[1, 1', "not CSV: line"),
        ('"[1, 1]"', "1" * 200_000, "not CSV: line 3: field larger"),
        (CSV, CSV.splitlines()[0], "has none"),
    ],
)
def test_csv_files_that_are_refused(write: Write, old: str, new: str, message: str) -> None:
    assert CSV.count(old) >= 1
    assert message in refused(f"nas-bench-201={write(CSV.replace(old, new))}")


def test_files_that_are_too_large(write: Write, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys.modules["radars.comparison.read_table"], "_MOST_BYTES", 1024)
    assert "at most 1.0 KiB" in refused(f"nas-bench-macro={write(' ' * 1025)}")
    assert "not JSON" in refused(f"nas-bench-macro={write(' ' * 1024)}")


def test_a_file_is_not_unpickled(write: Write) -> None:
    content = pickle.dumps({Architecture({"layer0": "identity"}): 1})
    assert "is not a table" in refused(f"nas-bench-macro={write(content)}")
