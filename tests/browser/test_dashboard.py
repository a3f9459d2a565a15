"""The dashboard's pages in a browser, served by a real scheduler."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import pytest
from distributed import Client, LocalCluster

from adaptive_dask import Learner1D, Runner

from ..cluster import functions
from ..cluster.conftest import TIMEOUT, assert_clean

PATIENCE = 1000 * TIMEOUT  # of the browser, in milliseconds


@pytest.fixture(scope="module")
def cluster() -> Iterator[LocalCluster]:
    with LocalCluster(
        n_workers=1, threads_per_worker=2, processes=True, host="127.0.0.1", dashboard_address="127.0.0.1:0"
    ) as cluster:
        yield cluster


@pytest.fixture
def client(cluster: LocalCluster) -> Iterator[Client]:
    with Client(cluster) as client:
        yield client
        assert_clean(cluster)


def address_of(cluster: LocalCluster) -> str:
    return f"http://127.0.0.1:{cluster.scheduler.http_server.port}/"


def row_of(page: Any, name: str) -> Any:
    """The row of a run in the table."""
    return page.locator(".slick-row", has_text=name)


def test_the_page_lists_runs_and_follows_them(client: Client, cluster: LocalCluster, page: Any) -> None:
    first = Runner(Learner1D(functions.peak, (-1, 1)), npoints_goal=50, name="first")
    page.goto(address_of(cluster) + "adaptive")
    row_of(page, "first").wait_for(timeout=PATIENCE)
    first.wait(TIMEOUT)
    row_of(page, "finished").wait_for(timeout=PATIENCE)
    assert re.search(r"Learner1D\s*finished\s*50", row_of(page, "first").inner_text())
    second = Runner(Learner1D(functions.peak, (-1, 1)), npoints_goal=60, name="second")
    second.wait(TIMEOUT)
    row_of(page, "second").filter(has_text="60").wait_for(timeout=PATIENCE)


def test_what_a_run_is_called_is_shown_and_not_run(client: Client, cluster: LocalCluster, page: Any) -> None:
    name = "<img src=x onerror='window.hacked = 1'><b>bold</b> $$x$$ {{ x }}"
    Runner(Learner1D(functions.peak, (-1, 1)), npoints_goal=5, name=name).wait(TIMEOUT)
    page.goto(address_of(cluster) + "adaptive")
    row_of(page, name).wait_for(timeout=PATIENCE)
    row_of(page, name).click()
    page.locator(".title", has_text=name).wait_for(timeout=PATIENCE)
    page.reload()  # the name is in the address now
    page.locator(".title", has_text=name).wait_for(timeout=PATIENCE)
    assert page.locator("img[src=x]").count() == 0
    assert page.evaluate("window.hacked") is None
