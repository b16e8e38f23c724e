"""Checks the English of the pages: proselint's rules, and the words of CONTRIBUTING.md.

Docstrings are checked for fragments: one that begins with "of" or "likewise" leaves out its noun.

    python docs/lint_prose.py [PAGE.md ...]

Code, links and what `make_pages.py` writes are not looked at. Prints a line for each finding, and
ends with exit status 1 where there are some.
"""

import re
import sys
from collections.abc import Iterator
from pathlib import Path

from proselint.checks import __register__ as proselint_checks
from proselint.config import DEFAULT
from proselint.registry import CheckRegistry
from proselint.registry.checks import Check, types
from proselint.tools import LintFile

ROOT = Path(__file__).parents[1]
PAGES = (
    *(ROOT / name for name in ("README.md", "CONTRIBUTING.md", "SECURITY.md", "CHANGELOG.md")),
    *sorted((ROOT / "docs").rglob("*.md")),
    ROOT / "benchmarks" / "README.md",
    ROOT / "examples" / "plugin" / "README.md",
)
OFF = {
    "typography.symbols.curly_quotes": False,  # quotes are straight, as in code
    "typography.symbols.ellipsis": False,  # so are dots
    "typography.symbols.multiplication": False,  # 3x3 convolutions
    "typography.diacritical_marks": False,  # to resume is no résumé
    "misc.phrasal_adjectives.ly": False,  # multiply-accumulates
}
CODE = ("src", "benchmarks", "examples")
FRAGMENT = re.compile(r'^ *(?:"""(?:of|likewise)|[a-z]\w*: of)\b.*', re.I | re.M)
NOT_PROSE = re.compile(
    r"<!-- made from .*?<!-- end -->"  # generated
    r"|<!--.*?-->"
    r"|^(?P<fence>`{3,}).*?^(?P=fence)"  # code blocks, fenced and indented
    r"|(?<=\n\n)(?: {4}.*\n)+"
    r"|`[^`\n]+`"
    r"|(?<=\])\([^)]*\)",  # addresses of links
    re.S | re.M,
)


def main() -> None:
    """Checks the pages that are named, or all."""
    findings = [
        f"{page.relative_to(ROOT) if page.is_relative_to(ROOT) else page}:{finding}"
        for page in map(Path, sys.argv[1:] or PAGES)
        for finding in lint(page.read_text("utf-8"), words())
    ]
    if not sys.argv[1:]:
        files = (file for folder in CODE for file in sorted((ROOT / folder).rglob("*.py")))
        findings += [
            f"{file.relative_to(ROOT)}:{finding}"
            for file in files
            for finding in fragments(file.read_text("utf-8"))
        ]
    print(*findings, sep="\n", end="\n" if findings else "")
    sys.exit(bool(findings))


def words() -> dict[str, str]:
    """What CONTRIBUTING.md asks not to write, as a regular expression, to what is better."""
    text = (ROOT / "CONTRIBUTING.md").read_text("utf-8")
    [table] = re.findall(r"^\| do not write \| write \|\n\|---\|---\|\n((?:\|.*\n)+)", text, re.M)
    preferred: dict[str, str] = {}
    for row in table.splitlines():
        terms, better = (cell.strip(" `").split("; ") for cell in row.strip("|").split(" | "))
        for index, term in enumerate(terms):
            preferred[re.escape(term)] = better[min(index, len(better) - 1)]
    return preferred


def lint(text: str, preferred: dict[str, str]) -> Iterator[str]:
    """Findings in a page, as `LINE:COLUMN: MESSAGE`."""
    own = Check(
        check_type=types.PreferredForms(items=preferred),
        path="words",
        message="Write '{}' instead of '{}'.",
    )
    registry = CheckRegistry()
    registry.checks[:] = [*proselint_checks, own]
    prose = NOT_PROSE.sub(lambda found: re.sub(r"[^\n]", "~", found[0]), text)
    config = DEFAULT | {"checks": OFF | DEFAULT["checks"] | {"words": True}}
    for finding in LintFile("", prose).lint(config):
        line, column = finding.pos
        yield f"{line - 1}:{column}: {finding.check_result.message}"


def fragments(code: str) -> Iterator[str]:
    """Descriptions in code that begin without a noun, as `LINE: MESSAGE`."""
    for found in FRAGMENT.finditer(code):
        line = code.count("\n", 0, found.start()) + 1
        yield f"{line}: Begin with a noun or a verb instead of '{found[0].strip()}'."


if __name__ == "__main__":
    main()
