"""How the documentation is built: make docs."""

from __future__ import annotations

from importlib.metadata import version as installed_version

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
