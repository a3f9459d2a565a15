"""live_info_terminal: what its lines say, and how often they come."""

from __future__ import annotations

import io
import re
import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

import adaptive_dask as adaptive
from adaptive_dask.run.progress import ProgressHistory
from adaptive_dask.runner import terminal
from adaptive_dask.runner.terminal import TerminalInfo, info_line

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


def info_of(runner: Any, file: io.StringIO, interval: float | None = None) -> TerminalInfo:
    return TerminalInfo(lambda: "a line", None, [runner._run.done], interval, True, file)


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


def test_a_file_gets_few_lines_and_a_terminal_one_that_changes(runner: Any, monkeypatch: Any) -> None:
    monkeypatch.setattr(terminal, "FIRST_LINE_S", 0.01)
    monkeypatch.setattr(terminal, "TERMINAL_INTERVAL_S", 0.01)
    file, screen, often = io.StringIO(), Screen(), io.StringIO()
    infos = [info_of(runner, file), info_of(runner, screen), info_of(runner, often, 0.01)]
    wait_until(lambda: screen.getvalue().count("a line") > 5 and often.getvalue().count("a line") > 5)
    runner.cancel()
    for info in infos:
        info.join(TIMEOUT)
    assert file.getvalue() == "a line\na line\n"  # the first and the last
    assert screen.getvalue().startswith("\r\033[Ka line\r")
    assert screen.getvalue().endswith("a line\n")
    assert "\r" not in often.getvalue()
