import contextlib
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel, ConfigDict, Field

from radars.errors import ConfigError
from radars.settings import merge_settings, read_settings, validate_settings


class Inner(BaseModel):
    model_config = ConfigDict(extra="forbid")
    steps: int = Field(default=1, ge=1)


class Needy(BaseModel):
    what: int


class Outer(BaseModel):
    model_config = ConfigDict(extra="forbid")
    inner: Inner = Inner()
    name: str = "x"
    several: tuple[Inner, ...] = ()
    needs: Needy | None = None


def test_later_settings_win_and_overrides_last() -> None:
    merged = merge_settings(
        {"inner": {"steps": 2}, "name": "a"}, {"inner": {"steps": 3}}, overrides=["inner.steps=4"]
    )
    assert merged == {"inner": {"steps": 4}, "name": "a"}
    assert validate_settings(Outer, merged).inner.steps == 4


def test_an_override_reaches_into_a_list() -> None:
    layer = {"items": [{"steps": 2}, {"steps": 3}]}
    merged = merge_settings(layer, overrides=["items[1].steps=4", "other=[{steps: 5}]"])
    assert merged == {"items": [{"steps": 2}, {"steps": 4}], "other": [{"steps": 5}]}
    assert layer["items"][1] == {"steps": 3}


@pytest.mark.parametrize(
    ("text", "value"),
    [("3", 3), ("1e-3", 1e-3), ("[1, 2]", [1, 2]), ("true", True), ("null", None), ("a b", "a b")],
)
def test_override_values_are_yaml(text: str, value: object) -> None:
    assert merge_settings(overrides=[f"key.path={text}"]) == {"key": {"path": value}}


@pytest.mark.parametrize("override", ["seed", "=3", " =3", "key=[1", "a..b=1", "key={"])
def test_an_ill_formed_override_is_one_line(override: str) -> None:
    with pytest.raises(ConfigError) as caught:
        validate_settings(Outer, merge_settings(overrides=[override]))
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"inner": {"stepz": 3}}, "no key 'inner.stepz'; did you mean 'steps'"),
        ({"other": 3}, "no key 'other'"),
        ({"several": [{"steps": 3, "stepz": 3}]}, "no key 'several.0.stepz'; did you mean 'steps'"),
        ({"inner": {"steps": 0}}, "inner.steps must be"),
        ({"inner": 3}, "inner must be a group of settings"),
        ({"name": ["x" * 1000]}, "name must be"),
        ({"needs": {}}, "needs.what must be given, but is missing; add it"),
    ],
)
def test_what_is_wrong_is_named_in_one_line(settings: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError, match=message) as caught:
        validate_settings(Outer, settings)
    assert "\n" not in str(caught.value)
    assert len(str(caught.value)) < 300


@given(st.binary(max_size=60))
def test_any_bytes_as_a_file_are_read_or_refused(
    tmp_path_factory: pytest.TempPathFactory, content: bytes
) -> None:
    path = tmp_path_factory.mktemp("settings") / "config.yaml"
    path.write_bytes(content)
    with contextlib.suppress(ConfigError):
        assert isinstance(read_settings(path), dict)


def test_a_tag_is_not_executed(tmp_path: Path) -> None:
    path = tmp_path / "config.yaml"
    path.write_text(f"a: !!python/object/apply:os.mkdir ['{tmp_path / 'made'}']\n")
    with pytest.raises(ConfigError):
        read_settings(path)
    assert not (tmp_path / "made").exists()


def test_a_reference_is_not_resolved(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SECRET", "hidden")
    path = tmp_path / "config.yaml"
    path.write_text("name: ${oc.env:SECRET}\n")
    assert read_settings(path) == {"name": "${oc.env:SECRET}"}


def test_a_huge_file_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "config.yaml"
    path.write_text("a: " + "x" * 2_000_000)
    with pytest.raises(ConfigError, match="larger than 1,000,000 bytes"):
        read_settings(path)
