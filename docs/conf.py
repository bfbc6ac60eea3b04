"""The documentation site: `make docs`, or `sphinx-build -W docs build/docs`."""

from __future__ import annotations

import re
import sys
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT / "docs/extensions"), str(ROOT / "src")]

from levinthal import __version__  # noqa: E402

project = "Levinthal"
author = "The Levinthal developers"
copyright = "The Levinthal developers"
version = release = __version__

extensions = ["myst_parser", "sphinx.ext.autodoc", "sphinx.ext.napoleon", "metric_tables"]
exclude_patterns = ["extensions"]
root_doc = "index"
# Shapes and types in docstrings (`(n_residues, 3) array`) are words, which need not be found as names.
suppress_warnings = ["ref.python"]

myst_heading_anchors = 3
myst_enable_extensions = ["dollarmath"]

autodoc_typehints = "none"
autodoc_member_order = "alphabetical"
napoleon_numpy_docstring = True
napoleon_google_docstring = False
napoleon_use_ivar = True
napoleon_use_rtype = False

html_theme = "pydata_sphinx_theme"
html_title = f"Levinthal {release}"
html_theme_options = {"show_toc_level": 2, "navigation_with_keys": False}
html_show_sourcelink = False


def _skip(app: object, what: str, name: str, thing: object, skip: bool, options: object) -> bool:
    """Leave out what scikit-learn puts into its estimators: its docstrings refer to its own documentation."""
    return skip or bool(re.fullmatch(r"set_\w+_request|get_metadata_routing", name))


def setup(app: Any) -> None:
    """Connect what is above."""
    app.connect("autodoc-skip-member", _skip)
