"""Writes the parts of pages that the code and the committed results say.

    python docs/make_pages.py

What stands between `<!-- made from ... -->` and `<!-- end -->` is replaced: by every key of a
configuration (`settings MODULE:CLASS`), what each method has beside it (`methods`), every command
and option (`commands`), the recipe of every space (`recipes`), every event of a run (`events`), or
the table of a comparison, or of one method of it (`results FILE.jsonl`,
`results FILE.jsonl:METHOD`). A test fails where a page is out of date.
"""

import ast
import inspect
import re
import types
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import is_dataclass
from importlib import import_module
from pathlib import Path
from typing import Annotated, Any, Literal, Union, get_args, get_origin

import typer
from annotated_types import Ge, Gt, Le, Lt
from pydantic import BaseModel
from pydantic.fields import FieldInfo
from typer.cli import get_docs_for_click

from radars.cli.app import app
from radars.comparison import markdown_table, read_rows
from radars.engine.recipe import recipe
from radars.registries import METHODS
from radars.runs.event_schema import KINDS, Event
from radars.units import format_bytes, parse_bytes
from radars.zoo import zoo

ROOT = Path(__file__).parents[1]
PAGES = (
    *sorted((ROOT / "docs").rglob("*.md")),
    ROOT / "benchmarks" / "first_comparison.md",
    ROOT / "CONTRIBUTING.md",
)
MADE = re.compile(
    r"(?P<begin><!-- made from (?P<what>\w+)(?: (?P<place>\S+))? -->\n).*?(?P<end><!-- end -->)",
    re.S,
)


def main() -> None:
    """Writes every page again."""
    for page in PAGES:
        before = page.read_text(encoding="utf-8")
        after = made(before)
        if after != before:
            page.write_text(after, encoding="utf-8")
            print(f"made: {page.relative_to(ROOT)}")


def made(text: str) -> str:
    """The text of a page, as code and results say now."""

    def make(found: re.Match[str]) -> str:
        place, _, part = (found["place"] or "").partition(":")
        if found["what"] == "settings":
            content = settings_markdown(getattr(import_module(place), part))
        elif found["what"] == "methods":
            content = methods_markdown(dict(METHODS.items()))
        elif found["what"] == "recipes":
            content = recipes_markdown()
        elif found["what"] == "tree":
            content = tree_markdown(ROOT / place)
        elif found["what"] == "commands":
            content = commands_markdown(app)
        elif found["what"] == "events":
            content = events_markdown(KINDS.values())
        else:
            content = results_markdown(ROOT / place, part)
        return f"{found['begin']}\n{content.strip()}\n\n{found['end']}"

    return MADE.sub(make, text)


def tree_markdown(folder: Path) -> str:
    """Every module of a package, with the first line of what it says of itself."""
    lines = []
    for file in sorted(folder.rglob("*.py"), key=_tree_order):
        parts = file.relative_to(folder).parts
        if parts == ("__init__.py",):
            continue
        is_package = parts[-1] == "__init__.py"
        name = f"{parts[-2]}/" if is_package else parts[-1]
        depth = len(parts) - 1 - is_package
        said, *_ = (ast.get_docstring(ast.parse(file.read_text("utf-8"))) or "").splitlines()
        lines.append(f"{'  ' * depth}{name:{30 - 2 * depth}} {re.sub(r'^`[^`]*`: ', '', said)}")
    return "```\n" + "\n".join(lines) + "\n```"


def _tree_order(file: Path) -> tuple[str, ...]:
    """Files of a folder after its own line, and its folders after its files."""
    *folders, name = file.parts
    return (*(f"~{folder}" for folder in folders), "" if name == "__init__.py" else name)


class MissingDescriptionError(Exception):
    """A key, a command or an option of the reference says nothing about itself."""


# --- settings ---


def settings_markdown(model: type[BaseModel]) -> str:
    """Every key of a configuration: a table, and one more for each group of keys.

    Raises:
        MissingDescriptionError: a key has no description.
    """
    tables: list[str] = []
    _add_tables(model, model(), "", tables)
    return "\n".join(tables)


def methods_markdown(methods: Mapping[str, Any]) -> str:
    """The settings that a method alone has, under its name: of those that come with radars.

    Raises:
        MissingDescriptionError: a key has no description.
    """
    tables: list[str] = []
    for name, method in methods.items():
        settings = method.settings_class
        if settings is not None and method.__module__.startswith("radars."):
            _add_tables(settings, settings(), f"{name}.", tables)
    return "\n".join(tables)


def _add_tables(
    model: type[BaseModel], default: BaseModel | None, prefix: str, tables: list[str]
) -> None:
    described = descriptions(model)
    rows = ["| key | value | default | meaning |", "|---|---|---|---|"]
    groups: list[tuple[type[BaseModel], BaseModel | None, str]] = []
    for name, field in model.model_fields.items():
        text = field.description or described.get(name)
        if not text:
            raise MissingDescriptionError(
                f"every key of a configuration is described, but {model.__name__}.{name} is not; "
                f"add it to the Attributes of the docstring"
            )
        value = field.default if default is None else getattr(default, name)
        key = f"{prefix}{name}"
        group = _group(field.annotation)
        if group is not None and isinstance(value, BaseModel):
            groups.append((type(value), value, f"{key}."))
            rows.append(_row(f"`{key}.*`", "a group of keys, below", "", text))
            continue
        if group is not None:
            groups.append((group, None, f"{key}[]."))
            rows.append(_row(f"`{key}`", "a list of groups, below", "", text))
            continue
        rows.append(_row(f"`{key}`", _value_text(field), _default_text(field, value), text))
    title = f"`{prefix.rstrip('.')}`" if prefix else "Top level"
    summary = (inspect.getdoc(model) or "").partition("\n")[0]
    tables.append(f"\n### {title}\n\n{summary}\n")
    tables += rows
    for of_group, default_of_group, key in groups:
        _add_tables(of_group, default_of_group, key, tables)


def descriptions(model: type[BaseModel]) -> dict[str, str]:
    """What the `Attributes` of the docstrings of a model and its bases say, by name."""
    found: dict[str, str] = {}
    for base in reversed(model.__mro__):
        text = inspect.cleandoc(base.__doc__ or "")
        section = re.search(r"^Attributes:\n((?:[ ]+.*\n?|\n)+)", text, re.M)
        if section is None:
            continue
        for entry in re.finditer(
            r"^ {4}(\w+): (.*(?:\n {5,}.*|\n(?= {5,}))*)", section.group(1), re.M
        ):
            found[entry[1]] = " ".join(entry[2].split())
    return found


def _group(annotation: Any) -> type[BaseModel] | None:
    """The configuration that an annotation holds, alone or in a tuple."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    found = [_group(part) for part in get_args(annotation)]
    return next((group for group in found if group is not None), None)


def _is_bytes(field: FieldInfo) -> bool:
    return any(getattr(part, "func", None) is parse_bytes for part in field.metadata)


def _value_text(field: FieldInfo) -> str:
    if _is_bytes(field):
        return "bytes, such as `256MiB`"
    annotation: Any = field.annotation
    bounds: list[str] = []
    for part in field.metadata:
        for kind, sign in ((Ge, "≥"), (Gt, ">"), (Le, "≤"), (Lt, "<")):
            if isinstance(part, kind):
                bounds.append(f"{sign} {getattr(part, kind.__name__.lower()):,}")
    text = _type_text(annotation)
    return f"{text}, {', '.join(bounds)}" if bounds else text


def _type_text(annotation: Any) -> str:
    origin, parts = get_origin(annotation), get_args(annotation)
    if origin is Annotated:
        return _type_text(parts[0])
    if origin is Literal:
        return ", ".join(f"`{part}`" for part in parts)
    if origin in (Union, types.UnionType):
        return " or ".join(_type_text(part) for part in parts)
    if origin is tuple:
        each = ", ".join(_type_text(part) for part in parts if part is not Ellipsis)
        return f"list of {each}" if Ellipsis in parts else f"list: {each}"
    if origin is dict or is_dataclass(annotation):
        return "mapping"
    names = {
        int: "whole number",
        float: "number",
        str: "text",
        bool: "true or false",
        type(None): "null",
    }
    return names.get(annotation, getattr(annotation, "__name__", str(annotation)).lower())


def _default_text(field: FieldInfo, value: Any) -> str:
    if field.is_required():
        return "required"
    if value is None:
        return "`null`"
    if _is_bytes(field):
        return f"`{format_bytes(value).replace(' ', '').replace('.0', '')}`"
    if isinstance(value, bool):
        return f"`{str(value).lower()}`"
    if isinstance(value, tuple):
        return f"`[{', '.join(map(str, value))}]`"
    return f"`{value}`"


def _row(*cells: str) -> str:
    return f"| {' | '.join(cell.replace('|', '&#124;') for cell in cells)} |"


# --- the command line ---


def commands_markdown(app: typer.Typer) -> str:
    """Every command with its arguments and options, as typer itself documents them.

    Raises:
        MissingDescriptionError: a command or one of its parameters has no help.
    """
    group: Any = typer.main.get_command(app)
    for name, command in group.commands.items():
        for what, text in ((name, command.help), *((p.name, p.help) for p in command.params)):
            if not text:
                raise MissingDescriptionError(
                    f"the command line describes itself, but {what} of `radars {name}` does not; "
                    f"give it a help text"
                )
    context = group.make_context("radars", [], resilient_parsing=True)
    markdown = get_docs_for_click(obj=group, ctx=context, name="radars")
    return markdown[markdown.index("## `radars ") :]


# --- recipes ---


def recipes_markdown() -> str:
    """The settings of the recipe of each space that has one."""
    rows = ["| space | settings |", "|---|---|"]
    for entry in zoo():
        suits = {
            key: value for key, value in recipe({"space": entry.name}).items() if key != "space"
        }
        if suits:
            rows.append(_row(f"`{entry.name}`", ", ".join(f"`{each}`" for each in _flat(suits))))
    return "\n".join(rows)


def _flat(settings: Mapping[str, Any], prefix: str = "") -> Iterator[str]:
    for key, value in settings.items():
        if isinstance(value, Mapping):
            yield from _flat(value, f"{prefix}{key}.")
        else:
            text = str(value).lower() if isinstance(value, bool) else str(value).replace(" ", "")
            yield f"{prefix}{key}={text}"


# --- events ---


def events_markdown(kinds: Iterable[type[Event]]) -> str:
    """Every kind of event with its fields, but for `time`, which each has.

    Raises:
        MissingDescriptionError: a field has no description.
    """
    parts: list[str] = []
    for kind in kinds:
        described = descriptions(kind)
        summary = (inspect.getdoc(kind) or "").partition("\n")[0]
        parts.append(f"\n## `{kind.kind}`\n\n{summary} `{kind.__name__}` in Python.\n")
        parts += ["| field | value | meaning |", "|---|---|---|"]
        for name, field in kind.model_fields.items():
            if name == "time":
                continue
            if name not in described:
                raise MissingDescriptionError(
                    f"every field of an event is described, but {kind.__name__}.{name} is not; "
                    f"add it to the Attributes of the docstring"
                )
            parts.append(_row(f"`{name}`", _type_text(field.annotation), described[name]))
    return "\n".join(parts)


# --- results ---


def results_markdown(file: Path, method: str) -> str:
    """The table of a comparison's rows; of those of one method, where one is named."""
    rows = [row for row in read_rows(file) if method in ("", row.method)]
    return markdown_table(rows) if rows else "| not run yet |\n|---|\n"


if __name__ == "__main__":
    main()
