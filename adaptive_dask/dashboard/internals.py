"""Undocumented names of Bokeh and of Dask's dashboard. No other module uses any.

Seen in Bokeh 3.9.2 and distributed 2026.8.0. ``tests/dashboard/test_internals.py`` has a test for each function.

====================================================== =======================================
name                                                   function
====================================================== =======================================
``Document.destroy`` collects garbage                  `destroy_without_collecting`
``Document.to_json`` encodes for the browser           `encode_beforehand`
``RoutingApplication.applications``                    `bokeh_applications`, `add_application`
``distributed.dashboard.core.BokehApplication``        `add_application`
``distributed.dashboard.scheduler.template_variables`` `make_menus`
``distributed.http.utils.dirname``                     `template_folder`
``Application.default_router``, ``wildcard_router``    `dashboard_prefix`, `has_route`
``PrometheusHandler._collectors``, ``COLLECTORS``      `add_collector`
====================================================== =======================================
"""

from __future__ import annotations

import importlib.util
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import MethodType
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from bokeh.document import Document
    from distributed.http.prometheus import PrometheusCollector


def destroy_without_collecting(doc: Document) -> None:
    """Make a document release its models when its session ends, without a garbage collection."""
    vars(doc)["destroy"] = MethodType(_destroy, doc)


def _destroy(doc: Document, session: Any) -> None:
    doc.remove_on_change(session)
    for part in (doc.callbacks, doc.models, doc.modules):
        part.destroy()


def encode_beforehand(doc: Document) -> None:
    """Encode a document now for the first browser that requests it. It must not change until then."""
    encoded = doc.to_json()

    def to_json(deferred: bool = True) -> Any:
        del vars(doc)["to_json"]
        return encoded

    vars(doc)["to_json"] = to_json


def bokeh_applications(application: Any) -> list[Any]:
    """Return Bokeh's applications among those of Dask's HTTP server.

    Raises
    ------
    ImportError
        If Bokeh is not installed.
    """
    if not is_bokeh_loaded():
        if importlib.util.find_spec("bokeh") is None:
            raise ImportError("Bokeh is not installed.")
        return []
    from bokeh.server.tornado import BokehTornado

    return [one for one in application.applications if isinstance(one, BokehTornado)]


def is_bokeh_loaded() -> bool:
    """Return whether Bokeh's server is loaded. If it is not, Dask has no dashboard, and loading ours takes a second."""
    return "bokeh.server.tornado" in sys.modules


def add_application(
    application: Any, pages: Mapping[str, Any], scheduler: Any, dashboard: Any, variables: dict[str, Any]
) -> None:
    """Serve pages next to those of Dask's dashboard.

    Parameters
    ----------
    application : RoutingApplication
        The application of Dask's HTTP server.
    pages : mapping of str to Handler
        Handlers by path.
    scheduler : Scheduler
    dashboard : BokehTornado
        Dask's dashboard.
    variables : dict
        Variables of the templates of all pages.
    """
    from distributed.dashboard.core import BokehApplication
    from tornado.ioloop import IOLoop

    def set_variables(_: Any, extra: dict[str, Any], doc: Document) -> None:
        doc.template_variables.update(extra)

    ours = BokehApplication(
        dict.fromkeys(pages, set_variables), scheduler, prefix=dashboard.prefix, template_variables=variables
    )
    for path, handler in pages.items():
        ours.applications[path].application.add(handler)
    # Directly after Dask's pages: JupyterLab's application, which may come next, answers all other paths.
    application.applications.insert(application.applications.index(dashboard) + 1, ours)
    ours.initialize(IOLoop.current())
    ours.start()
    # The list of plots for JupyterLab contains the paths of Dask's own application.
    dashboard.applications.update(ours.applications)


def make_menus(scheduler: Any) -> dict[str, Any]:
    """Return the variables of Dask's templates, with the lists of pages and plots that all pages share."""
    from distributed.dashboard.scheduler import template_variables

    menus: dict[str, Any] = template_variables(scheduler)
    return menus


def template_folder() -> Path:
    """Return the folder of Dask's templates."""
    import distributed.http.utils

    return Path(distributed.http.utils.dirname) / "templates"


def dashboard_prefix(application: Any) -> str:
    """Return the prefix of all paths of Dask's HTTP server, with a slash at both ends."""
    return next((path.removesuffix("health") for path in _paths(application) if path.endswith("/health")), "/")


def has_route(application: Any, path: str) -> bool:
    """Return True if Dask's HTTP server has a route with this pattern."""
    return path in _paths(application)


def _paths(application: Any) -> Iterator[str]:
    rules = [inner for rule in application.default_router.rules for inner in getattr(rule.target, "rules", ())]
    for rule in (*rules, *application.wildcard_router.rules):
        yield rule.matcher.regex.pattern.removesuffix("$")


def add_collector(collector: type[PrometheusCollector]) -> None:
    """Add a class of collectors to those that Dask's ``/metrics`` reports.

    Dask creates one set of collectors for each process at the first request for metrics, and passes them the scheduler
    at each request.
    """
    from distributed.http.scheduler.prometheus import core
    from prometheus_client import REGISTRY

    handler = core.PrometheusHandler
    if collector not in core.COLLECTORS:
        core.COLLECTORS.append(collector)
        if handler._collectors:
            made = collector(None)
            REGISTRY.register(made)
            handler._collectors = (*handler._collectors, made)
