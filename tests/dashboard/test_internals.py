"""The undocumented names of Bokeh and Dask that the dashboard needs are there, and mean what is expected.

A test that fails after an update of one of these packages names the function of `internals` to change.
"""

from __future__ import annotations

import gc
from typing import Any

import pytest
from bokeh.document import Document
from bokeh.models import Div
from bokeh.server.session import ServerSession
from distributed.http.prometheus import PrometheusCollector
from distributed.http.scheduler.prometheus import core
from prometheus_client import REGISTRY
from tornado.ioloop import IOLoop

from adaptive_dask.dashboard import internals

from .test_serve import Cluster, fetch


@pytest.mark.parametrize("quietly", [True, False])
async def test_a_session_that_ends_releases_its_models(quietly: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    """If Bokeh itself collects no garbage any more, `destroy_without_collecting` can be removed."""
    collected: list[Any] = []
    doc, model = Document(), Div(text="")
    doc.add_root(model)
    if quietly:
        internals.destroy_without_collecting(doc)
    session = ServerSession("id", doc, IOLoop.current())  # type: ignore[arg-type]
    monkeypatch.setattr(gc, "collect", lambda *_: collected.append(None))
    session.destroy()
    assert bool(collected) is not quietly
    assert model.document is None


def test_a_document_is_encoded_once_and_then_as_usual() -> None:
    doc = Document()
    internals.encode_beforehand(doc)
    doc.add_root(Div(text="later"))
    first, second = (getattr(each, "content", each) for each in (doc.to_json(), doc.to_json()))  # Bokeh 3.9, 3.4
    assert first["roots"] == []
    assert len(second["roots"]) == 1


async def test_servers_have_bokeh_applications_menus_and_routes() -> None:
    async with Cluster(http_prefix="user/me") as (scheduler, _):
        application = scheduler.http_application
        (dashboard,) = internals.bokeh_applications(application)
        assert "/status" in dashboard.applications
        assert dashboard.applications is dashboard._applications, "BokehTornado.applications is a copy"
        assert internals.dashboard_prefix(application) == "/user/me/"
        assert internals.has_route(application, "/user/me/health")
        assert not internals.has_route(application, "/user/me/other")
        menus = internals.make_menus(scheduler)
        assert "status" in menus["pages"]
        assert all({"name", "url"} <= plot.keys() for plot in menus["plots"])
    assert (internals.template_folder() / "base.html").exists()


class Collector(PrometheusCollector):
    def __init__(self, server: Any) -> None:
        super().__init__(server)  # type: ignore[no-untyped-call]
        self.subsystem = "test"

    def collect(self) -> Any:
        return ()


async def test_collectors_join_before_and_after_the_first_request(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(core, "COLLECTORS", list(core.COLLECTORS))
    async with Cluster() as (scheduler, _):
        await fetch(scheduler, "/metrics")
        before = core.PrometheusHandler._collectors
        internals.add_collector(Collector)
        internals.add_collector(Collector)
        (made,) = (one for one in core.PrometheusHandler._collectors if isinstance(one, Collector))
        try:
            await fetch(scheduler, "/metrics")
            assert made.server is scheduler
            assert core.COLLECTORS[-1] is Collector, "collected if there was no request yet"
        finally:
            core.PrometheusHandler._collectors = before
            REGISTRY.unregister(made)
