"""The paths of the Bokeh pages, and their entries in the dashboard's menus."""

from __future__ import annotations

from functools import partial
from typing import Any

from adaptive_dask.dashboard.documents import MadeInThread
from adaptive_dask.dashboard.internals import add_application, make_menus
from adaptive_dask.dashboard.page import PARTS, individual_page, main_page

PAGE = "adaptive"


def add_pages(application: Any, dashboard: Any, scheduler: Any) -> None:
    """Add the pages, unless they exist.

    Parameters
    ----------
    application : tornado.web.Application
        The application of Dask's HTTP server.
    dashboard : BokehTornado
        Dask's dashboard.
    scheduler : Scheduler
    """
    if f"/{PAGE}" in dashboard.app_paths:
        return
    pages = {f"/{PAGE}": MadeInThread(partial(main_page, scheduler))}
    for name in PARTS:
        pages[f"/individual-{PAGE}-{name}"] = MadeInThread(partial(individual_page, name, scheduler))
    menus = make_menus(scheduler)
    add_application(application, pages, scheduler, dashboard, menus)
    menus["pages"].insert(max(0, len(menus["pages"]) - 1), PAGE)
    menus["plots"] += [
        {"url": f"individual-{PAGE}-{name}", "name": f"Adaptive {name.replace('-', ' ').title()}"} for name in PARTS
    ]
    menus["plots"].sort(key=lambda plot: plot["name"])
