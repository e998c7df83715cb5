"""How the documentation is built: make docs."""

from __future__ import annotations

import sys
from importlib.metadata import version as installed_version
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parent))
import all_messages

project = "orion-executor"
author = "the orion-executor developers"
version = release = installed_version("orion-executor")

extensions = ["myst_parser", "sphinx.ext.autodoc", "sphinx.ext.napoleon"]
myst_enable_extensions = ["colon_fence"]
myst_heading_anchors = 3
suppress_warnings = ["toc.empty_glob"]

html_theme = "furo"
html_title = project

autodoc_member_order = "bysource"
autodoc_typehints = "signature"
autodoc_class_signature = "separated"
napoleon_google_docstring = False
napoleon_use_rtype = False

# Pages that only some clone has, and what is no page.
exclude_patterns = ["_build", "README.md"]


def setup(app: Any) -> None:
    """Have the page on failures show every message there is, so that none is ever missing."""
    app.connect("source-read", _with_all_messages)


def _with_all_messages(_app: Any, page: str, source: list[str]) -> None:
    if page == "failures":
        source[0] = source[0].replace(all_messages.PLACE, all_messages.section())
