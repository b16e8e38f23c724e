"""What a package index shows: the README, whose links work there too, and the project's addresses.

Relative links lead nowhere on an index. Where the package is built on GitHub, which says so by
`GITHUB_REPOSITORY`, they become links to that repository at the tag of the version.
"""

import os
import re
from pathlib import Path
from typing import Any

from hatchling.metadata.plugin.interface import MetadataHookInterface

_RELATIVE_LINK = re.compile(r"(!?\[[^\]]*\])\((?!https?:|#)([^)\s]+)\)")


class IndexPage(MetadataHookInterface):
    """Sets `readme` and `urls`."""

    def update(self, metadata: dict[str, Any]) -> None:
        """Called by hatchling whenever the package is built."""
        text = Path(self.root, "README.md").read_text("utf-8")
        urls = dict(self.config["urls"])
        if repository := os.environ.get("GITHUB_REPOSITORY"):
            tag = f"v{metadata['version']}"
            text = with_absolute_links(text, repository, tag)
            pages = f"https://github.com/{repository}"
            urls |= {
                "Repository": pages,
                "Documentation": f"{pages}/blob/{tag}/docs/index.md",
                "Changelog": f"{pages}/blob/{tag}/CHANGELOG.md",
                "Issues": f"{pages}/issues",
            }
        metadata["readme"] = {"content-type": "text/markdown", "text": text}
        metadata["urls"] = urls


def with_absolute_links(markdown: str, repository: str, tag: str) -> str:
    """Markdown whose relative links and pictures are those of a repository on GitHub, at a tag."""

    def absolute(link: re.Match[str]) -> str:
        shown, path = link.groups()
        if shown.startswith("!"):  # the raw file, as a picture: without the query it is plain text
            picture = f"https://raw.githubusercontent.com/{repository}/{tag}/{path}?sanitize=true"
            return f"{shown}({picture})"
        return f"{shown}(https://github.com/{repository}/blob/{tag}/{path})"

    return _RELATIVE_LINK.sub(absolute, markdown)
