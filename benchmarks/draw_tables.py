"""Draws the tables of the documentation from the committed results.

    python benchmarks/draw_tables.py

In a page, the table under `<!-- drawn from benchmarks/results/NAME.jsonl -->` is that of the
comparison whose rows are in that file; it is replaced by what they say now.
"""

import re
from pathlib import Path

from radars.compare import markdown_table, read_rows

ROOT = Path(__file__).parents[1]
TABLE = re.compile(r"(?<=<!-- drawn from )(\S+\.jsonl)( -->\n)(?:\|.*\n)*")


def main() -> None:
    """Redraws every page."""
    for page in (ROOT / "docs").rglob("*.md"):
        before = page.read_text(encoding="utf-8")
        after = drawn(before)
        if after != before:
            page.write_text(after, encoding="utf-8")
            print(f"redrawn: {page.relative_to(ROOT)}")


def drawn(text: str) -> str:
    """The text of a page, with every table as the results say."""

    def draw(found: re.Match[str]) -> str:
        return f"{found[1]}{found[2]}{markdown_table(read_rows(ROOT / found[1]))}"

    return TABLE.sub(draw, text)


if __name__ == "__main__":
    main()
