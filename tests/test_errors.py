import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from radars import errors
from radars.errors import RadarsError, first_line


@pytest.mark.parametrize(
    ("name", "kind", "exit_status"),
    [
        ("ConfigError", ValueError, 2),
        ("SpaceError", ValueError, 2),
        ("DataError", ValueError, 2),
        ("BudgetError", MemoryError, 3),
        ("RunError", RuntimeError, 1),
        ("TestSplitError", RuntimeError, 1),
    ],
)
def test_every_error_is_a_builtin_kind_and_has_an_exit_status(
    name: str, kind: type[Exception], exit_status: int
) -> None:
    error = getattr(errors, name)
    assert issubclass(error, RadarsError)
    assert issubclass(error, kind)
    assert error.exit_status == exit_status
    with pytest.raises(kind, match="a rule, a value"):
        raise error("a rule, a value")


def test_no_error_is_forgotten_here() -> None:
    found = {
        name
        for name, value in vars(errors).items()
        if isinstance(value, type) and issubclass(value, RadarsError)
    }
    assert found == {
        "RadarsError",
        "ConfigError",
        "SpaceError",
        "DataError",
        "BudgetError",
        "RunError",
        "Stopped",
        "TestSplitError",
    }


@pytest.mark.parametrize(
    ("message", "line"),
    [("one", "one"), ("one\ntwo", "one"), ("\n  one  \n two", "one"), ("", "KeyError")],
)
def test_the_first_line_of_a_message_or_else_the_kind(message: str, line: str) -> None:
    error = KeyError() if not message else ValueError(message)
    assert first_line(error) == line


SOURCES = Path(errors.__file__).parent
COMPLETED_ELSEWHERE = {
    "comparison/read_table.py",  # fragments, which `read_table` completes
    "settings.py",  # pydantic's own messages say what is allowed
    "engine/search_config.py",  # likewise, of the settings of methods
}
PASSED_ON = r"\{(error|cause|did_you_mean\(.*\))\}['\"]$|^str\(error\)$"


def _messages() -> Iterator[tuple[str, str]]:
    """Where errors of radars are made, and the source of their messages."""
    names = {name for name in vars(errors) if name.endswith("Error")}
    for path in sorted(SOURCES.rglob("*.py")):
        file = str(path.relative_to(SOURCES))
        if file in COMPLETED_ELSEWHERE:
            continue
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            match node:
                case ast.Call(func=ast.Name(id=name), args=[message, *_]) if name in names:
                    yield f"{file}, line {node.lineno}", ast.unparse(message)


def test_every_message_ends_with_a_remedy() -> None:
    found = list(_messages())
    assert len(found) > 100
    without = [
        f"{place}: {message}"
        for place, message in found
        if ";" not in message and not re.search(PASSED_ON, message)
    ]
    assert not without, "a message says the rule, the value and, after a semicolon, the remedy"
