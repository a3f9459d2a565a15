"""live_info in a kernel: figures, buttons, and what is left afterwards."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

pytestmark = pytest.mark.long

RUN = "runner = adaptive.Runner(adaptive.Learner1D(slow, (-1, 1)), executor=ThreadPoolExecutor(2){}); "


def test_figures_follow_a_run_to_its_end(kernel: Any) -> None:
    kernel.run(RUN.format(", npoints_goal=60") + "runner.live_info()")
    assert any("application/vnd.jupyter.widget-view+json" in data for data in kernel.displayed)
    kernel.until(lambda: "finished" in kernel.figures)
    assert ">60<" in kernel.figures
    kernel.until(lambda: kernel.widgets[kernel.button("cancel")]["layout"])


def test_figures_change_while_a_cell_blocks(kernel: Any, tmp_path: Path) -> None:
    kernel.run(RUN.format("") + "runner.live_info(update_interval=0.05)")
    seen = set()

    def many() -> bool:
        seen.add(kernel.figures)
        return len(seen) > 4

    with kernel.at_work(tmp_path / "stop"):
        kernel.until(many)
    kernel.run("runner.cancel()")
    kernel.until(lambda: "cancelled" in kernel.figures)


def test_the_cancel_button_cancels(kernel: Any) -> None:
    kernel.run(RUN.format("") + "runner.live_info()")
    kernel.click("cancel")
    kernel.until(lambda: "cancelled" in kernel.figures)
    assert kernel.run("print(runner.status())") == "cancelled\n"


def test_a_runner_is_shown_as_it_stands(kernel: Any) -> None:
    kernel.run(RUN.format(", npoints_goal=20, name='<b>mine</b>'") + "runner.wait()")
    kernel.run("runner")
    html = kernel.displayed[-1]["text/html"]
    assert ">20<" in html
    assert "finished" in html
    assert "&lt;b&gt;mine" in html
    assert not kernel.widgets


def test_an_update_that_fails_is_not_the_last(kernel: Any) -> None:
    code = """
from adaptive_dask.notebook import info
def describe(*args):
    if fails: raise ValueError("mine")
    return was(*args)
was, info.describe, fails = info.describe, describe, True
"""
    kernel.run(code + RUN.format("") + "runner.live_info(update_interval=0.05)")
    widget = "info.LiveInfo.of(runner._run)"
    kernel.run(f"while 'mine' not in {widget}._error: time.sleep(0.01)\nfails = False")
    kernel.until(lambda: "running" in kernel.figures)
    kernel.run("info.describe = was; runner.cancel()")
    kernel.until(lambda: "cancelled" in kernel.figures)


def test_the_table_of_many_runs_follows_them(kernel: Any) -> None:
    kernel.run(
        "from distributed import Client\n"
        "client = Client(processes=False, dashboard_address='127.0.0.1:0')\n"
        "learners = [adaptive.Learner1D(slow, (-1, 1)) for _ in range(3)]\n"
        "runs = adaptive.run_many(learners, npoints_goal=30, name='scan')\n"
        "runs.live_info(update_interval=0.05)"
    )
    kernel.until(lambda: any("3 finished" in str(state.get("value")) for state in kernel.widgets.values()))
    kernel.run("client.close()")
