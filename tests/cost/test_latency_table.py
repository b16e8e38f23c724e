import json
from pathlib import Path
from typing import cast

import pytest
from tests.tiny import shared_space, tiny_space
from torch import Tensor, nn

from radars.cost import LatencyRow, LatencySpec, latency_metric, measured_rows, read_latencies
from radars.errors import ConfigError
from radars.space import Architecture, Choose, SearchSpace

SHAPE = (1, 8, 8)
CSV = """candidate,input_shape,milliseconds
none,4x8x8,0
conv3,4x8x8,1.5
mb2,4x8x8,2
none,8x4x4,0
conv3,8x4x4,3
mb2,8x4x4,0.25
(fixed),1x8x8,10
"""


def write(path: Path, text: str) -> Path:
    path.write_text(text)
    return path


def test_an_architecture_takes_what_its_candidates_take(tmp_path: Path) -> None:
    rows = read_latencies(write(tmp_path / "phone.csv", CSV))
    metric = latency_metric(tiny_space(), SHAPE, rows)
    assert metric.whole is None  # there is no phone to measure on
    found = metric.of(Architecture({"a": "conv3", "b": "none", "c": "mb2"}))
    assert found == pytest.approx(10 + 1.5 + 0 + 0.25, abs=1e-5)


def test_a_choice_of_two_places_takes_time_at_both(tmp_path: Path) -> None:
    rows = read_latencies(write(tmp_path / "phone.csv", CSV))
    metric = latency_metric(shared_space(), SHAPE, rows)
    found = metric.of(Architecture({"a": "conv3", "b": "none"}))
    assert found == pytest.approx(10 + 1.5 + 3, abs=1e-5)


def test_a_row_about_a_choice_goes_first_and_json_is_read_too(tmp_path: Path) -> None:
    rows = read_latencies(write(tmp_path / "phone.csv", CSV))
    objects = [row.to_dict() for row in rows]
    own = {"candidate": "conv3", "input_shape": [4, 8, 8], "milliseconds": 7, "choice": "b"}
    table = write(tmp_path / "phone.json", json.dumps([*objects, own]))
    metric = latency_metric(tiny_space(), SHAPE, read_latencies(table))
    for choice, expected in (("a", 1.5), ("b", 7)):
        of_conv3 = metric.sums[0].candidates[choice]["conv3"]
        assert of_conv3 == pytest.approx(expected, abs=1e-5)


def test_what_is_written_is_read() -> None:
    row = LatencyRow("join", ((1, 2, 3), (1, 4)), 0.5, "a")
    assert row.to_dict()["input_shape"] == "2x3+4"


def test_a_candidate_that_is_missing_is_named_with_its_shape(tmp_path: Path) -> None:
    rows = read_latencies(write(tmp_path / "phone.csv", CSV.replace("mb2,8x4x4,0.25\n", "")))
    with pytest.raises(ConfigError, match=r"'mb2' of choice 'c' at 8x4x4.*add the row mb2,8x4x4"):
        latency_metric(tiny_space(), SHAPE, rows)


@pytest.mark.parametrize(
    ("name", "text", "says"),
    [
        ("a.csv", "candidate,milliseconds\nx,1\n", "lacks input_shape"),
        ("a.csv", "", "lacks candidate, input_shape, milliseconds"),
        ("a.csv", "candidate,input_shape,milliseconds\n", "has none"),
        ("a.csv", "candidate,input_shape,milliseconds\nx,4,nan\n", "line 2 of .* has 'nan'"),
        ("a.csv", "candidate,input_shape,milliseconds\nx,4,-1\n", "from 0 up"),
        ("a.csv", "candidate,input_shape,milliseconds\nx,4x0,1\n", "line 2 of .*input shape"),
        ("a.csv", "candidate,input_shape,milliseconds\nx,4\n", "lacks milliseconds"),
        ("a.csv", "candidate,input_shape,milliseconds\nx,4,1,a,b\n", "has 'more'"),
        ("a.csv", "candidate,input_shape,milliseconds\nx,4,1\nx,4,2\n", "line 3 .*repeats 'x'"),
        ("a.json", "{", "not JSON"),
        ("a.json", "[1]", "list of objects"),
        ("a.json", '[{"candidate": "x", "input_shape": [4]}]', "object 1 .*lacks milliseconds"),
    ],
)
def test_a_table_that_is_wrong_is_refused_and_the_row_is_named(
    tmp_path: Path, name: str, text: str, says: str
) -> None:
    with pytest.raises(ConfigError, match=says):
        read_latencies(write(tmp_path / name, text))


def test_a_table_that_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"cannot read the latencies .*none\.csv"):
        read_latencies(tmp_path / "none.csv")


def test_what_a_network_folds_into_the_batch_is_found_again(tmp_path: Path) -> None:
    """Attention within windows, say: a candidate sees more than one row of each example."""

    class Windows(nn.Module):
        def __init__(self, choose: Choose) -> None:
            super().__init__()
            self.mix = choose("mix", {"a": nn.Identity, "b": lambda: nn.Linear(4, 4)})

        def forward(self, example_BTC: Tensor) -> Tensor:
            window = example_BTC.reshape(-1, 2, 4)
            return cast("Tensor", self.mix(window)).reshape(example_BTC.shape)

    space = SearchSpace(Windows)
    spec = LatencySpec(seconds=0.001)
    rows = measured_rows(space, (6, 4), spec)
    [shapes] = {row.shapes for row in rows if row.candidate == "b"}
    assert shapes == ((3, 2, 4),)
    table = write(tmp_path / "run.json", json.dumps([row.to_dict() for row in rows]))
    again = latency_metric(space, (6, 4), read_latencies(table))
    assert again.sums == latency_metric(space, (6, 4), rows).sums
