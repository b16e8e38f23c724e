"""Draws the tables of the documentation from the committed results.

    python benchmarks/draw_tables.py

In a page, the table under `<!-- drawn from benchmarks/results/NAME.jsonl -->` is that of the
comparison whose rows are in that file, or of one method's rows where `: METHOD` follows the name;
it is replaced by what they say now.
"""

import re
from pathlib import Path

from radars.compare import markdown_table, read_rows

ROOT = Path(__file__).parents[1]
TABLE = re.compile(r"<!-- drawn from (?P<path>\S+\.jsonl)(?:: (?P<method>\w+))? -->\n(?:\|.*\n)*")


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
        rows = read_rows(ROOT / found["path"])
        if found["method"]:
            rows = [row for row in rows if row.method == found["method"]]
        comment = found[0].partition("\n")[0]
        table = markdown_table(rows) if rows else "| not run yet |\n|---|\n"
        return f"{comment}\n{table}"

    return TABLE.sub(draw, text)


if __name__ == "__main__":
    main()
