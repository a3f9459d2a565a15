"""Sphinx: ``sphinx-build -W docs <folder>``, with the extra ``docs`` installed. Builds without a network, too.

The notebooks are executed the first time, and again when they change (two minutes of processor time). Without them:
``-D nb_execution_mode=off``.
"""

from __future__ import annotations

import sys
import tempfile
import urllib.request
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import adaptive_dask

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE))
from tutorials import copy_notebooks  # noqa: E402

project = "adaptive_dask"
author = "The adaptive_dask developers"
version = release = adaptive_dask.__version__

extensions = [
    "myst_nb",
    "numpydoc",
    "sphinx.ext.autodoc",
    "sphinx.ext.autosummary",
    "sphinx.ext.intersphinx",
    "sphinx_copybutton",
    "sphinx_design",
]
exclude_patterns = ["_build"]
templates_path = ["_templates"]
default_role = "py:obj"  # as in the docstrings: `attach`

myst_enable_extensions = ["colon_fence", "deflist"]
myst_heading_anchors = 3

# The notebooks of examples/, executed.
copy_notebooks(HERE / "tutorials")
nb_execution_mode = "cache"
nb_execution_excludepatterns = ["slurm.ipynb"]  # needs SLURM
nb_execution_timeout = 180  # seconds for a cell
nb_execution_raise_on_error = True
nb_execution_in_temp = True
nb_merge_streams = True
nb_output_stderr = "remove"  # what Dask logs about workers that are closed
suppress_warnings = ["mystnb.unknown_mime_type"]  # HoloViews adds one to animations, next to HTML

# One page for each class, with its methods.
autosummary_generate = True
autosummary_imported_members = True
autodoc_member_order = "groupwise"
autodoc_typehints = "none"  # numpydoc's sections describe the types
numpydoc_show_class_members = False
toc_object_entries_show_parents = "hide"

copybutton_exclude = ".linenos, .gp, .go"
copybutton_prompt_text = r">>> |\.\.\. |\$ "
copybutton_prompt_is_regexp = True

html_theme = "pydata_sphinx_theme"
html_title = project
html_static_path = ["_static"]
html_css_files = ["adaptive.css"]
html_show_sourcelink = False
html_sidebars: dict[str, list[str]] = {page: [] for page in ("start", "choosing", "changelog", "contributing")}
html_theme_options = {
    "header_links_before_dropdown": 6,
    "navbar_align": "left",
    "show_toc_level": 2,
    "navigation_with_keys": False,
    "footer_start": ["copyright"],
    "footer_end": ["sphinx-version"],
}
copyright = author

# ---- names of other projects

INVENTORIES = {
    "python": "https://docs.python.org/3/",
    "numpy": "https://numpy.org/doc/stable/",
    "scipy": "https://docs.scipy.org/doc/scipy/",
    "pandas": "https://pandas.pydata.org/docs/",
    "dask": "https://docs.dask.org/en/stable/",
    "distributed": "https://distributed.dask.org/en/stable/",
    "holoviews": "https://holoviews.org/",
}
INVENTORY_TIMEOUT_S = 5


def fetch(name: str) -> tuple[str, tuple[str, str]] | None:
    """Download the inventory of a project, or return None if it cannot be reached.

    Sphinx would warn of one that is missing, and so fail the build. Without it, names of that project have no links.
    """
    url = INVENTORIES[name]
    try:
        with urllib.request.urlopen(f"{url}objects.inv", timeout=INVENTORY_TIMEOUT_S) as reply:
            content = reply.read()
    except OSError:
        return None
    if not content.startswith(b"# Sphinx inventory"):  # the page of a captive portal
        return None
    path = Path(tempfile.gettempdir(), f"adaptive_dask-{name}.inv")
    path.write_bytes(content)
    return name, (url, str(path))


with ThreadPoolExecutor(len(INVENTORIES)) as threads:
    intersphinx_mapping = dict(filter(None, threads.map(fetch, INVENTORIES)))
