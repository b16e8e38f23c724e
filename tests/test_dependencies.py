"""What `src/radars` imports is declared in `pyproject.toml`; extras are imported late."""

import ast
import re
import sys
import tomllib
from functools import cache
from importlib.metadata import packages_distributions
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[1]
SOURCE = ROOT / "src" / "radars"
PROJECT: dict[str, Any] = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
installed = cache(packages_distributions)  # it takes long
EDGES = {
    "data/columns.py",
    "data/hub.py",
    "data/hub_table.py",
    "data/parquet.py",
    "execution/ray_executor.py",
}
"""Files that import an extra when they are imported, and are themselves imported when needed."""
INDIRECT = {
    "alembic", "sqlalchemy",  # MLflow's store imports them by name
    "plotly",  # its JavaScript is read as a file
}  # fmt: skip


def _declared(requirements: list[str]) -> set[str]:
    names = {re.split(r"[\[<>=!~; ]", requirement)[0] for requirement in requirements}
    return {_normal(name) for name in names} - {"radars-nas"}


def _normal(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


BASE = _declared(PROJECT["dependencies"])
EXTRAS = {
    name: _declared(requirements)
    for name, requirements in PROJECT["optional-dependencies"].items()
    if name not in ("benchmarks", "dev", "docs", "fuzz")
}


def _imports(file: Path, *, at_top: bool) -> set[str]:
    """The distributions that a file imports from; those at its top level, or all of them."""
    tree = ast.parse(file.read_text(encoding="utf-8"))
    modules: set[str] = set()
    nodes = list(ast.walk(tree))
    if at_top:
        inner = [node for node in nodes if isinstance(node, ast.FunctionDef | ast.If)]
        nodes = list(set(nodes) - {node for part in inner for node in ast.walk(part)})
    for node in nodes:
        if isinstance(node, ast.Import):
            modules |= {alias.name.partition(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            modules.add(node.module.partition(".")[0])
    modules -= {"radars", *sys.stdlib_module_names}
    return {_normal(installed().get(module, [module])[0]) for module in modules}


def test_everything_that_is_imported_is_declared_and_the_other_way_round() -> None:
    imported = set().union(*(_imports(file, at_top=False) for file in SOURCE.rglob("*.py")))
    assert imported == BASE.union(*EXTRAS.values()) - INDIRECT


def test_extras_are_imported_where_they_are_used() -> None:
    eager = {
        str(file.relative_to(SOURCE)): beyond
        for file in SOURCE.rglob("*.py")
        if (beyond := _imports(file, at_top=True) - BASE)
    }
    assert eager.keys() == EDGES, eager


def test_one_extra_has_all_others() -> None:
    [requirement] = PROJECT["optional-dependencies"]["all"]
    names = requirement.removeprefix("radars-nas[").removesuffix("]").split(",")
    assert sorted(names) == sorted(EXTRAS.keys() - {"all"})


def test_everything_for_development_has_a_version_in_the_constraints() -> None:
    lines = (ROOT / "constraints.txt").read_text("utf-8").splitlines()
    known = {_normal(line.partition("==")[0]) for line in lines if not line.startswith("#")}
    extras = PROJECT["optional-dependencies"]
    wanted = _declared(
        [*PROJECT["dependencies"], *(each for name in extras for each in extras[name])]
    )
    assert wanted - _declared(extras["fuzz"]) <= known
