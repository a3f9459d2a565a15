"""Pages about runs on the Dask scheduler's own dashboard.

`/adaptive` and `/individual-adaptive-…` need Bokeh, as the whole dashboard does; `/adaptive.json` and the lines
on `/metrics` do not. They only look: nothing here changes a run, and nothing is remembered between two looks but
what an open page needs to see what is new.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from adaptive_dask.plain import get_logger

if TYPE_CHECKING:
    from distributed import Scheduler

logger = get_logger(__name__)


def serve(scheduler: Scheduler) -> bool:
    """Add the pages to a scheduler's HTTP server; again makes no difference.

    Called on the scheduler's event loop. A scheduler without Bokeh, or that was told ``dashboard=False``, serves the
    numbers only, and says so once in its log.

    Returns
    -------
    bool
        Whether there are pages.
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
