"""The scheduler serves pages and numbers, whatever dashboard it has; and hosts runs without any."""

from __future__ import annotations

import json
import logging
import sys
from pathlib import Path
from typing import Any

import dask
import pytest
from distributed import Client, Scheduler, Worker
from distributed.security import Security
from tornado.httpclient import AsyncHTTPClient, HTTPClientError

from adaptive_dask import Learner1D, Runner

from ..cluster import functions
from ..patience import TIMEOUT


async def fetch(scheduler: Scheduler, path: str, scheme: str = "http") -> str:
    url = f"{scheme}://127.0.0.1:{scheduler.http_server.port}{path}"
    reply = await AsyncHTTPClient().fetch(url, request_timeout=TIMEOUT, validate_cert=False)
    return reply.body.decode()


class Cluster:
    """A scheduler and a worker in this process."""

    def __init__(self, **options: Any) -> None:
        standard = {"protocol": "tcp", "host": "127.0.0.1", "port": 0, "dashboard_address": "127.0.0.1:0"}
        self._options = {**standard, **options}
        self._security = {name: options[name] for name in ("security",) if name in options}

    async def __aenter__(self) -> tuple[Scheduler, Client]:
        self.scheduler = await Scheduler(**self._options)
        address, security = self.scheduler.address, self._security
        self.worker = await Worker(address, nthreads=2, dashboard_address="127.0.0.1:0", **security)
        self.client = await Client(address, asynchronous=True, set_as_default=False, **security)
        return self.scheduler, self.client

    async def __aexit__(self, *_: Any) -> None:
        await self.client.close()
        await self.worker.close()
        await self.scheduler.close()


def start(client: Client, **options: Any) -> Runner:
    return Runner(Learner1D(functions.peak, (-1, 1)), npoints_goal=20, executor=client, **options)


async def test_numbers_and_list_of_plots() -> None:
    async with Cluster() as (scheduler, client):
        runner = start(client, name='na"me</script>')
        await runner.task
        assert str(runner.dashboard_link).endswith("/adaptive?run=na%22me%3C%2Fscript%3E")
        assert str(runner.dashboard_link) in repr(runner)
        (run,) = json.loads(await fetch(scheduler, "/adaptive.json"))["runs"]
        assert (run["name"], run["points"], run["status"]) == ('na"me</script>', 20, "finished")
        assert run["evaluated"] == 20
        lines = (await fetch(scheduler, "/metrics")).splitlines()
        assert 'dask_adaptive_points{learner="Learner1D",run="na\\"me</script>"} 20.0' in lines
        assert 'dask_adaptive_evaluated_total{learner="Learner1D",run="na\\"me</script>"} 20.0' in lines
        assert 'dask_adaptive_runs{status="finished"} 1.0' in lines
        plots = json.loads(await fetch(scheduler, "/individual-plots.json"))
        assert plots["Individual Adaptive Runs"] == "/individual-adaptive-runs"
        page = await fetch(scheduler, "/status")
        assert 'href="adaptive"' in page
        assert 'href="individual-adaptive-runs"' in page
        assert "Bokeh" in await fetch(scheduler, "/individual-adaptive-runs")


@pytest.mark.long
async def test_nothing_of_a_request_is_in_the_answer() -> None:
    """No JSONP: a page of another site could read it as a script, and have any text in it."""
    async with Cluster() as (scheduler, client):
        await start(client).task
        plain = json.loads(await fetch(scheduler, "/adaptive.json"))
        for query in ("callback=alert", "jsonp=alert", "callback=%1b%0d%0aalert:1", "cb=%3Cscript%3Ealert"):
            url = f"http://127.0.0.1:{scheduler.http_server.port}/adaptive.json?{query}"
            reply = await AsyncHTTPClient().fetch(url, request_timeout=TIMEOUT)
            assert "alert" not in f"{dict(reply.headers)} {reply.body.decode()}"
            assert json.loads(reply.body)["runs"][0].keys() == plain["runs"][0].keys()
            assert reply.headers["Content-Type"].startswith("application/json")
            assert reply.headers["X-Content-Type-Options"] == "nosniff"
            for page in ("/metrics", "/adaptive"):
                assert "alert" not in await fetch(scheduler, f"{page}?{query}")


async def test_metrics_are_those_of_the_scheduler_that_is_asked() -> None:
    async with Cluster() as (one, client), Cluster() as (other, another_client):
        await start(client, name="here").task
        await fetch(one, "/metrics")
        await start(another_client, name="there").task
        for scheduler, mine, others in ((one, "here", "there"), (other, "there", "here"), (one, "here", "there")):
            metrics = await fetch(scheduler, "/metrics")
            assert f'run="{mine}"' in metrics
            assert f'run="{others}"' not in metrics


async def test_a_prefix_is_kept() -> None:
    async with Cluster(http_prefix="/user/me/") as (scheduler, client):
        await start(client, name="scan").task
        assert '"scan"' in await fetch(scheduler, "/user/me/adaptive.json")
        page = await fetch(scheduler, "/user/me/adaptive")
        assert 'id="adaptive"' in page
        assert 'href="/' not in page.replace('href="/user/me/', "")
        with pytest.raises(HTTPClientError, match="404"):
            await fetch(scheduler, "/adaptive.json")


async def test_numbers_and_page_where_all_is_encrypted(tmp_path: Path) -> None:
    pytest.importorskip("cryptography", reason="temporary certificates are made by it")
    security = Security.temporary()
    key, cert = tmp_path / "key.pem", tmp_path / "cert.pem"
    key.write_text(security.tls_scheduler_key)
    cert.write_text(security.tls_scheduler_cert)
    with dask.config.set(
        {
            "distributed.scheduler.dashboard.tls.key": str(key),
            "distributed.scheduler.dashboard.tls.cert": str(cert),
        }
    ):
        async with Cluster(protocol="tls", security=security) as (scheduler, client):
            runner = start(client, name="secret")
            await runner.task
            assert client.scheduler.address.startswith("tls://")
            assert str(runner.dashboard_link).endswith("/adaptive?run=secret")
            assert '"secret"' in await fetch(scheduler, "/adaptive.json", scheme="https")
            assert 'id="adaptive"' in await fetch(scheduler, "/adaptive", scheme="https")
            with pytest.raises(Exception):  # noqa: B017, PT011, whatever a refused handshake is
                await fetch(scheduler, "/adaptive.json")


async def test_a_second_registration_adds_nothing() -> None:
    from adaptive_dask.dashboard import serve_pages

    async with Cluster() as (scheduler, client):
        await start(client).task
        before = len(scheduler.http_application.applications), len(scheduler.http_application.wildcard_router.rules)
        serve_pages(scheduler)
        after = len(scheduler.http_application.applications), len(scheduler.http_application.wildcard_router.rules)
        assert before == after
        assert (await fetch(scheduler, "/status")).count('href="adaptive"') == 1


async def test_a_preloaded_host_serves_from_the_start() -> None:
    scheduler = await Scheduler(
        protocol="tcp",
        host="127.0.0.1",
        port=0,
        dashboard_address="127.0.0.1:0",
        preload=["adaptive_dask.cluster.scheduler"],
    )
    try:
        assert json.loads(await fetch(scheduler, "/adaptive.json")) == {"runs": []}
        assert 'id="adaptive"' in await fetch(scheduler, "/adaptive")
    finally:
        await scheduler.close()


async def test_without_a_dashboard_runs_go_on(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING, "adaptive_dask"):
        async with Cluster(dashboard=False) as (scheduler, client):
            runner = start(client, name="scan")
            await runner.task
            assert runner.dashboard_link is None
            assert "http" not in repr(runner)
            assert '"scan"' in await fetch(scheduler, "/adaptive.json")
            with pytest.raises(HTTPClientError, match="404"):
                await fetch(scheduler, "/adaptive")
    assert [r.message for r in caplog.records if "no pages" in r.message] == [
        "The dashboard is switched off: no pages about adaptive runs but /adaptive.json"
    ]


async def test_a_preloaded_host_without_a_dashboard_says_so_once(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING, "adaptive_dask"):
        async with Cluster(dashboard=False, preload=["adaptive_dask.cluster.scheduler"]):
            assert len([r for r in caplog.records if "no pages" in r.message]) == 1


async def test_without_bokeh_runs_go_on(caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "bokeh.server.tornado", None)
    with caplog.at_level(logging.WARNING, "adaptive_dask"):
        async with Cluster(dashboard=False) as (scheduler, client):
            runner = start(client, name="scan")
            await runner.task
            assert runner.dashboard_link is None
            assert '"scan"' in await fetch(scheduler, "/adaptive.json")
    assert len([r for r in caplog.records if "lacks Bokeh" in r.message]) == 1


async def test_pages_that_fail_do_not_keep_runs_from_starting(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "adaptive_dask.dashboard", None)
    async with Cluster() as (_, client):
        runner = start(client)
        await runner.task
        assert runner.dashboard_link is None
    assert len([r for r in caplog.records if "will not show adaptive runs" in r.message]) == 1
