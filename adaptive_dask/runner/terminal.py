"""How runs go, as lines of text."""

from __future__ import annotations

import math
import sys
import threading
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future
from typing import TYPE_CHECKING, Any, TextIO

from adaptive_dask.course import ENDED, Course
from adaptive_dask.plain_text import one_line
from adaptive_dask.readable import duration, goal_text, number, percent, time_left, waiting_text
from adaptive_dask.runner.run import shown_status

if TYPE_CHECKING:
    from adaptive_dask.runner.many_runs import Runs
    from adaptive_dask.runner.runner import AsyncRunner

# Between two lines, in seconds: on a terminal, where one replaces the other, and in a file, which keeps all.
TERMINAL_INTERVAL_S = 0.5
FILE_INTERVAL_S = 60.0

# The first line comes after this time at the latest (seconds).
FIRST_LINE_S = 1.0

# Around shorter evaluations the overhead is large whatever is done, and says nothing (seconds).
MIN_EVALUATION_S = 1e-3

_TROUBLES = ("retries", "timeouts", "lost")


def info_line(runner: AsyncRunner, course: Course) -> str:
    """Status, time, points, loss, pace, progress and how busy the workers are, in one line.

    Parameters
    ----------
    runner : AsyncRunner
    course : Course
        Of the run; notes how it stands now.
    """
    summary = runner.info()
    status = shown_status(runner._run)
    parts = [f"{runner.name}: {status}", duration(runner.elapsed_time())]
    if summary:
        now = summary["started"] + runner.elapsed_time()  # whatever became of the clock on the wall
        course.note(summary, now)
        parts += _points(summary)
        parts.append(f"loss {number(summary['loss'])}")
        pace = course.pace(summary)
        if not math.isnan(pace):
            parts.append(f"{number(pace)} {'samples' if 'nsamples' in summary else 'points'}/s")
        if status not in ENDED:
            parts += _progress(summary, course, now)
        if summary["slots"] and status not in ENDED:
            parts.append(f"{summary.get('busy', 0):,} of {summary['slots']:,} slots busy")
            parts.append(f"{summary['in_flight']:,} in flight")
        if summary["evaluated"] and summary["function_seconds"] >= MIN_EVALUATION_S * summary["evaluated"]:
            parts.append(f"overhead {runner.overhead():.0f} %")
        parts += [f"{summary[kind]:,} {kind}" for kind in ("failed", *_TROUBLES) if summary.get(kind)]
        if summary.get("waits_for") and status not in ENDED:
            parts.append(waiting_text(summary["waits_for"]))
    return one_line(" | ".join(parts))


def _points(summary: Mapping[str, Any]) -> list[str]:
    # Without commas, for those who search log files.
    parts = [f"{summary['npoints']} points"]
    if "nsamples" in summary:
        parts.append(f"{summary['nsamples']} samples")
    return parts


def _progress(summary: Mapping[str, Any], course: Course, now: float) -> list[str]:
    goal = goal_text(summary)
    if not goal:
        return []
    outlook = course.outlook(summary, now)
    share = f"goal {goal}" if math.isnan(outlook.share) else f"{percent(outlook.share)} of {goal}"
    left = time_left(summary, outlook)
    return [share, left] if left else [share]


def info_line_of_many(runs: Runs) -> str:
    """How many runs are at work, their points, and their pace, in one line."""
    infos = [info for info in runs.info() if info]
    states = Counter(shown_status(runner._run) for runner in runs)
    has_ended = all(status in ENDED for status in states)
    parts = [f"{len(runs):,} runs: {states_text(states)}"]
    if infos:
        parts.append(duration(max(runner.elapsed_time() for runner in runs)))
        parts.append(f"{sum(info['npoints'] for info in infos)} points")
        if not has_ended:
            parts.append(f"{number(sum(info.get('points_per_second', 0.0) for info in infos))} points/s")
        for kind in _TROUBLES:
            count = sum(info.get(kind, 0) for info in infos)
            parts += [f"{count:,} {kind}"] * bool(count)
        failed = sum(info["failed"] for info in infos)
        parts += [f"{failed:,} points failed"] * bool(failed)
    return one_line(" | ".join(parts))


def states_text(states: Mapping[str, int]) -> str:
    """For example "3 running, 15 waiting"."""
    return ", ".join(f"{count:,} {status}" for status, count in sorted(states.items()))


class TerminalInfo:
    """Prints how runs go until all have ended; in a thread, so a busy main thread does not matter.

    Before the first line comes the address of the page about them, if there is one.

    Parameters
    ----------
    line : callable
        Returns the line as it is now.
    heading : str, optional
        Printed first.
    ends : sequence of Future
        Of the runs.
    update_interval : float, optional
        In seconds. By default 0.5 on a terminal, and 60 elsewhere, as in a log file.
    overwrite_previous : bool
        Whether a line replaces the one before it, on a terminal. A file gets all lines.
    file : TextIO, optional
        Standard output by default.

    Raises
    ------
    ValueError
        If the interval is not positive.
    """

    def __init__(
        self,
        line: Callable[[], str],
        heading: str | None,
        ends: Sequence[Future[None]],
        update_interval: float | None,
        overwrite_previous: bool,
        file: TextIO | None = None,
    ) -> None:
        if update_interval is not None and not update_interval > 0:
            raise ValueError(f"update_interval takes a positive number of seconds, not {update_interval!r}.")
        self._line = line
        self._heading = heading
        self._file = file or sys.stdout
        is_terminal = self._file.isatty()
        self._interval = update_interval or (TERMINAL_INTERVAL_S if is_terminal else FILE_INTERVAL_S)
        self._overwrite = overwrite_previous and is_terminal
        self._stop = threading.Event()
        self._left = len(ends)
        self._counting = threading.Lock()
        for end in ends:
            end.add_done_callback(self._one_ended)
        self._thread = threading.Thread(target=self._print, name="adaptive-terminal", daemon=True)
        self._thread.start()

    def cancel(self) -> None:
        """Stop printing."""
        self._stop.set()

    def join(self, timeout: float | None = None) -> None:
        """Wait until the last line is printed."""
        self._thread.join(timeout)

    def _one_ended(self, _: Future[None]) -> None:
        with self._counting:
            self._left -= 1
            if not self._left:
                self._stop.set()

    def _print(self) -> None:
        if self._heading is not None:
            print(one_line(self._heading), file=self._file, flush=True)
        pause = min(self._interval, FIRST_LINE_S)
        while not self._stop.wait(pause):
            self._write("\n")
            pause = self._interval
        self._write("\n", last=True)

    def _write(self, end: str, last: bool = False) -> None:
        line = self._line()
        if self._overwrite:
            line, end = f"\r\033[K{line}", "\n" if last else ""
        print(line, end=end, file=self._file, flush=True)
