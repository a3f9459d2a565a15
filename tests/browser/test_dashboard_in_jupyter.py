"""The dashboard's pages as JupyterLab shows them: through its proxy, and in the list of dask-labextension."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from typing import Any

import pytest
from distributed import Client, LocalCluster

from adaptive_dask import Learner1D, Runner
from adaptive_dask.dashboard.page import PARTS

from ..cluster import functions
from ..patience import TIMEOUT
from .jupyter_lab import PATIENCE, Lab


@pytest.fixture
def run(lab: Lab, client: Client) -> Iterator[Runner]:
    """A run that goes on for as long as somebody looks.

    It starts when JupyterLab has started, and with some points a second: pictures of more than 6,000 are thinned out,
    and have no row for each point any more.
    """
    runner = Runner(Learner1D(partial(functions.slow_peak, seconds=0.1), (-1, 1)), name="looked at")
    yield runner
    runner.cancel()
    runner.wait(TIMEOUT)


def wait_for_rows(frame: Any, rows: int) -> None:
    """Wait until a page's picture of a line has got more than so many points."""
    frame.wait_for_function(
        """(rows) => [...(window.Bokeh?.documents[0]?._all_models.values() ?? [])].some(
            (model) => model.type === "ColumnDataSource" && model.get_column("y0") && model.get_length() > rows)""",
        arg=rows,
        timeout=PATIENCE,
    )


def test_the_page_follows_a_run_behind_a_proxy_with_a_prefix(
    run: Runner, cluster: LocalCluster, page: Any, lab: Lab
) -> None:
    port = cluster.scheduler.http_server.port
    sockets: list[str] = []
    page.on("websocket", lambda socket: sockets.append(socket.url))
    page.goto(f"{lab.url}proxy/{port}/adaptive?token={lab.token}")
    page.locator(".slick-row", has_text="looked at").wait_for(timeout=PATIENCE)
    wait_for_rows(page, run.learner.npoints + 20)
    assert sockets
    assert all(f"/proxy/{port}/adaptive/ws" in socket for socket in sockets)
    menu = page.locator("a", has_text="Workers").first.evaluate("(link) => link.href")
    assert menu.startswith(f"{lab.url}proxy/{port}/workers")


def test_the_extension_for_dask_lists_the_plots_and_opens_one(
    run: Runner, cluster: LocalCluster, page: Any, lab: Lab
) -> None:
    notebook = lab.open(page, ["1 + 1"], name="extension")
    page.evaluate("jupyterapp.shell.activateById('dask-dashboard-launcher')")
    address = page.locator(".dask-DaskSidebar input").first
    address.fill(f"http://127.0.0.1:{cluster.scheduler.http_server.port}/")
    address.press("Enter")
    for name in PARTS:
        button = page.get_by_role("button", name=f"Adaptive {name.replace('-', ' ').title()}", exact=True)
        button.wait_for(timeout=PATIENCE)
    page.get_by_role("button", name="Adaptive Samples", exact=True).click()
    frame = page.locator("iframe[src*='individual-adaptive-samples']")
    frame.wait_for(timeout=PATIENCE)
    wait_for_rows(frame.element_handle().content_frame(), 20)
    notebook.screenshot("dask_labextension")
