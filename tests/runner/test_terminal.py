"""live_info_terminal: what its lines say, and how often they come."""

from __future__ import annotations

import fcntl
import io
import math
import os
import re
import struct
import termios
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import nbclient
import nbformat
import pytest

import adaptive_dask as adaptive
from adaptive_dask.run.progress import ProgressHistory
from adaptive_dask.runner import terminal
from adaptive_dask.runner.terminal import Shown, TerminalInfo, info_line, shown_runs

from ..patience import TIMEOUT, wait_until


class Screen(io.StringIO):
    """Standard output that is a terminal."""

    def isatty(self) -> bool:
        return True


def slow(x: float) -> float:
    time.sleep(0.002)
    return x


@pytest.fixture
def runner() -> Any:
    with ThreadPoolExecutor(2) as executor:
        runner = adaptive.Runner(adaptive.Learner1D(slow, (0, 1)), npoints_goal=10**6, executor=executor, name="scan")
        yield runner
        runner.cancel()


def info_of(runner: Any, file: io.StringIO, interval: float | None = None, share: float = 0.25) -> TerminalInfo:
    return TerminalInfo(lambda: Shown("a line", share), None, [runner._run.done], interval, True, file)


def test_a_line_has_pace_and_progress(runner: Any) -> None:
    history = ProgressHistory()

    def line() -> str:
        return info_line(runner, history)

    wait_until(
        lambda: re.search(
            r"\| [1-9][\d.,]* points/s \| (?:< 0\.)?\d+ % of 1,000,000 points \| about .+ left \|", line()
        )
    )
    assert re.search(
        r"^scan: running \| .* points \| loss .* of 2 slots busy \| \d+ in flight \| overhead \d+ %$", line()
    )
    runner.cancel()
    wait_until(lambda: line().startswith("scan: cancelled"))
    assert "left" not in line()
    assert "slots" not in line()


def test_samples_are_counted_and_short_functions_have_no_overhead() -> None:
    learner = adaptive.AverageLearner1D(lambda seed_x: seed_x[1] + seed_x[0] % 3, (0, 1))
    with ThreadPoolExecutor(2) as executor:
        runner = adaptive.BlockingRunner(learner, goal=lambda learner: learner.nsamples >= 100, executor=executor)
    line = info_line(runner, ProgressHistory())
    assert f"{learner.npoints} points | {learner.nsamples} samples |" in line
    assert "overhead" not in line
    assert runner.info()["nsamples"] == learner.nsamples


def test_failures_are_counted() -> None:
    def fails(x: float) -> float:
        if x == 0:
            raise ValueError("zero")
        return x

    learner = adaptive.Learner1D(fails, (0, 1))
    with ThreadPoolExecutor(1) as executor:
        runner = adaptive.BlockingRunner(learner, npoints_goal=5, retries=2, on_error="skip", executor=executor)
    assert info_line(runner, ProgressHistory()).endswith("| 1 failed | 2 retries")


def test_a_file_gets_few_lines_and_a_terminal_a_bar(runner: Any, monkeypatch: Any) -> None:
    monkeypatch.setattr(terminal, "FIRST_LINE_S", 0.01)
    monkeypatch.setattr(terminal, "TERMINAL_INTERVAL_S", 0.01)
    file, screen, often, unknown = io.StringIO(), Screen(), io.StringIO(), Screen()
    infos = [info_of(runner, file), info_of(runner, screen), info_of(runner, often, 0.01)]
    infos.append(info_of(runner, unknown, share=math.nan))
    screens = (screen, often, unknown)
    wait_until(lambda: all(each.getvalue().count("a line") > 5 for each in screens))
    runner.cancel()
    for info in infos:
        info.join(TIMEOUT)
    assert file.getvalue() == "a line\na line\n"  # the first and the last
    assert "\r 25%|###         | a line" in screen.getvalue()
    assert "\n" not in screen.getvalue()[:-1]
    assert re.search(r"\r +\ra line\n$", screen.getvalue())  # the bar is removed
    assert "\r" not in often.getvalue()
    assert "\ra line" in unknown.getvalue()
    assert "%" not in unknown.getvalue()


def test_a_bar_fits_on_the_terminal(runner: Any) -> None:
    ours, theirs = os.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 10, 40, 0, 0))
    with open(ours, encoding="utf-8", newline="\n") as keyboard, open(theirs, "w", encoding="utf-8") as screen:
        info = TerminalInfo(lambda: Shown("x" * 200, 0.5), None, [runner._run.done], 0.01, True, screen)
        runner.cancel()
        info.join(TIMEOUT)
        *bars, last = keyboard.readline().rstrip("\n").split("\r")[:-1]
    assert max(map(len, bars)) in (39, 40)  # old versions of tqdm use the last column
    assert " 50%|██████      | xxx" in max(bars)
    assert last == "x" * 200


def test_the_bar_of_many_runs_has_the_mean_of_their_shares() -> None:
    learners = [adaptive.SequenceLearner(slow, range(4)) for _ in range(2)]
    with ThreadPoolExecutor(2) as executor:
        runners = [
            adaptive.BlockingRunner(learners[0], executor=executor),
            adaptive.Runner(learners[1], goal=lambda learner: False, executor=executor),
        ]
        runners[1].cancel()
        histories = {runner: ProgressHistory() for runner in runners}
        assert shown_runs(runners, histories).share == 1
        assert "1 cancelled, 1 finished" in shown_runs(runners, histories).line


def test_no_thread_of_tqdm_is_started(runner: Any) -> None:
    info = info_of(runner, Screen(), 0.01)
    names = {type(thread).__name__ for thread in threading.enumerate()}
    runner.cancel()
    info.join(TIMEOUT)
    assert "TMonitor" not in names


@pytest.mark.long
def test_a_notebook_has_a_bar() -> None:
    cell = """
from concurrent.futures import ThreadPoolExecutor
import adaptive_dask as adaptive

learner = adaptive.SequenceLearner(abs, range(10))
executor = ThreadPoolExecutor(1)
runner = adaptive.Runner(learner, executor=executor, name="scan")
runner.live_info_terminal().join()
"""
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(cell)])
    done = nbclient.NotebookClient(notebook, timeout=TIMEOUT).execute()
    (output,) = (each for each in done.cells[0].outputs if each.output_type == "display_data")
    assert "application/vnd.jupyter.widget-view+json" in output.data
    states = [
        each["state"] for each in done.metadata.widgets["application/vnd.jupyter.widget-state+json"]["state"].values()
    ]
    (bar,) = (state for state in states if state["_model_name"] == "FloatProgressModel")
    assert (bar["value"], bar["max"], bar["bar_style"]) == (100, 100, "success")
    assert any("scan:\u2007finished" in str(state.get("value", "")) for state in states)
