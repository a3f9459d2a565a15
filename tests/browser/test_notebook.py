"""live_info and live_plot in a real JupyterLab: what a user sees in the page, and what is left in the kernel."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import pytest
from distributed import LocalCluster

from .jupyter_lab import PATIENCE, Lab, Notebook

START = """
import asyncio, os, time
from distributed import Client
import adaptive_dask as adaptive
adaptive.notebook_extension()
client = Client({address!r})

def slow(x):
    import time
    time.sleep(0.02)
    return x * x

def left():
    import gc, threading
    import panel
    from adaptive_dask.notebook.picture import LivePlot
    gc.collect()
    plots = sum(type(each) is LivePlot for each in gc.get_objects())
    threads = [thread.name for thread in threading.enumerate() if thread.name == "adaptive-live-plot"]
    views = [view for view, *_ in panel.state._views.values() if type(view).__name__ != "BrowserInfo"]
    return plots, len(threads), len(views), len(adaptive.active_plotting_tasks)
"""
RUN = 'runner = adaptive.Runner(adaptive.Learner1D(slow, (-1, 1)), name="live", log=True)'
ATTACH = 'runner = adaptive.attach("live")'
INFO = "runner.live_info()"
PLOT = "display(runner.live_plot(update_interval=0.2))"  # as a cell's last line IPython would keep it in Out
WORK = 'while not os.path.exists("stop"): {sleep}(0.05)\nos.remove("stop")'
END = "runner.cancel()\nrunner.wait()"

NOTHING = (0, 0, 0, 0)


@pytest.fixture(scope="module")
def notebook(browser: Any, lab: Lab, cluster: LocalCluster) -> Iterator[Notebook]:
    """One notebook for the tests of this file, which go on where the one before stopped."""
    context = browser.new_context(viewport={"width": 1280, "height": 1300})
    page = context.new_page()
    page.requested = []
    page.on("request", lambda request: page.requested.append(request.url))
    page.failures = []
    page.on("pageerror", lambda error: page.failures.append(str(error)))
    cells = [START.format(address=cluster.scheduler_address), RUN, INFO, PLOT, WORK.format(sleep="time.sleep")]
    cells += [WORK.format(sleep="await asyncio.sleep"), ATTACH, END]
    yield lab.open(page, cells, name="live")
    context.close()


FIRST, RUNNER, INFOS, PLOTS, BLOCK, AWAIT, ATTACHED, ENDED = range(8)


def drawn(notebook: Notebook) -> int:
    """How many points the title of the picture says it has; 0 without one."""
    titles = notebook.page.evaluate(
        """() => (window.Bokeh?.documents ?? []).flatMap(
            (document) => [...document._all_models.values()].filter((m) => m.type === "Title").map((m) => m.text))"""
    )
    numbers = [re.match(r"([\d,]+) points", title) for title in titles]
    return max((int(number[1].replace(",", "")) for number in numbers if number), default=0)


def told(notebook: Notebook) -> int:
    """How many points live_info says there are."""
    text = notebook.page.locator(".adaptive-info").first.inner_text()
    return int(re.search(r"points\s+([\d,]+)", text)[1].replace(",", ""))  # type: ignore[index]


def wait_for_more(notebook: Notebook, times: int = 3) -> None:
    """Wait until both have changed a few times."""
    for number in (drawn, told):
        for _ in range(times):
            before = number(notebook)
            notebook.until(lambda number=number, before=before: number(notebook) > before)


def wait_for_status(notebook: Notebook, status: str) -> None:
    notebook.page.locator(".adaptive-info .status", has_text=status).first.wait_for(timeout=PATIENCE)


def click(notebook: Notebook, button: str) -> None:
    notebook.page.get_by_role("button", name=button, exact=True).first.click()


def test_they_follow_a_run_while_the_kernel_is_idle(notebook: Notebook) -> None:
    notebook.run(FIRST, RUNNER, INFOS, PLOTS)
    wait_for_more(notebook)
    notebook.screenshot("notebook_idle")
    right, left = notebook.page.evaluate(
        """() => {
            const curve = document.querySelector(".adaptive-info .figures svg");
            const next = curve.closest(".figures > div").nextElementSibling;
            return [curve.getBoundingClientRect().right, next.getBoundingClientRect().left];
        }"""
    )
    assert right < left  # the curve of the loss lies over nothing


@pytest.mark.parametrize("cell", [BLOCK, AWAIT], ids=["blocks", "awaits"])
def test_they_follow_a_run_while_a_cell_is_at_work(notebook: Notebook, lab: Lab, cell: int) -> None:
    notebook.start(cell)
    notebook.until(lambda: notebook.is_running(cell))
    wait_for_more(notebook)
    assert notebook.is_running(cell)
    (lab.notebooks / "stop").touch()
    notebook.wait_for(cell)


def test_the_buttons(notebook: Notebook) -> None:
    click(notebook, "pause")
    wait_for_status(notebook, "paused")
    click(notebook, "resume")
    wait_for_status(notebook, "running")
    click(notebook, "show log")
    log = notebook.page.locator(".adaptive-info", has_text="calls to the learner")
    log.wait_for(timeout=PATIENCE)
    notebook.screenshot("notebook_log")
    click(notebook, "show log")
    log.wait_for(state="detached", timeout=PATIENCE)


def test_a_cell_that_is_run_again_leaves_nothing_of_before(notebook: Notebook) -> None:
    for _ in range(5):
        notebook.run(INFOS, PLOTS)
    notebook.wait_for_value("left()", (1, 1, 1, 1))
    wait_for_more(notebook)


def test_a_picture_that_is_cleared_or_deleted_is_drawn_no_more(notebook: Notebook) -> None:
    notebook.do(PLOTS, "notebook:clear-cell-output")
    notebook.wait_for_value("left()", NOTHING)
    notebook.run(PLOTS)
    wait_for_more(notebook)
    notebook.do(PLOTS, "notebook:delete-cell")
    notebook.wait_for_value("left()", NOTHING)
    notebook.do(PLOTS, "notebook:undo-cell-action")


def test_they_come_back_after_the_kernel_was_restarted(notebook: Notebook) -> None:
    notebook.restart_kernel()
    notebook.run(FIRST, ATTACHED, INFOS)
    curve = notebook.page.locator(".adaptive-info polyline").first.get_attribute("points", timeout=PATIENCE)
    assert len(curve.split()) > 20  # of the time before, too
    notebook.run(PLOTS)
    wait_for_more(notebook)
    notebook.screenshot("notebook_attached")


def test_the_cancel_button_and_the_end(notebook: Notebook) -> None:
    click(notebook, "cancel")
    wait_for_status(notebook, "cancelled")
    notebook.run(ENDED)
    npoints = notebook.value("runner.learner.npoints")
    notebook.until(lambda: drawn(notebook) == npoints == told(notebook))
    assert notebook.value("left()")[1] == 0
    notebook.screenshot("notebook_cancelled")


def test_nothing_came_from_elsewhere(notebook: Notebook, lab: Lab) -> None:
    elsewhere = [url for url in notebook.page.requested if not url.startswith((lab.url, "data:", "blob:"))]
    assert elsewhere == []
    assert notebook.page.failures == []
