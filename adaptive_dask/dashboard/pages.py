"""Adds the Bokeh pages to a dashboard that is being served already."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

from bokeh.document import Document
from distributed.dashboard.core import BokehApplication
from distributed.dashboard.scheduler import template_variables
from tornado.ioloop import IOLoop

from adaptive_dask.dashboard.in_thread import InThread
from adaptive_dask.dashboard.page import individual_page, main_page
from adaptive_dask.dashboard.parts import PARTS

PAGE = "adaptive"
Make = Callable[[Any, Document], None]


def add_pages(application: Any, dashboard: Any, scheduler: Any) -> None:
    """Add the pages, unless they are there.

    Parameters
    ----------
    application : tornado.web.Application
        Dask's, which asks a list of applications in turn for a handler.
    dashboard : BokehTornado
        Dask's own pages.
    scheduler : Scheduler
    """
    if f"/{PAGE}" in dashboard.app_paths:
        return
    pages: dict[str, Make] = {f"/{PAGE}": main_page}
    pages |= {f"/individual-{PAGE}-{name}": partial(individual_page, name) for name in PARTS}
    menus = template_variables(scheduler)
    ours = BokehApplication(
        dict.fromkeys(pages, _pass_menus_on), scheduler, prefix=dashboard.prefix, template_variables=menus
    )
    for path, make in pages.items():
        ours._applications[path].application.add(InThread(partial(make, scheduler)))
    # Right after Dask's own: at the end of the list they would come after Jupyter's, which takes all that is left.
    application.applications.insert(application.applications.index(dashboard) + 1, ours)
    ours.initialize(IOLoop.current())
    ours.start()
    # The list of plots for Jupyter is made from the paths of Dask's own application.
    dashboard._applications.update(ours._applications)
    _add_to_menus(menus)


def _pass_menus_on(_: Any, extra: dict[str, Any], doc: Document) -> None:
    """What `base.html` needs to know."""
    doc.template_variables.update(extra)


def _add_to_menus(menus: dict[str, Any]) -> None:
    """Add to the lists that all pages of this scheduler make their menus of."""
    menus["pages"].insert(max(0, len(menus["pages"]) - 1), PAGE)
    menus["plots"] += [
        {"url": f"individual-{PAGE}-{name}", "name": f"Adaptive {name.replace('-', ' ').title()}"} for name in PARTS
    ]
    menus["plots"].sort(key=lambda plot: plot["name"])
