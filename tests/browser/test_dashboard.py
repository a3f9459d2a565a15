"""The dashboard's pages in a browser, served by a real scheduler."""

from __future__ import annotations

import gc
import math
import os
import random
import re
import statistics
import subprocess
import sys
import time
from functools import partial
from typing import Any

import numpy as np
import pytest
from distributed import Client, LocalCluster

from adaptive_dask import AverageLearner, Learner1D, Learner2D, Runner
from adaptive_dask.dashboard.page import PARTS

from ..benchmarks.dashboard_cost import LoopTimes, wait_until_forgotten
from ..cluster import functions
from ..patience import TIMEOUT
from .jupyter_lab import PATIENCE


def address_of(cluster: LocalCluster) -> str:
    return f"http://127.0.0.1:{cluster.scheduler.http_server.port}/"


def row_of(page: Any, name: str) -> Any:
    """The row of a run in the table."""
    return page.locator(".slick-row", has_text=name)


def click_on_row(page: Any, name: str) -> None:
    """Click on a row of a table that is drawn again all the time: it is found and clicked in one step."""
    page.wait_for_function(
        """(name) => {
            const view = Bokeh.index.find_one_by_id(Bokeh.documents[0].get_model_by_name("runs").id);
            const rows = Array.from(view.shadow_el.querySelectorAll(".slick-row"));
            const row = rows.find((row) => row.innerText.includes(name));
            row?.querySelector(".slick-cell").click();
            return row !== undefined;
        }""",
        arg=name,
        timeout=PATIENCE,
    )


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


def test_a_click_on_a_title_sorts(client: Client, cluster: LocalCluster, page: Any) -> None:
    for name, npoints in (("sorted few", 5), ("sorted most", 30), ("sorted some", 12)):
        Runner(Learner1D(functions.peak, (-1, 1)), npoints_goal=npoints, name=name).wait(TIMEOUT)
    page.goto(address_of(cluster) + "adaptive")
    row_of(page, "sorted most").wait_for(timeout=PATIENCE)
    in_order = """(names) => {
        const view = Bokeh.index.find_one_by_id(Bokeh.documents[0].get_model_by_name("runs").id);
        const rows = Array.from(view.shadow_el.querySelectorAll(".slick-row"));
        rows.sort((a, b) => a.offsetTop - b.offsetTop);
        const found = rows.map((row) => row.innerText).filter((text) => text.includes("sorted "));
        return found.length === 3 && names.every((name, i) => found[i].includes(name));
    }"""
    page.wait_for_function(in_order, arg=["some", "most", "few"], timeout=PATIENCE)  # the newest first
    title = page.locator(".slick-header-column", has_text="points").first
    title.click()
    page.wait_for_function(in_order, arg=["few", "some", "most"], timeout=PATIENCE)
    title.click()
    page.wait_for_function(in_order, arg=["most", "some", "few"], timeout=PATIENCE)
    row_of(page, "sorted some").click()
    page.locator(".title", has_text="sorted some").wait_for(timeout=PATIENCE)


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


def drawn(page: Any, field: str = "y0") -> int:
    """How many points the picture of a line has in the browser."""
    return page.evaluate(
        """(field) => {
            const sources = Bokeh.documents[0].all_models ?? Bokeh.documents[0]._all_models.values();
            for (const model of sources)
                if (model.type === "ColumnDataSource" && model.get_column(field)) return model.get_length();
            return 0;
        }""",
        field,
    )


def wait_until_drawn(page: Any, npoints: int) -> None:
    deadline = time.monotonic() + TIMEOUT
    while drawn(page) < npoints:
        assert time.monotonic() < deadline, f"{drawn(page)} of {npoints} points are drawn"
        page.wait_for_timeout(100)


def test_samples_and_charts_follow_the_run(client: Client, cluster: LocalCluster, page: Any) -> None:
    # So few points, however long the page takes, that all of them can be drawn.
    runner = Runner(Learner1D(partial(functions.slow_peak, seconds=0.1), (-1, 1)), name="slow", ntasks=1)
    page.goto(str(runner.dashboard_link))
    page.wait_for_function("Bokeh.documents.length > 0 && Bokeh.documents[0].is_idle", timeout=PATIENCE)
    page.locator(".card.samples canvas").first.wait_for(timeout=PATIENCE)
    wait_until_drawn(page, drawn(page) + 20)
    assert runner.status() == "running"
    runner.cancel()
    runner.wait(TIMEOUT)
    row_of(page, "cancelled").wait_for(timeout=PATIENCE)
    wait_until_drawn(page, runner.learner.npoints)
    assert page.locator(".failures", has_text="No evaluation has failed").count() == 1


# Milliseconds from a result's arrival at the scheduler until the browser has it.
PROMPT = 1000


@pytest.mark.parametrize("kind", ["1D", "2D"])
def test_points_are_drawn_within_a_second(kind: str, client: Client, cluster: LocalCluster, page: Any) -> None:
    learner = Learner1D(math.sin, (-1, 1)) if kind == "1D" else Learner2D(math.hypot, [(-1, 1)] * 2)
    runner = Runner(learner, npoints_goal=10**6, name=f"prompt {kind}", ntasks=1)
    runner.pause()
    page.goto(str(runner.dashboard_link))
    page.locator(".card.samples canvas").first.wait_for(timeout=PATIENCE)
    page.evaluate(
        """() => {
            const wire = Bokeh.documents[0].get_model_by_name("wire");
            window.noted = [];  // [milliseconds, text] of every note with a number of points
            wire.properties.tags.change.connect(() => {
                for (const [what, , value] of wire.tags.flatMap((frame) => JSON.parse(frame)))
                    if (what === "put" && / points/.test(value.text)) window.noted.push([Date.now(), value.text]);
            });
        }"""
    )
    took = []
    rng = random.Random(1)
    for _ in range(5):
        points: Any = [
            rng.uniform(-1, 1) if kind == "1D" else (rng.uniform(-1, 1), rng.uniform(-1, 1)) for _ in range(100)
        ]
        before = page.evaluate("window.noted.length")
        begin = time.time()
        runner.tell_many(points, [1.0] * len(points))
        page.wait_for_function("(before) => window.noted.length > before", arg=before, timeout=PATIENCE)
        took.append(page.evaluate("window.noted.at(-1)[0]") - 1000 * begin)
    runner.cancel()
    runner.wait(TIMEOUT)
    assert statistics.median(took) < PROMPT * (3 if os.environ.get("CI") == "true" else 1)


def test_failures_are_shown_with_their_traceback(client: Client, cluster: LocalCluster, page: Any) -> None:
    runner = Runner(Learner1D(functions.raises_on_the_right, (-1, 1)), npoints_goal=50, name="fails")
    runner.wait(TIMEOUT)
    page.goto(str(runner.dashboard_link))
    summary = page.locator(".failures summary").first
    summary.wait_for(timeout=PATIENCE)
    assert "ArithmeticError: cannot do" in summary.inner_text()
    summary.click()
    page.locator(".failures pre", has_text="Traceback").first.wait_for(timeout=PATIENCE)
    assert "failed" in page.locator(".header .title").inner_text()


def test_a_traceback_stays_open_when_more_fails(client: Client, cluster: LocalCluster, page: Any) -> None:
    runner = Runner(Learner1D(functions.raises_on_the_right, (-1, 1)), npoints_goal=50, name="fails twice")
    runner.wait(TIMEOUT)
    page.goto(str(runner.dashboard_link))
    page.locator(".failures summary").first.wait_for(timeout=PATIENCE)
    page.locator(".failures summary").first.click()
    page.locator(".failures details[open]").wait_for(timeout=PATIENCE)
    opened = page.locator(".failures details[open] summary").inner_text()
    page.evaluate(
        """() => {
            const list = Bokeh.documents[0].get_model_by_name("failures");
            const text = `<details data-key="new"><summary>new</summary></details>${list.text}`;
            Bokeh.documents[0].get_model_by_name("wire").tags = [JSON.stringify([["put", list.id, { text }]])];
        }"""
    )
    page.locator(".failures summary", has_text="new").wait_for(timeout=PATIENCE)
    page.locator(".failures details[open]").wait_for(timeout=PATIENCE)
    assert page.locator(".failures details[open] summary").inner_text() == opened


def test_a_part_that_cannot_be_drawn_says_so(client: Client, cluster: LocalCluster, page: Any) -> None:
    def spoil(dask_scheduler: Any) -> None:
        dask_scheduler.plugins["adaptive"].runs["spoiled"].history.losses = None

    for name in ("good", "spoiled"):
        Runner(Learner1D(functions.peak, (-1, 1)), npoints_goal=5, name=name).wait(TIMEOUT)
    client.run_on_scheduler(spoil)
    page.goto(address_of(cluster) + "adaptive?run=spoiled")
    page.locator(".loss .trouble", has_text="cannot be drawn").wait_for(timeout=PATIENCE)
    row_of(page, "good").click()
    page.locator(".loss .trouble").wait_for(state="hidden", timeout=PATIENCE)
    page.locator(".card.loss canvas").first.wait_for(timeout=PATIENCE)


def test_pictures_that_were_replaced_are_let_go(client: Client, cluster: LocalCluster, page: Any) -> None:
    runners = {
        name: Runner(learner, npoints_goal=30, name=name)
        for name, learner in {
            "of a line": Learner1D(functions.peak, (-1, 1)),
            "of a mean": AverageLearner(math.sin, rtol=1e-9),
        }.items()
    }
    for runner in runners.values():
        runner.wait(TIMEOUT)
    page.goto(address_of(cluster) + "adaptive")
    labels = {"of a line": "x", "of a mean": "samples"}
    size = "Bokeh.documents[0]._all_models.size"
    sizes = []
    for name in [*labels] * 5:
        row_of(page, name).click()
        page.wait_for_function(
            """(label) => {
                const samples = Bokeh.documents[0].get_model_by_name("samples");
                const figure = samples.children[1];
                return figure?.visible && figure.below[0].axis_label === label;
            }""",
            arg=labels[name],
            timeout=PATIENCE,
        )
        sizes.append(page.evaluate(size))
    page.wait_for_function(f"{size} <= {min(sizes[:2])}", timeout=PATIENCE)
    assert max(sizes) < 2 * min(sizes)


def test_an_empty_page_says_what_to_do_and_fills(client: Client, cluster: LocalCluster, page: Any) -> None:
    Runner(Learner1D(functions.peak, (-1, 1)), npoints_goal=5).wait(TIMEOUT)  # registers the host
    client.run_on_scheduler(lambda dask_scheduler: dask_scheduler.plugins["adaptive"].runs.clear())
    page.goto(address_of(cluster) + "adaptive")
    page.get_by_text("There are no runs on this scheduler yet.").wait_for(timeout=PATIENCE)
    Runner(Learner1D(functions.peak, (-1, 1)), npoints_goal=5, name="first of all").wait(TIMEOUT)
    row_of(page, "first of all").wait_for(timeout=PATIENCE)
    page.locator(".card.loss canvas").first.wait_for(timeout=PATIENCE)


def test_the_theme_is_that_of_the_system_or_the_chosen_one(client: Client, cluster: LocalCluster, page: Any) -> None:
    Runner(Learner1D(functions.peak, (-1, 1)), npoints_goal=5, name="themed").wait(TIMEOUT)
    page.emulate_media(color_scheme="dark")
    page.goto(address_of(cluster) + "adaptive")
    row_of(page, "themed").wait_for(timeout=PATIENCE)
    label = "[...Bokeh.documents[0]._all_models.values()].find((m) => m.type === 'LogAxis').axis_label_text_color"
    page.wait_for_function(f"{label} === '#e4e4e4'", timeout=PATIENCE)
    page.locator("#adaptive-theme").click()
    page.wait_for_function(f"{label} === '#333333'", timeout=PATIENCE)
    page.reload()
    row_of(page, "themed").wait_for(timeout=PATIENCE)
    assert page.evaluate("document.documentElement.dataset.theme") == "light"


def test_every_single_plot_opens(client: Client, cluster: LocalCluster, page: Any) -> None:
    Runner(Learner1D(functions.peak, (-1, 1)), npoints_goal=50, name="single").wait(TIMEOUT)
    for name in PARTS:
        page.goto(address_of(cluster) + f"individual-adaptive-{name}?run=single&theme=dark")
        page.wait_for_function("Bokeh.documents.length > 0 && Bokeh.documents[0].is_idle", timeout=PATIENCE)


def test_a_single_plot_says_whose_it_is_and_has_the_systems_theme(
    client: Client, cluster: LocalCluster, page: Any
) -> None:
    name = "<i>alone</i>"
    Runner(Learner1D(functions.peak, (-1, 1)), npoints_goal=50, name=name).wait(TIMEOUT)
    page.emulate_media(color_scheme="dark")
    page.goto(address_of(cluster) + "individual-adaptive-samples")
    page.locator(".title b", has_text=name).wait_for(timeout=PATIENCE)
    page.locator(".plot canvas").first.wait_for(timeout=PATIENCE)
    label = "[...Bokeh.documents[0]._all_models.values()].find((m) => m.type === 'LinearAxis').axis_label_text_color"
    page.wait_for_function(f"{label} === '#e4e4e4'", timeout=PATIENCE)
    client.run_on_scheduler(lambda dask_scheduler: dask_scheduler.plugins["adaptive"].runs.clear())
    page.get_by_text("There are no runs on this scheduler yet.").wait_for(timeout=PATIENCE)


def test_proxies_without_websockets_leave_the_numbers(client: Client, cluster: LocalCluster, page: Any) -> None:
    name = "<b>plain</b>"
    Runner(Learner1D(functions.peak, (-1, 1)), npoints_goal=5, name=name).wait(TIMEOUT)
    page.add_init_script("window.WebSocket = class { close() {} }")  # one that never opens
    page.goto(address_of(cluster) + "adaptive")
    page.locator("#adaptive-fallback td", has_text=name).wait_for(timeout=PATIENCE)


def test_plots_that_come_late_are_shown(client: Client, cluster: LocalCluster, page: Any) -> None:
    Runner(Learner1D(functions.peak, (-1, 1)), npoints_goal=5, name="late").wait(TIMEOUT)
    page.add_init_script(
        """const Real = WebSocket;
        const gate = new Promise((open) => { window.open_gate = open; });
        window.WebSocket = class {
            constructor(...args) {
                gate.then(() => Object.assign(this.real = new Real(...args), {
                    binaryType: this.binaryType, onopen: this.onopen, onmessage: this.onmessage,
                    onclose: this.onclose, onerror: this.onerror }));
            }
            send(...args) { this.real.send(...args); }
            close() { this.real?.close(); }
            get readyState() { return this.real?.readyState ?? 0; }
        };"""
    )
    page.goto(address_of(cluster) + "adaptive")
    page.locator("#adaptive-fallback td", has_text="late").wait_for(timeout=PATIENCE)
    page.evaluate("window.open_gate()")
    row_of(page, "late").wait_for(timeout=PATIENCE)
    page.locator("#adaptive-fallback").wait_for(state="hidden", timeout=PATIENCE)
    page.locator("#adaptive-message").wait_for(state="hidden", timeout=PATIENCE)
    page.locator(".card.loss canvas").first.wait_for(timeout=PATIENCE)


def test_the_page_comes_back_with_the_scheduler(browser: Any) -> None:
    script = """
import asyncio, sys
from distributed import Scheduler

async def main():
    async with Scheduler(host="127.0.0.1", port=0, dashboard_address=f"127.0.0.1:{sys.argv[1]}",
                         preload=["adaptive_dask.cluster.scheduler"]) as scheduler:
        print(scheduler.http_server.port, flush=True)
        await asyncio.to_thread(sys.stdin.read)

asyncio.run(main())
"""

    def start(port: int) -> tuple[subprocess.Popen[str], int]:
        process = subprocess.Popen(
            [sys.executable, "-c", script, str(port)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        )
        assert process.stdout is not None
        return process, int(process.stdout.readline())

    def stop(process: subprocess.Popen[str]) -> None:
        process.communicate("", timeout=TIMEOUT)

    process, port = start(0)
    page = browser.new_page()
    try:
        page.goto(f"http://127.0.0.1:{port}/adaptive")
        page.get_by_text("There are no runs").wait_for(timeout=PATIENCE)
        page.evaluate("window.before = 1")
        stop(process)
        page.get_by_text("The scheduler does not answer").wait_for(timeout=PATIENCE)
        process, again = start(port)
        assert again == port
        page.wait_for_function("window.before === undefined", timeout=PATIENCE)
        page.get_by_text("There are no runs").wait_for(timeout=PATIENCE)
    finally:
        page.close()
        stop(process)


def test_the_page_is_whole_where_panel_was_loaded(client: Client, cluster: LocalCluster, page: Any) -> None:
    """As in a notebook with HoloViews and a LocalCluster: Panel changes what Bokeh's server sends, for all pages."""
    pytest.importorskip("panel")
    Runner(Learner1D(functions.peak, (-1, 1)), npoints_goal=50, name="beside panel").wait(TIMEOUT)
    page.goto(address_of(cluster) + "adaptive")
    row_of(page, "beside panel").wait_for(timeout=PATIENCE)
    page.locator(".card.loss canvas").first.wait_for(timeout=PATIENCE)
    page.goto(address_of(cluster) + "individual-adaptive-loss")
    page.locator("canvas").first.wait_for(timeout=PATIENCE)


def test_a_hundred_runs_and_a_million_points_leave_the_event_loop_free(
    client: Client, cluster: LocalCluster, page: Any
) -> None:
    """The page answers, and no turn of the scheduler's event loop takes long: in processor time, generously."""
    names = [f"crowd {i}" for i in range(99)]
    runners = [Runner(Learner1D(functions.peak, (-1, 1)), npoints_goal=10**6, name=name) for name in names]
    for runner in runners:
        runner.pause()
    learner = Learner1D(functions.peak, (-1, 1))
    xs = np.random.default_rng(0).uniform(-1, 1, 1_000_000)
    learner.tell_many(xs, np.sin(20 * xs))
    runners.append(Runner(learner, npoints_goal=10**8, name="a million", ntasks=1))
    page.goto(address_of(cluster) + "adaptive?run=a%20million")
    page.locator(".samples", has_text="Samples").wait_for(timeout=PATIENCE)
    page.wait_for_function(
        """() => Array.from(Bokeh.documents[0]?._all_models.values() ?? [])
            .some((model) => model.type === "Title" && /1,0..,... points/.test(model.text))""",
        timeout=PATIENCE,
    )
    gc.disable()  # Python collects when it likes; what is asked for is collected all the same
    try:
        with LoopTimes() as loop:
            for name in ("crowd 98", "a million"):
                click_on_row(page, name)
                page.locator(".title", has_text=name).wait_for(timeout=PATIENCE)
            page.wait_for_timeout(5000)  # ten frames
            page.goto("about:blank")
            wait_until_forgotten(cluster)
            client.run_on_scheduler(int)  # the turn in which the page was forgotten is over
    finally:
        gc.enable()
    for runner in runners:
        runner.cancel()
    for runner in runners:
        runner.wait(TIMEOUT)
    assert max(loop.times["all"]) < 0.2 * (3 if os.environ.get("CI") == "true" else 1), dict(loop.times)


def test_a_page_that_is_open_for_long_does_not_grow(client: Client, cluster: LocalCluster, page: Any) -> None:
    """Hundreds of frames, and the browser needs no more memory; test_samples.py has the side of the server."""
    runner = Runner(Learner1D(functions.slow_peak, (-1, 1)), name="long")
    page.goto(str(runner.dashboard_link))
    page.locator(".card.samples canvas").first.wait_for(timeout=PATIENCE)
    page.wait_for_function("Bokeh.documents[0].get_model_by_name('wire').tags.length > 0", timeout=PATIENCE)
    page.evaluate(
        """() => {
            const wire = Bokeh.documents[0].get_model_by_name("wire");
            window.frames_seen = [];
            wire.properties.tags.change.connect(() => window.frames_seen.push(wire.tags));
        }"""
    )
    page.wait_for_function("window.frames_seen.length > 10", timeout=PATIENCE)
    runner.cancel()
    runner.wait(TIMEOUT)
    sizes = []
    for _ in range(3):
        page.evaluate(
            """async () => {
                const wire = Bokeh.documents[0].get_model_by_name("wire");
                const frames = window.frames_seen.slice(0, 10);
                for (let i = 0; i < 250; i++) {
                    wire.tags = [...frames[i % 10]];
                    if (i % 40 === 0) await new Promise(requestAnimationFrame);
                }
            }"""
        )
        page.request_gc()
        sizes.append(page.evaluate("performance.memory.usedJSHeapSize"))
    assert sizes[2] < 1.3 * sizes[0]
