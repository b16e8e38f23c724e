import json
import random
from pathlib import Path

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from tests.tiny import zoo_space
from torch.utils.flop_counter import FlopCounterMode

from radars.errors import SpaceError
from radars.space import Architecture
from radars.zoo.nasbench_macro import from_table_key, table_key

SPACE = zoo_space("nasbench-macro")


def test_candidates() -> None:
    assert len(SPACE.choices) == 8
    assert {choice.candidates for choice in SPACE.choices} == {("identity", "mb3_k3", "mb6_k5")}


def test_networks_are_those_of_the_table(data_dir: Path) -> None:
    table = json.loads((data_dir / "nas-bench-macro" / "nas-bench-macro_cifar10.json").read_text())
    assert len(table) == SPACE.num_architectures
    keys = ["00000000", "22222222", *random.Random(0).sample(sorted(table), 48)]
    for key in keys:
        with torch.device("meta"):
            network = SPACE.build(from_table_key(key)).eval()
            with FlopCounterMode(display=False) as counter:
                network(torch.empty(1, 3, 32, 32))
        num_parameters = sum(parameter.numel() for parameter in network.parameters())
        assert num_parameters == table[key]["params"], key
        assert counter.get_total_flops() == 2 * table[key]["flops"], key


@given(st.text("012", min_size=8, max_size=8))
def test_table_keys_round_trip(key: str) -> None:
    architecture = from_table_key(key)
    assert SPACE.full.holds(architecture)
    assert table_key(architecture) == key


def test_table_key_follows_names_and_not_order() -> None:
    architecture = from_table_key("01200000")
    turned = Architecture(dict(reversed(list(architecture.items()))))
    assert table_key(turned) == "01200000"
    assert architecture["layer2"] == "mb6_k5"


@pytest.mark.parametrize("key", ["", "0120000", "012000000", "01200003", "0120000x"])
def test_keys_that_are_refused(key: str) -> None:
    with pytest.raises(SpaceError, match="8 digits of 0, 1 and 2"):
        from_table_key(key)


@pytest.mark.parametrize("change", [{"layer0": "skip"}, {"layer8": "identity"}])
def test_architectures_that_are_refused(change: dict[str, str]) -> None:
    with pytest.raises(SpaceError, match="nasbench-macro"):
        table_key({**from_table_key("00000000"), **change})
