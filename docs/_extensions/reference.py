"""Two Sphinx directives that write reference pages from the code, so that these cannot go stale.

`settings` lists every key of a pydantic configuration, `commands` every option of the command line.
Both make Markdown, which Sphinx parses as if it stood in the page.
"""

import inspect
import re
import types
from importlib import import_module
from typing import Annotated, Any, Literal, Union, get_args, get_origin

import typer
from annotated_types import Ge, Gt, Le, Lt
from docutils import nodes
from pydantic import BaseModel
from pydantic.fields import FieldInfo
from sphinx.application import Sphinx
from sphinx.util.docutils import SphinxDirective
from typer.cli import get_docs_for_click

from radars.units import format_bytes, parse_bytes


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
    if origin is dict:
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


# --- Sphinx ---


def _imported(place: str) -> Any:
    module, name = place.split(":")
    return getattr(import_module(module), name)


class _Settings(SphinxDirective):
    required_arguments = 1

    def run(self) -> list[nodes.Node]:
        markdown = settings_markdown(_imported(self.arguments[0]))
        return self.parse_text_to_nodes(markdown, allow_section_headings=True)


class _Commands(SphinxDirective):
    required_arguments = 1

    def run(self) -> list[nodes.Node]:
        markdown = commands_markdown(_imported(self.arguments[0]))
        return self.parse_text_to_nodes(markdown, allow_section_headings=True)


def _without_signature(
    app: Sphinx, kind: str, name: str, value: object, options: object, *signature: str
) -> tuple[str, None] | None:
    """A configuration has a page of its own; its signature would repeat it, unreadably."""
    if kind == "class" and isinstance(value, type) and issubclass(value, BaseModel):
        return "", None
    return None


def setup(app: Sphinx) -> dict[str, bool]:
    """Called by Sphinx."""
    app.add_directive("settings", _Settings)
    app.add_directive("commands", _Commands)
    app.connect("autodoc-process-signature", _without_signature)
    return {"parallel_read_safe": True}
