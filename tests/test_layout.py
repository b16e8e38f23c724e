"""What keeps `src/radars` easy to find one's way in: names, and the length of functions."""

import ast
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import radars.api

SOURCE = Path(__file__).parents[1] / "src" / "radars"
FILES = sorted(SOURCE.rglob("*.py"))
MOST_LINES = {ast.FunctionDef: 60, ast.AsyncFunctionDef: 60, ast.ClassDef: 200}


def _definitions() -> Iterator[tuple[Path, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef]]:
    for file in FILES:
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
                yield file, node


def test_no_two_modules_have_one_name() -> None:
    names = [file.stem for file in FILES if file.stem not in ("__init__", "__main__")]
    packages = [file.parent for file in FILES if file.stem == "__init__"]
    names += [package.name for package in packages if package != SOURCE]
    assert [name for name, number in Counter(names).items() if number > 1] == []


def test_no_two_classes_have_one_name() -> None:
    names = Counter(node.name for _, node in _definitions() if isinstance(node, ast.ClassDef))
    assert [name for name, number in names.items() if number > 1] == []


def test_no_package_has_the_name_of_a_verb() -> None:
    verbs = {name for name, value in vars(radars.api).items() if callable(value)}
    assert {"search", "plan", "compare"} < verbs
    assert [file for file in FILES if file.parent.name in verbs] == []


def test_functions_and_classes_are_short() -> None:
    long = {
        f"{file.relative_to(SOURCE)}:{node.name}": lines
        for file, node in _definitions()
        if (lines := (node.end_lineno or 0) - node.lineno + 1) > MOST_LINES[type(node)]
    }
    assert long == {}
