import pytest
from hypothesis import given
from hypothesis import strategies as st

from radars.cost import Constraint
from radars.errors import ConfigError


@pytest.mark.parametrize(
    ("text", "metric", "limit"),
    [
        ("macs<=40e6", "macs", 40e6),
        (" MACS <= 40E6 ", "macs", 40e6),
        ("parameters<=1000", "parameters", 1000),
        ("macs<=.5", "macs", 0.5),
        ("macs<=40M", "macs", 40e6),
        ("macs <= 1.5 g", "macs", 1.5e9),
        ("parameters<=1.5M", "parameters", 1.5e6),
        ("parameters<=1B", "parameters", 1e9),
        ("memory<=8MiB", "memory", 8 * 2**20),
        ("memory<=1MiB", "memory", 2**20),
        ("memory <= 1.5 kb", "memory", 1500),
        ("memory<=4096", "memory", 4096),
        ("latency_ms<=2.5", "latency_ms", 2.5),
    ],
)
def test_constraints_that_are_read(text: str, metric: str, limit: float) -> None:
    assert Constraint.parse(text) == Constraint(metric, limit)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "macs",
        "macs<40",
        "macs>=40",
        "macs<=",
        "macs<=0",
        "macs<=-1",
        "macs<=nan",
        "macs<=inf",
        "macs<=1e400",
        "macs<=1.2.3",
        "macs<=40X",
        "macs<=40MiB",
        "latency<=3",
        "macs<=1 parameters<=2",
        "40e6",
        "memory<=1MiBs",
        "memory<=0.1",
        "latency_ms<=3ms",
    ],
)
def test_constraints_that_are_refused(text: str) -> None:
    with pytest.raises(ConfigError, match="macs<=40M") as caught:
        Constraint.parse(text)
    assert repr(text) in str(caught.value)


@given(st.sampled_from(["macs", "parameters", "memory"]), st.integers(1, 2**52))
def test_a_constraint_is_printed_as_it_is_read(metric: str, limit: int) -> None:
    constraint = Constraint(metric, float(limit))
    assert Constraint.parse(str(constraint)) == constraint
