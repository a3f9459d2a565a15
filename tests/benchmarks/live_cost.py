"""What live_info and live_plot cost a run, and how soon the first picture is there, in JupyterLab in Chromium.

    python -m tests.benchmarks.live_cost [--points 50000] [--repeat 5] [--interval 0.5]

Runs that are watched and runs that are not take turns in one kernel: on a cluster of this kernel with two worker
processes of a thread each, and on two threads of the kernel. The function does nothing, so that all that a run takes is
ours. The seconds are those from start to end of a run, and the processor seconds those of the kernel's process, with
the scheduler in it; the browser's are given apart, for it uses the same cores. A first picture is timed from the
command to run its cell until the browser has it. Wanted: at most 10 % more, and at most 2 s.
"""

from __future__ import annotations

import argparse
import shutil
import statistics
import tempfile
import time
from pathlib import Path
from typing import Any

import psutil
from playwright.sync_api import sync_playwright

from tests.benchmarks.reporting import print_row
from tests.browser.jupyter_lab import PATIENCE, Notebook, start_lab

SETUP = """
import time
from concurrent.futures import ThreadPoolExecutor
from distributed import Client
from IPython.display import display
import adaptive_dask as adaptive
adaptive.notebook_extension()
client = Client(n_workers=2, threads_per_worker=1, host="127.0.0.1", dashboard_address="127.0.0.1:0")
executors = {"cluster": client, "threads": ThreadPoolExecutor(2)}

def function(x):
    return x + 1e-4 / (1e-4 + x * x)

def begin(where, npoints):
    learner = adaptive.Learner1D(function, bounds=(-1, 1))
    return adaptive.Runner(learner, npoints_goal=npoints, executor=executors[where])
"""

RUN = """
wall, processor = time.perf_counter(), time.process_time()
runner = begin(where, npoints)
if is_watched:
    display(runner.live_info(update_interval=interval))
    display(runner.live_plot(update_interval=interval))
await runner.task
measured = time.perf_counter() - wall, time.process_time() - processor
"""

FIRST = """
processor = time.process_time()
display(runner.live_plot())
drawing = time.process_time() - processor
"""


def execute(notebook: Notebook, code: str) -> None:
    """Run code in the kernel that is in no cell."""
    notebook.page.evaluate(
        """async (code) => await jupyterapp.shell.currentWidget.sessionContext.session.kernel
            .requestExecute({ code, store_history: false }).done.then(() => null)""",
        code,
    )


def browser_seconds() -> float:
    """Processor seconds of all processes of the browser so far."""
    times = [each.cpu_times() for each in psutil.Process().children(recursive=True) if "chrom" in each.name()]
    return sum(each.user + each.system for each in times)


class Sides:
    """The runs of one notebook.

    Parameters
    ----------
    notebook : Notebook
        With the cells `SETUP`, `RUN` and `FIRST`.
    npoints : int
    interval : float
        Of the updates, in seconds.
    """

    def __init__(self, notebook: Notebook, npoints: int, interval: float) -> None:
        self._notebook = notebook
        self._npoints = npoints
        self._interval = interval

    def run(self, where: str, is_watched: bool) -> tuple[float, float, float]:
        """Seconds of a run, and processor seconds of the kernel and of the browser."""
        names = f"where, npoints, interval, is_watched = {(where, self._npoints, self._interval, is_watched)!r}"
        execute(self._notebook, names)
        before = browser_seconds()
        self._notebook.run(1)
        wall, processor = self._notebook.value("measured")
        return wall, processor, browser_seconds() - before

    def first_picture(self) -> tuple[float, float]:
        """Seconds from the start of a cell until its picture is in the browser, and the kernel's processor seconds."""
        self._notebook.page.evaluate("void jupyterapp.commands.execute('notebook:clear-all-cell-outputs')")
        begin = time.perf_counter()
        self._notebook.start(2)
        self._notebook.output(2).locator("canvas").first.wait_for(timeout=PATIENCE)
        seconds = time.perf_counter() - begin
        self._notebook.wait_for(2)
        return seconds, self._notebook.value("drawing")


def compare(sides: Sides, where: str, repeat: int) -> None:
    measured: dict[bool, list[tuple[float, float, float]]] = {False: [], True: []}
    firsts = []
    for turn in range(repeat):
        for is_watched in (False, True) if turn % 2 else (True, False):
            measured[is_watched].append(sides.run(where, is_watched))
        firsts.append(sides.first_picture())
    for i, what in enumerate(("seconds", "kernel s", "browser s")):
        alone, watched = ([each[i] for each in measured[side]] for side in (False, True))
        ratio = statistics.median(b / a for a, b in zip(alone, watched, strict=True))
        cells = [f"{statistics.median(own):.2f} ({min(own):.2f})" for own in (alone, watched)]
        print_row(f"{where}: {what}", *cells, f"{ratio:.2f}")
    for i, what in enumerate(("seconds", "processor s")):
        own = [each[i] for each in firsts]
        print_row(f"{where}: picture, {what}", "", f"{statistics.median(own):.2f} ({min(own):.2f})")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--points", type=int, default=50_000)
    parser.add_argument("--repeat", type=int, default=5)
    parser.add_argument("--interval", type=float, default=0.5)
    arguments = parser.parse_args()
    chromium = shutil.which("chromium") or shutil.which("google-chrome")
    with tempfile.TemporaryDirectory() as folder, start_lab(Path(folder)) as lab, sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox", "--disable-gpu"])
        page: Any = browser.new_page(viewport={"width": 1280, "height": 1300})
        notebook = lab.open(page, [SETUP, RUN, FIRST])
        notebook.run(0)
        sides = Sides(notebook, arguments.points, arguments.interval)
        print_row("median (fastest)", "alone", "watched", "ratio of pairs")
        for where in ("cluster", "threads"):
            sides.run(where, is_watched=True)  # what is loaded once is no cost of a run
            compare(sides, where, arguments.repeat)
        execute(notebook, "client.shutdown()")
        browser.close()


if __name__ == "__main__":
    main()
