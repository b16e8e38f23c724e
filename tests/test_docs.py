"""The documentation: its commands parse, and every key and option says what it is for."""

import importlib.util
import re
import shlex
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Annotated, Any

import pytest
import typer
from pydantic import BaseModel
from sklearn.feature_extraction.text import TfidfVectorizer

from radars.cli.app import app
from radars.comparison.comparison_config import CompareConfig
from radars.engine.search_config import SearchConfig
from radars.engine.start_search import search_config
from radars.runs.event_schema import KINDS, Event
from radars.settings import merge_settings, parse_yaml, validate_settings
from radars.training.train_config import TrainConfig

ROOT = Path(__file__).parents[1]
PAGES = [
    *(ROOT / name for name in ("README.md", "CONTRIBUTING.md", "SECURITY.md")),
    *(ROOT / "benchmarks" / name for name in ("README.md", "first_comparison.md")),
    *sorted((ROOT / "docs").rglob("*.md")),
]


def _shell_lines(text: str) -> Iterator[str]:
    """The lines of code blocks, fenced or indented, and the code within a line, as a shell's."""
    text = re.sub(r"<!-- made from .*?<!-- end -->", "", text, flags=re.S)
    text = text.replace("\\\n", " ")
    fenced = re.findall(r"^```(?:console|shell|bash|sh|text)?\n(.*?)^```", text, re.M | re.S)
    rest = re.sub(r"^```.*?^```", "", text, flags=re.M | re.S)
    indented = re.findall(r"^    (.+)$", rest, re.M)
    for line in [*"".join(fenced).splitlines(), *indented, *re.findall(r"`([^`\n]+)`", rest)]:
        yield from re.split(r"&&|\|\s|;", line.strip().removeprefix("$ "))


def _commands(text: str) -> Iterator[list[str]]:
    """The arguments of everything in a page that calls `radars`."""
    for line in _shell_lines(text):
        if re.match(r"\s*radars [a-z-]", line):
            yield shlex.split(line, comments=True)[1:]


def _parse(arguments: list[str]) -> dict[str, Any]:
    """What the command line makes of arguments, without running anything; raises where it fails."""
    group: Any = typer.main.get_command(app)
    if arguments[0].startswith("--"):
        assert arguments[0] in {name for option in group.params for name in option.opts}
        return {}
    context = group.make_context("radars", [], resilient_parsing=True)
    command = group.get_command(context, arguments[0])
    assert command is not None, f"there is no command {arguments[0]!r}"
    if len(arguments) == 1:  # the name of a command, in a sentence
        return {}
    parsed = command.make_context(arguments[0], arguments[1:], parent=context)
    return dict(parsed.params)


def _check_settings(command: str, overrides: tuple[str, ...]) -> None:
    if command in ("search", "plan", "compare"):
        search_config({}, None, overrides)
    else:
        validate_settings(TrainConfig, merge_settings({}, overrides=overrides))


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_command_of_a_page_parses(page: Path) -> None:
    for arguments in _commands(page.read_text("utf-8")):
        try:
            parsed = _parse(arguments)
            overrides = tuple(parsed.get("overrides") or ())
            if "key.path=value" not in overrides:
                _check_settings(arguments[0], overrides)
        except Exception as error:
            pytest.fail(f"`radars {shlex.join(arguments)}`: {error or type(error).__name__}")


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_link_within_the_project_leads_somewhere(page: Path) -> None:
    text = re.sub(r"^```.*?^```|`[^`\n]*`", "", page.read_text("utf-8"), flags=re.M | re.S)
    for address in re.findall(r"\]\(([^)\s]+)\)", text):
        file, _, anchor = address.partition("#")
        if "://" in address or file.startswith("mailto:"):
            continue
        target = (page.parent / file).resolve() if file else page
        assert target.exists(), address
        if anchor:
            assert anchor in _anchors(target.read_text("utf-8")), address


def _anchors(markdown: str) -> set[str]:
    """The addresses of the headings of a page, as GitHub and Sphinx make them."""
    titles = re.findall(r"^#+ (.+)$", markdown, re.M)
    return {re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-") for title in titles}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_python_on_a_page_is_python(page: Path) -> None:
    for block in re.findall(r"^```python\n(.*?)^```", page.read_text("utf-8"), re.M | re.S):
        compile(block, page.name, "exec")


def test_every_page_says_first_whom_it_is_for() -> None:
    included = {
        "index.md",
        "changelog.md",
        "contributing.md",
        "security.md",
    }  # of others, or short
    for page in (ROOT / "docs").rglob("*.md"):
        if page.name not in included:
            title, *lines = page.read_text("utf-8").splitlines()
            assert title.startswith("# "), page
            assert lines[1].startswith("*"), page


def test_peoples_questions_find_their_page() -> None:
    """By the words of a question, as a search of the site would."""
    text = (ROOT / "CONTRIBUTING.md").read_text("utf-8")
    questions = re.findall(r"^\| ([^|]+\?) \| \[[^|]+\) \| \[.*?\]\((.+?)\) \|$", text, re.M)
    assert len(questions) >= 10
    pages = [page for page in PAGES if page.is_relative_to(ROOT / "docs")]
    pages = [
        page
        for page in pages
        if page.stem not in ("index", "contributing", "changelog", "security")
    ]
    vectorizer = TfidfVectorizer(stop_words="english", sublinear_tf=True, ngram_range=(1, 2))
    known = vectorizer.fit_transform([page.read_text("utf-8") for page in pages])
    for question, address in questions:
        scores = (known @ vectorizer.transform([question]).T).toarray()[:, 0]
        first = pages[int(scores.argmax())]
        assert first == (ROOT / address).resolve(), question


def test_the_comparisons_in_the_guide_are_some() -> None:
    text = (ROOT / "docs" / "compare.md").read_text("utf-8")
    blocks = re.findall(r"^```yaml\n(.*?)^```", text, re.M | re.S)
    trained, ablation = (validate_settings(CompareConfig, parse_yaml(block)) for block in blocks)
    for config in (trained, ablation):
        assert {cell.setting for cell in config.cells()} == set(config.settings)
    for cell in trained.cells():
        assert trained.train_config(trained.search_config(cell)) is not None
    whole, *parts = (ablation.search_config(cell) for cell in list(ablation.cells())[::5])
    assert len(parts) == 3
    assert all(part != whole for part in parts)


def test_commands_are_found_and_wrong_ones_refused() -> None:
    found = [command for page in PAGES for command in _commands(page.read_text("utf-8"))]
    assert len(found) > 30
    assert {"search", "plan", "train", "evaluate", "compare"} <= {command[0] for command in found}
    [continued] = _commands(
        "```\nradars plan --space digits \\\n    --budget 1GiB  # a comment\n```\n"
    )
    assert continued == ["plan", "--space", "digits", "--budget", "1GiB"]
    with pytest.raises(Exception, match="--budgett"):
        _parse(["search", "--budgett", "1GiB"])
    with pytest.raises(AssertionError, match="serch"):
        _parse(["serch", "--budget", "1GiB"])
    with pytest.raises(ValueError, match="stepz"):
        _check_settings("search", ("explore.stepz=3",))


# --- the reference pages, which are made from the code ---


@pytest.fixture(scope="module")
def reference() -> ModuleType:
    return _loaded(ROOT / "docs" / "make_pages.py")


def _loaded(path: Path) -> ModuleType:
    spec = importlib.util.spec_from_file_location(path.stem, path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def _leaves(settings: dict[str, Any], prefix: str = "") -> Iterator[str]:
    for key, value in settings.items():
        if isinstance(value, dict) and value:
            yield from _leaves(value, f"{prefix}{key}.")
        else:
            yield f"{prefix}{key}"


@pytest.mark.parametrize("model", [SearchConfig, TrainConfig])
def test_every_key_is_in_the_reference(reference: ModuleType, model: type[BaseModel]) -> None:
    markdown = reference.settings_markdown(model)
    for key in _leaves(model().model_dump(mode="json")):
        group, _, _ = key.rpartition(".")  # of a mapping, the names in it are the user's
        assert f"| `{key}` |" in markdown or f"| `{group}` |" in markdown


def test_a_row_says_value_default_and_meaning(reference: ModuleType) -> None:
    markdown = reference.settings_markdown(SearchConfig)
    assert "| `budget` | bytes, such as `256MiB` | `16MiB` | bytes that no " in markdown
    assert (
        "| `explore.ranker_draws` | whole number, ≥ 2 | `32` | architectures that each" in markdown
    )
    assert "| `select.optimizer.name` | `sgd`, `adamw` | `sgd` |" in markdown
    # a description of several lines
    assert "are drawn uniformly. The rest follows the policy. |" in markdown
    assert "`grids[].seeds`" in reference.settings_markdown(CompareConfig)


def test_what_says_nothing_of_itself_fails_the_build(reference: ModuleType) -> None:
    class Silent(BaseModel):
        """Settings.

        Attributes:
            known: is described.
        """

        known: int = 1
        silent: int = 2

    with pytest.raises(reference.MissingDescriptionError, match=r"Silent\.silent is not"):
        reference.settings_markdown(Silent)

    silent_app = typer.Typer()

    @silent_app.callback()
    def main() -> None: ...

    @silent_app.command()
    def command(option: Annotated[int, typer.Option()] = 1) -> None:
        """Does nothing."""

    with pytest.raises(reference.MissingDescriptionError, match="option of `radars command`"):
        reference.commands_markdown(silent_app)


def test_every_event_is_in_the_reference(reference: ModuleType) -> None:
    markdown = reference.events_markdown(KINDS.values())
    for kind, event in KINDS.items():
        assert f"## `{kind}`" in markdown
        for name in event.model_fields:
            assert name == "time" or f"| `{name}` |" in markdown
    assert "| `finalists` | list of mapping | the architectures that take part. |" in markdown

    class SilentEvent(Event):
        """Says nothing."""

        kind = "silent"
        silent: int = 0

    with pytest.raises(reference.MissingDescriptionError, match=r"SilentEvent\.silent is not"):
        reference.events_markdown([SilentEvent])


def test_pages_are_as_code_and_results_say(reference: ModuleType) -> None:
    command_line = ROOT / "docs" / "reference" / "command-line.md"  # tested below
    texts = {page: page.read_text("utf-8") for page in PAGES if page != command_line}
    made = [found[1] for text in texts.values() for found in reference.MADE.findall(text)]
    assert (made.count("settings"), made.count("recipes")) == (3, 1)
    assert made.count("results") >= 12
    stale = [page for page, text in texts.items() if reference.made(text) != text]
    assert stale == [], "run: python docs/make_pages.py"


def test_the_page_of_commands_has_each_option_and_no_other(reference: ModuleType) -> None:
    """How typer writes them is its own: another version may differ."""
    text = (ROOT / "docs" / "reference" / "command-line.md").read_text("utf-8")
    group: Any = typer.main.get_command(app)
    parts = dict(re.findall(r"^## `radars (\w+)`\n(.*?)(?=^## |\Z)", text, re.M | re.S))
    assert parts.keys() == group.commands.keys()
    for name, command in group.commands.items():
        options = {each for parameter in command.params for each in parameter.opts}
        said = set(re.findall(r"^\* `(?:-h, )?(--[\w-]+)", parts[name], re.M))
        assert said - {"--help"} == {each for each in options if each.startswith("--")}
        for parameter in command.params:
            assert parameter.help in parts[name], "run: python docs/make_pages.py"
