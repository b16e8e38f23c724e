"""The documentation site: `sphinx-build --fail-on-warning docs site`."""

from pydantic import BaseModel
from sphinx.application import Sphinx

import radars

project = "radars"
author = "The radars authors"
copyright = "the radars authors. Apache 2.0"
version = release = radars.__version__

extensions = [
    "myst_nb",
    "sphinx.ext.autodoc",
    "sphinx.ext.napoleon",
]

root_doc = "index"
exclude_patterns = ["_build"]

# Markdown pages, and notebooks that are run while the site is built
myst_enable_extensions = ["colon_fence", "deflist"]
myst_heading_anchors = 3
nb_execution_mode = "force"
nb_execution_raise_on_error = True
nb_execution_timeout = 120
nb_merge_streams = True
nb_output_stderr = "remove"

# docstrings: Google style, `code` in single backticks
default_role = "code"
autodoc_member_order = "bysource"
autodoc_typehints = "signature"
autodoc_class_signature = "mixed"
napoleon_google_docstring = True
napoleon_numpy_docstring = False
napoleon_use_ivar = True

html_theme = "furo"
html_title = "radars"
html_copy_source = False
html_show_sourcelink = False
html_theme_options: dict[str, list[str]] = {"top_of_page_buttons": []}


def _without_signature(
    app: Sphinx, kind: str, name: str, value: object, options: object, *signature: str
) -> tuple[str, None] | None:
    """A configuration has a page of its own; its signature would repeat it, unreadably."""
    if kind == "class" and isinstance(value, type) and issubclass(value, BaseModel):
        return "", None
    return None


def setup(app: Sphinx) -> None:
    """Called by Sphinx."""
    app.connect("autodoc-process-signature", _without_signature)
