"""Compatibility with python-adaptive's module of this name; see `adaptive_dask.notebook`."""

from __future__ import annotations

from adaptive_dask.notebook import active_plotting_tasks, live_info, live_plot, notebook_extension
from adaptive_dask.notebook.extension import kernel
from adaptive_dask.plotting.backend import load_holoviews as ensure_holoviews
from adaptive_dask.plotting.learnerND_plotly import load_plotly as ensure_plotly

__all__ = [
    "active_plotting_tasks",
    "ensure_holoviews",
    "ensure_plotly",
    "in_ipynb",
    "live_info",
    "live_plot",
    "notebook_extension",
]


def in_ipynb() -> bool:
    """Return True in a notebook."""
    return kernel() is not None
