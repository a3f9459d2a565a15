"""Sphinx: ``sphinx-build -W docs <folder>``, with the extra ``docs`` installed."""

project = "adaptive_dask"
author = "The adaptive_dask developers"
extensions = ["myst_parser"]
myst_enable_extensions = ["colon_fence"]
myst_heading_anchors = 2
exclude_patterns = ["_build"]
html_theme = "alabaster"
