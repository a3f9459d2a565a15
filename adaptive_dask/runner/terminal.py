"""`live_info_terminal`: the status of runs as lines of text."""

from __future__ import annotations

import math
import sys
import threading
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future
from typing import TYPE_CHECKING, TextIO

from adaptive_dask.plain import one_line
from adaptive_dask.run.progress import ProgressHistory
from adaptive_dask.run.status import TROUBLES, RunStatus, duration, number, percent
from adaptive_dask.runner.run import shown_status, status_of

if TYPE_CHECKING:
    from adaptive_dask.runner.many_runs import Runs
    from adaptive_dask.runner.runner import AsyncRunner

# Time between two lines in seconds: on a terminal, where a line replaces the previous one, and in a file.
TERMINAL_INTERVAL_S = 0.5
FILE_INTERVAL_S = 60.0

# The first line is printed after this time at the latest (seconds).
FIRST_LINE_S = 1.0

# Evaluations that are shorter have a large overhead in any case, so that it is not shown (seconds).
MIN_EVALUATION_S = 1e-3


def info_line(runner: AsyncRunner, history: ProgressHistory) -> str:
    """State, time, points, loss, pace, progress and load of a run, in one line.

    Parameters
    ----------
    runner : AsyncRunner
    history : ProgressHistory
        Past states of the run; the present one is added.
    """
    status = status_of(runner._run)
    if status is None:
        return one_line(f"{runner.name}: {shown_status(runner._run)} | {duration(runner.elapsed_time())}")
    return status_line(status, history)


def status_line(status: RunStatus, history: ProgressHistory) -> str:
    """The same for a run whose status is known."""
    history.note(status)
    # Numbers of points have no commas, so that log files can be searched.
    parts = [f"{status.name}: {status.shown}", duration(status.elapsed), f"{status.npoints} points"]
    if status.nsamples is not None:
        parts.append(f"{status.nsamples} samples")
    parts.append(f"loss {number(status.loss)}")
    pace = history.pace(status)
    if not math.isnan(pace):
        parts.append(f"{number(pace)} {'points' if status.nsamples is None else 'samples'}/s")
    if not status.has_ended:
        parts += _progress(status, history)
        if status.slots:
            parts.append(f"{status.busy:,} of {status.slots:,} slots busy")
            parts.append(f"{status.in_flight:,} in flight")
    if status.evaluated and status.function_seconds >= MIN_EVALUATION_S * status.evaluated:
        parts.append(f"overhead {percent(status.overhead)}")
    parts += [f"{count:,} {kind}" for kind, count in status.troubles.items()]
    parts += [status.waiting_text] * bool(status.waiting_text)
    return one_line(" | ".join(parts))


def _progress(status: RunStatus, history: ProgressHistory) -> list[str]:
    if not status.goal_text:
        return []
    share, left = history.outlook(status).share, history.time_left(status)
    text = f"goal {status.goal_text}" if math.isnan(share) else f"{percent(share)} of {status.goal_text}"
    return [text, left] if left else [text]


def info_line_of_many(runs: Runs) -> str:
    """Number of runs in each state, their points, and their pace, in one line."""
    states = Counter(shown_status(runner._run) for runner in runs)
    known = [status for runner in runs if (status := status_of(runner._run)) is not None]
    parts = [f"{len(runs):,} runs: {states_text(states)}"]
    if known:
        parts.append(duration(max(runner.elapsed_time() for runner in runs)))
        parts.append(f"{sum(status.npoints for status in known)} points")
        paces = [status.pace for status in known if not (status.has_ended or math.isnan(status.pace))]
        if paces:
            parts.append(f"{number(sum(paces))} points/s")
        troubles = {kind: sum(status.troubles.get(kind, 0) for status in known) for kind in TROUBLES}
        parts += [f"{count:,} {kind}" for kind, count in troubles.items() if count]
    return one_line(" | ".join(parts))


def states_text(states: Mapping[str, int]) -> str:
    """For example "3 running, 15 waiting"."""
    return ", ".join(f"{count:,} {status}" for status, count in sorted(states.items()))


def print_run(runner: AsyncRunner, update_interval: float | None, overwrite_previous: bool) -> TerminalInfo:
    """Print lines about a run; see `AsyncRunner.live_info_terminal`."""
    history, link = ProgressHistory(runner._run.losses_before), runner.dashboard_link
    heading = None if link is None else f"{runner.name}: dashboard {link}"
    ends = [runner._run.done]
    return TerminalInfo(lambda: info_line(runner, history), heading, ends, update_interval, overwrite_previous)


def print_runs(runs: Runs, update_interval: float | None, overwrite_previous: bool) -> TerminalInfo:
    """Print lines about many runs; see `Runs.live_info_terminal`."""
    link = runs.dashboard_link
    heading = None if link is None else f"{len(runs)} runs: dashboard {link}"
    ends = [runner._run.done for runner in runs]
    return TerminalInfo(lambda: info_line_of_many(runs), heading, ends, update_interval, overwrite_previous)


class TerminalInfo:
    """Prints the status of runs until all have ended, from a thread, so that the main thread may be busy.

    Parameters
    ----------
    line : callable
        Returns the present line.
    heading : str, optional
        Printed first.
    ends : sequence of Future
        One for each run, resolved when it ends.
    update_interval : float, optional
        In seconds. By default 0.5 on a terminal, and 60 elsewhere, as in a log file.
    overwrite_previous : bool
        Whether a line replaces the previous one on a terminal. A file gets all lines.
    file : TextIO, optional
        Standard output by default.

    Raises
    ------
    ValueError
        If `update_interval` is not positive.
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
            raise ValueError(f"update_interval must be a positive number of seconds, got {update_interval!r}.")
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
