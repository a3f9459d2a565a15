"""Pages about runs on the Dask scheduler's own dashboard.

`/adaptive` and `/individual-adaptive-…` need Bokeh, like the rest of the dashboard; `/adaptive.json` and the metrics on
`/metrics` do not. The pages do not change runs. Only open pages have a state.
"""

from __future__ import annotations

import contextlib
import importlib
from typing import TYPE_CHECKING, Any

from adaptive_dask.logs import get_logger

if TYPE_CHECKING:
    from distributed import Scheduler

logger = get_logger(__name__)


def load_pages() -> None:
    """Import the modules of the pages if Dask's dashboard is on; this takes half a second."""
    from adaptive_dask.dashboard.internals import is_bokeh_loaded

    if is_bokeh_loaded():
        with contextlib.suppress(Exception):
            importlib.import_module("adaptive_dask.dashboard.pages")


def serve_pages(scheduler: Scheduler) -> bool:
    """Add the pages to a scheduler's HTTP server, unless they are there.

    Must be called on the scheduler's event loop. A scheduler without Bokeh, or with ``dashboard=False``, serves only
    the numbers, and logs why.

    Returns
    -------
    bool
        True if there are pages.
    """
    from adaptive_dask.dashboard.internals import bokeh_applications
    from adaptive_dask.dashboard.numbers_routes import serve_numbers

    application: Any = getattr(scheduler, "http_application", None)
    if application is None:
        logger.warning("This scheduler has no HTTP server: no pages about adaptive runs.")
        return False
    prefix = serve_numbers(application, scheduler)
    try:
        dashboards = bokeh_applications(application)
    except ImportError:
        logger.warning("The scheduler lacks Bokeh: no pages about adaptive runs but %sadaptive.json", prefix)
        return False
    if not dashboards:
        logger.warning("The dashboard is switched off: no pages about adaptive runs but %sadaptive.json", prefix)
        return False
    from adaptive_dask.dashboard.pages import add_pages

    add_pages(application, dashboards[0], scheduler)
    return True
