"""Live plots and status displays of runs in a notebook, with lazy imports.

They are updated from threads, even while a cell is running.
"""

from __future__ import annotations

from adaptive_dask.notebook.extension import notebook_extension
from adaptive_dask.notebook.info import live_info, static_info
from adaptive_dask.notebook.picture import active_plotting_tasks, live_plot
from adaptive_dask.notebook.table import live_table

__all__ = ["active_plotting_tasks", "live_info", "live_plot", "live_table", "notebook_extension", "static_info"]
