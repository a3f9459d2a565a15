"""Set up a notebook for plots and widgets, and check that their packages are installed."""

from __future__ import annotations

import importlib
import sys
import warnings
from types import ModuleType
from typing import Any

from adaptive_dask.missing_module import needed

EXTRA = '"adaptive_dask[notebook]"'


def notebook_extension(*, _inline_js: bool = True) -> None:
    """Load HoloViews with Bokeh into the notebook, from the installed packages.

    Call this once, in one of the first cells of a notebook with plots. It does not use the internet.

    Parameters
    ----------
    _inline_js : bool, default: True
        Whether the notebook contains the scripts; with False, the browser loads them from the internet.

    Raises
    ------
    RuntimeError
        If this is not a notebook.

    Warns
    -----
    RuntimeWarning
        If HoloViews, Bokeh or ipywidgets is missing, so that there are no plots or no live info.
    """
    require_kernel("notebook_extension()", "A script needs no such call")
    try:
        load_bokeh(inline=_inline_js)
    except ImportError as error:
        warnings.warn(f"Plots are not available: {error}", RuntimeWarning, stacklevel=2)
    try:
        load_widgets()
    except ImportError as error:
        warnings.warn(f"live_info is not available: {error}", RuntimeWarning, stacklevel=2)


def kernel() -> Any:
    """Return the kernel of this notebook; None outside of notebooks."""
    ipython = sys.modules.get("IPython")
    shell = ipython.get_ipython() if ipython is not None else None
    return getattr(shell, "kernel", None)


def require_kernel(what: str, instead: str) -> None:
    """Raise an error unless this is a notebook.

    Raises
    ------
    RuntimeError
        If this is not a notebook.
    """
    if kernel() is None:
        raise RuntimeError(f"{what} works only in a Jupyter notebook. {instead}.")


def load_bokeh(inline: bool = True) -> ModuleType:
    """Return HoloViews, after loading Bokeh's scripts into the notebook.

    Raises
    ------
    ImportError
        If a package is not installed; the message says how to install it.
    """
    with needed("HoloViews and Bokeh cannot be loaded", EXTRA):
        holoviews = importlib.import_module("holoviews")
        importlib.import_module("panel").config.inline = inline  # also for the models that Panel adds to each plot
        holoviews.extension("bokeh", logo=False, inline=inline)
    return holoviews


def load_widgets() -> ModuleType:
    """Return ipywidgets.

    Raises
    ------
    ImportError
        If it is not installed; the message says how to install it.
    """
    with needed("ipywidgets cannot be loaded", EXTRA):
        return importlib.import_module("ipywidgets")
