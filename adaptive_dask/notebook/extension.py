"""Set up a notebook for pictures and widgets, and check that the packages for them are installed."""

from __future__ import annotations

import importlib
import sys
import warnings
from types import ModuleType
from typing import Any

from adaptive_dask.missing_module import needed

EXTRA = '"adaptive_dask[notebook]"'


def notebook_extension(*, _inline_js: bool = True) -> None:
    """Load what pictures need into the notebook: HoloViews with Bokeh, from the packages installed here.

    A notebook that shows pictures calls this once, in its first cells; nothing comes from the internet.

    Parameters
    ----------
    _inline_js : bool, default: True
        Whether the browser gets the scripts from the notebook; with False from a server on the internet.

    Raises
    ------
    RuntimeError
        If this is not a notebook.

    Warns
    -----
    RuntimeWarning
        If HoloViews, Bokeh or ipywidgets is missing: then there are no pictures, or no live info.
    """
    require_kernel("notebook_extension()", "A script needs no such call")
    try:
        load_bokeh(inline=_inline_js)
    except ImportError as error:
        warnings.warn(f"There will be no pictures: {error}", RuntimeWarning, stacklevel=2)
    try:
        load_widgets()
    except ImportError as error:
        warnings.warn(f"There will be no live_info: {error}", RuntimeWarning, stacklevel=2)


def kernel() -> Any:
    """The kernel of the notebook that this is; None elsewhere."""
    ipython = sys.modules.get("IPython")
    shell = ipython.get_ipython() if ipython is not None else None
    return getattr(shell, "kernel", None)


def require_kernel(what: str, instead: str) -> None:
    """Refuse something that needs a notebook.

    Raises
    ------
    RuntimeError
        If this is not a notebook.
    """
    if kernel() is None:
        raise RuntimeError(f"{what} works in a Jupyter notebook only, which this is not. {instead}.")


def load_bokeh(inline: bool = True) -> ModuleType:
    """HoloViews, with Bokeh's scripts in the notebook.

    Raises
    ------
    ImportError
        If something is not installed; says how to install it.
    """
    with needed("HoloViews and Bokeh cannot be loaded", EXTRA):
        holoviews = importlib.import_module("holoviews")
        importlib.import_module("panel").config.inline = inline  # also what Panel adds to each picture
        holoviews.extension("bokeh", logo=False, inline=inline)
    return holoviews


def load_widgets() -> ModuleType:
    """ipywidgets.

    Raises
    ------
    ImportError
        If it is not installed; says how to install it.
    """
    with needed("ipywidgets cannot be loaded", EXTRA):
        return importlib.import_module("ipywidgets")
