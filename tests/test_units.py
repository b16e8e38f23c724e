import re

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from radars.errors import ConfigError
from radars.units import (
    GIB,
    KIB,
    MIB,
    TIB,
    format_bytes,
    format_count,
    format_seconds,
    format_whole,
    parse_bytes,
    parse_count,
    parse_shape,
)


@pytest.mark.parametrize(
    ("text", "num_bytes"),
    [
        (1, 1),
        (268435456, 256 * MIB),
        ("268435456", 256 * MIB),
        ("256MiB", 256 * MIB),
        ("256 mib", 256 * MIB),
        ("  256MIB ", 256 * MIB),
        ("1.5 GB", 1_500_000_000),
        (".5k", 500),
        ("2K", 2000),
        ("2kib", 2 * KIB),
        ("12GiB", 12 * GIB),
        ("1T", 10**12),
        ("1TiB", TIB),
        ("2.5e2 MB", 250_000_000),
        ("7 B", 7),
    ],
)
def test_sizes_that_are_read(text: str | int, num_bytes: int) -> None:
    assert parse_bytes(text) == num_bytes


@pytest.mark.parametrize(
    "text",
    [
        "",
        " ",
        "0",
        0,
        -1,
        "-5MiB",
        "nan",
        "inf",
        "nanMiB",
        "infGiB",
        "MiB",
        "12 parsecs",
        "12MiB 3",
        "1,5GB",
        "1_000",
        "1e400GiB",
        "1e-400GiB",
        "0.5",
        "9999999TiB",
        "0x10",
        "1..5k",
        "12 MiB/s",
        "None",
        True,
        2**63,
    ],
)
def test_sizes_that_are_refused(text: str | int) -> None:
    with pytest.raises(ConfigError, match="256MiB") as caught:
        parse_bytes(text)
    assert repr(str(text)) in str(caught.value)
    assert "\n" not in str(caught.value)


@given(st.integers(1, 2**53))
def test_plain_numbers_are_read_exactly(num_bytes: int) -> None:
    assert parse_bytes(num_bytes) == num_bytes
    assert parse_bytes(str(num_bytes)) == num_bytes


@given(st.integers(1, 2**52))
@example(KIB - 1)
@example(MIB - 1)
def test_what_is_printed_is_read_back_to_its_precision(num_bytes: int) -> None:
    text = format_bytes(num_bytes)
    assert re.fullmatch(r"[0-9.]+ ([KMGT]i)?B", text)
    assert parse_bytes(text) == pytest.approx(num_bytes, rel=0.051)


@given(st.integers(1, 4000), st.sampled_from(["KiB", "MiB", "GiB", "TiB"]))
def test_whole_numbers_of_a_unit_come_back_exactly(count: int, unit: str) -> None:
    num_bytes = parse_bytes(f"{count}{unit}")
    assert parse_bytes(format_bytes(num_bytes)) == num_bytes or count > 1023


@given(st.text(max_size=20))
def test_any_text_is_read_or_refused_in_words(text: str) -> None:
    try:
        num_bytes = parse_bytes(text)
    except ConfigError:
        return
    assert num_bytes >= 1


@pytest.mark.parametrize(
    ("num_bytes", "text"),
    [(0, "0 B"), (1023, "1023 B"), (1024, "1.0 KiB"), (256 * MIB, "256.0 MiB"), (-MIB, "-1.0 MiB")],
)
def test_bytes_are_printed(num_bytes: int, text: str) -> None:
    assert format_bytes(num_bytes) == text


@pytest.mark.parametrize(
    ("count", "text"),
    [
        (0, "0"),
        (999, "999"),
        (1000, "1.0k"),
        (39_000_000, "39.0M"),
        (2.5e9, "2.5G"),
        (1e12, "1.0T"),
        (1.5e15, "1.5e+15"),
        (7**21, "5.6e+17"),
    ],
)
def test_counts_are_printed(count: float, text: str) -> None:
    assert format_count(count) == text


@pytest.mark.parametrize(
    ("count", "text"),
    [(7, "7"), (1024, "1,024"), (999_999, "999,999"), (152_587_890_625, "152.6G")],
)
def test_format_whole(count: int, text: str) -> None:
    assert format_whole(count) == text


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0, "0.0 s"),
        (8.24, "8.2 s"),
        (200, "3 min 20 s"),
        (3599, "59 min 59 s"),
        (3600, "1 h 00 min"),
        (7500, "2 h 05 min"),
    ],
)
def test_durations_are_printed(seconds: float, text: str) -> None:
    assert format_seconds(seconds) == text


@given(st.floats(0, 1e6))
@example(59.97)
@example(3599.7)
def test_no_duration_has_sixty_seconds_or_minutes(seconds: float) -> None:
    text = format_seconds(seconds)
    assert not re.search(r"\b60(\.0)? (s|min)", text)


@pytest.mark.parametrize("text", ["", "3x", "x3", "3x-1", "0x3", "3 x 3", "axb", "9" * 9])
def test_a_shape_that_is_none(text: str) -> None:
    with pytest.raises(ConfigError, match="3x224x224"):
        parse_shape(text)


@pytest.mark.parametrize(
    ("text", "count"),
    [
        ("40M", 40e6),
        ("1.5 g", 1.5e9),
        ("2B", 2e9),
        ("3k", 3e3),
        ("1T", 1e12),
        ("40e6", 40e6),
        (7, 7),
    ],
)
def test_counts_that_are_read(text: str | int, count: float) -> None:
    assert parse_count(text) == count


@pytest.mark.parametrize("text", ["", "M", "-1", "0", "40MiB", "40 Mega", "1e400", "nan", "1,5M"])
def test_counts_that_are_refused(text: str) -> None:
    with pytest.raises(ConfigError, match="40M"):
        parse_count(text)
