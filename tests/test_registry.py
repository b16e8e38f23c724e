import sys
from collections.abc import Callable, Iterator
from importlib.metadata import EntryPoint
from pathlib import Path

import pytest

from radars import registries, registry
from radars.errors import ConfigError
from radars.registry import Registry

MODULE = "things_of_this_test"


@pytest.fixture
def module(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """A module that nobody has imported."""
    (tmp_path / f"{MODULE}.py").write_text("ONE, TWO = object(), object()\n")
    (tmp_path / "broken_thing.py").write_text("raise RuntimeError('no such device\\nat all')\n")
    monkeypatch.syspath_prepend(tmp_path)
    yield MODULE
    sys.modules.pop(MODULE, None)


@pytest.fixture
def installed(monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Makes it as if packages had entry points of the group `things`."""

    def install(**values: str) -> None:
        def entry_points(*, group: str) -> list[EntryPoint]:
            return [EntryPoint(*each, group) for each in values.items() if group == "things"]

        monkeypatch.setattr(registry, "entry_points", entry_points)

    return install


def new_registry(**own: str) -> Registry[object]:
    return Registry("thing", "things", own)


def test_own_things_are_imported_when_they_are_asked_for(module: str) -> None:
    things = new_registry(one=f"{module}:ONE", two=f"{module}:TWO")
    assert things.names() == ("one", "two")
    assert "two" in things
    assert "three" not in things
    assert module not in sys.modules
    assert things.get("one") is sys.modules[module].ONE
    assert dict(things.items()) == {"one": sys.modules[module].ONE, "two": sys.modules[module].TWO}


def test_a_program_adds_a_thing_or_where_it_is(module: str) -> None:
    things, thing = new_registry(), object()
    things.register("mine", thing)
    things.register("later", f"{module}:TWO")
    assert things.get("mine") is thing
    assert module not in sys.modules
    assert things.get("later") is sys.modules[module].TWO
    things.register("mine", thing)  # again, as a notebook does


def test_another_package_adds_by_an_entry_point(
    module: str, installed: Callable[..., None]
) -> None:
    installed(theirs=f"{module}:ONE", own=f"{module}:TWO")
    things = new_registry(own=f"{module}:ONE")
    assert things.names() == ("own", "theirs")
    assert module not in sys.modules
    assert things.get("theirs") is sys.modules[module].ONE
    assert things.get("own") is sys.modules[module].ONE  # radars' own stays what it is


def test_an_unknown_name_is_told_what_there_is() -> None:
    things = new_registry(regions="a:B", size="a:C")
    with pytest.raises(ConfigError) as caught:
        things.get("region")
    assert str(caught.value) == (
        "a thing is one of regions, size, but got 'region'; did you mean 'regions'?"
    )
    with pytest.raises(ConfigError, match=r"but got 'x{80}'; give one of these$"):
        things.get("x" * 1000)


def test_a_name_that_is_taken_or_none_is_refused(installed: Callable[..., None]) -> None:
    installed(theirs="a:B")
    things = new_registry(size="a:C")
    for taken in ("size", "theirs"):
        with pytest.raises(ConfigError, match=f"'{taken}' is taken; choose another"):
            things.register(taken, object())
    for name in ("", "two words", "a:b", "a.b"):
        with pytest.raises(ConfigError, match=r"letters, digits, - and _, but got"):
            things.register(name, object())


@pytest.mark.parametrize(
    ("place", "said"),
    [
        ("broken_thing:ONE", "no such device"),
        ("no_such_module_at_all:ONE", "No module named"),
        (f"{MODULE}:THREE", "THREE"),
        (MODULE, "attribute"),
    ],
)
def test_what_cannot_be_imported_is_said_in_one_line(module: str, place: str, said: str) -> None:
    with pytest.raises(ConfigError) as caught:
        new_registry(one=place).get("one")
    text = str(caught.value)
    assert text.startswith(f"the thing 'one' is {place}, but it cannot be imported (")
    assert said in text
    assert "\n" not in text
    assert text.endswith("; install or repair its package")


@pytest.mark.parametrize(
    "known",
    [registries.METHODS, registries.RANKERS, registries.DATA_SOURCES],
    ids=lambda known: known.noun,
)
def test_all_that_comes_with_radars_can_be_imported(known: Registry[object]) -> None:
    assert len(dict(known.items())) == len(known.names()) > 0
