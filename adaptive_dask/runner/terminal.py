"""`live_info_terminal`: the status of runs as a progress bar of tqdm, or as lines of text in files."""

from __future__ import annotations

import math
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future
from typing import TYPE_CHECKING, Any, NamedTuple, TextIO

from adaptive_dask.plain import one_line
from adaptive_dask.run.progress import ProgressHistory
from adaptive_dask.run.status import COUNTS, RunStatus, duration, number, percent
from adaptive_dask.runner.run import shown_status, status_of

if TYPE_CHECKING:
    from adaptive_dask.runner.many_runs import Runs
    from adaptive_dask.runner.runner import AsyncRunner

# The interval of updates of a bar, and of lines in a file (seconds).
TERMINAL_INTERVAL_S = 0.5
FILE_INTERVAL_S = 60.0

# The maximum time before the first line (seconds).
FIRST_LINE_S = 1.0

# The interval in which `join` applies results that have arrived (seconds).
APPLY_INTERVAL_S = 0.1

# The overhead is not shown for shorter evaluations, where it is always large (seconds).
MIN_EVALUATION_S = 1e-3

# Layouts of a bar. tqdm cuts off text that is wider than the terminal; its own "{bar}" uses only the remaining space,
# which is empty for the line of a run on most terminals.
BAR = {"terminal": "{percentage:3.0f}%|{bar:12}| {desc}", "notebook": "{percentage:3.0f}%|{bar}| {desc}"}
NO_BAR = "{desc}"


class Shown(NamedTuple):
    """The present state in one line, and the share of the goal between 0 and 1, or NaN."""

    line: str
    share: float = math.nan


def shown_run(runner: AsyncRunner, history: ProgressHistory) -> Shown:
    """`info_line`, with the share of the goal."""
    line = info_line(runner, history)
    status = status_of(runner._run)
    return Shown(line) if status is None else Shown(line, share_of(status, history))


def share_of(status: RunStatus, history: ProgressHistory) -> float:
    """Share of the goal that a run has reached; 1 if it finished."""
    return 1.0 if status.status == "finished" else history.outlook(status).share


def info_line(runner: AsyncRunner, history: ProgressHistory) -> str:
    """Return state, time, points, loss, pace, progress and load of a run, in one line.

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
    """Return the line of `info_line` for a status."""
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
    parts += [f"{count:,} {kind}" for kind, count in status.counts.items()]
    parts += [status.waiting_text] * bool(status.waiting_text)
    return one_line(" | ".join(parts))


def _progress(status: RunStatus, history: ProgressHistory) -> list[str]:
    if not status.goal_text:
        return []
    share, left = history.outlook(status).share, history.time_left(status)
    text = f"goal {status.goal_text}" if math.isnan(share) else f"{percent(share)} of {status.goal_text}"
    return [text, left] if left else [text]


def info_line_of_many(runs: Runs) -> str:
    """Return the number of runs in each state, their points, and their pace, in one line."""
    states = Counter(shown_status(runner._run) for runner in runs)
    known = [status for runner in runs if (status := status_of(runner._run)) is not None]
    parts = [f"{len(runs):,} runs: {states_text(states)}"]
    if known:
        parts.append(duration(max(runner.elapsed_time() for runner in runs)))
        parts.append(f"{sum(status.npoints for status in known)} points")
        paces = [status.pace for status in known if not (status.has_ended or math.isnan(status.pace))]
        if paces:
            parts.append(f"{number(sum(paces))} points/s")
        counts = {kind: sum(status.counts.get(kind, 0) for status in known) for kind in COUNTS}
        parts += [f"{count:,} {kind}" for kind, count in counts.items() if count]
    return one_line(" | ".join(parts))


def shown_runs(runs: Runs, histories: Mapping[AsyncRunner, ProgressHistory]) -> Shown:
    """`info_line_of_many`, with the mean of the shares of the runs; a run that has ended has a share of 1."""
    total = 0.0
    for runner, history in histories.items():
        status = status_of(runner._run)
        if status is not None:
            history.note(status)
            share = 1.0 if status.has_ended else share_of(status, history)
            total += 0.0 if math.isnan(share) else share
    return Shown(info_line_of_many(runs), total / len(histories))


def states_text(states: Mapping[str, int]) -> str:
    """Return a text such as "3 running, 15 waiting"."""
    return ", ".join(f"{count:,} {status}" for status, count in sorted(states.items()))


def print_run(runner: AsyncRunner, update_interval: float | None, overwrite_previous: bool) -> TerminalInfo:
    """Show the progress of a run; see `AsyncRunner.live_info_terminal`."""
    history, link = ProgressHistory(runner._run.losses_before), runner.dashboard_link
    heading = None if link is None else f"{runner.name}: dashboard {link}"
    ends = [runner._run.done]
    shown = TerminalInfo(lambda: shown_run(runner, history), heading, ends, update_interval, overwrite_previous)
    shown.apply = runner.done
    return shown


def print_runs(runs: Runs, update_interval: float | None, overwrite_previous: bool) -> TerminalInfo:
    """Show the progress of many runs; see `Runs.live_info_terminal`."""
    link, histories = runs.dashboard_link, {runner: ProgressHistory() for runner in runs}
    heading = None if link is None else f"{len(runs)} runs: dashboard {link}"
    ends = [runner._run.done for runner in runs]
    shown = TerminalInfo(lambda: shown_runs(runs, histories), heading, ends, update_interval, overwrite_previous)
    shown.apply = runs.done
    return shown


class TerminalInfo:
    """Shows the status of runs from a thread until all have ended, even while the main thread is busy.

    Parameters
    ----------
    shown : callable
        Returns the present state.
    heading : str, optional
        Printed first.
    ends : sequence of Future
        One for each run, resolved when it ends.
    update_interval : float, optional
        In seconds. By default 0.5 on a terminal and in a notebook, and 60 elsewhere, as in a log file.
    overwrite_previous : bool
        Whether to show a bar on a terminal or in a notebook, which is updated in place. Files contain lines.
    file : TextIO, optional
        Standard output by default.

    Attributes
    ----------
    apply : callable
        Applies what has arrived. `join` calls it, because a notebook does not while a cell waits.

    Raises
    ------
    ValueError
        If `update_interval` is not positive.
    """

    def __init__(
        self,
        shown: Callable[[], Shown],
        heading: str | None,
        ends: Sequence[Future[None]],
        update_interval: float | None,
        overwrite_previous: bool,
        file: TextIO | None = None,
    ) -> None:
        if update_interval is not None and not update_interval > 0:
            raise ValueError(f"update_interval must be a positive number of seconds, got {update_interval!r}.")
        self.apply: Callable[[], object] = lambda: None
        self._shown = shown
        self._file = file or sys.stdout
        place = _place_of(self._file)
        self._interval = update_interval or (FILE_INTERVAL_S if place == "file" else TERMINAL_INTERVAL_S)
        if heading is not None:
            print(one_line(heading), file=self._file, flush=True)
        # In a notebook, the widget is displayed below the cell that is executed now.
        self._bar = _make_bar(place, self._file) if overwrite_previous and place != "file" else None
        self._layout = BAR.get(place, NO_BAR)
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
        deadline = math.inf if timeout is None else time.monotonic() + timeout
        while self._thread.is_alive() and (left := deadline - time.monotonic()) > 0:
            self.apply()
            self._thread.join(min(left, APPLY_INTERVAL_S))

    def _one_ended(self, _: Future[None]) -> None:
        with self._counting:
            self._left -= 1
            if not self._left:
                self._stop.set()

    def _print(self) -> None:
        pause = min(self._interval, FIRST_LINE_S)
        while not self._stop.wait(pause):
            self._write()
            pause = self._interval
        line = self._write()
        if self._bar is not None:
            self._bar.close()
            if not self._bar.leave:  # the last line stays, in full
                print(line, file=self._file, flush=True)

    def _write(self) -> str:
        line, share = self._shown()
        if self._bar is None:
            print(line, file=self._file, flush=True)
            return line
        self._bar.bar_format = NO_BAR if math.isnan(share) else self._layout
        self._bar.n = 0.0 if math.isnan(share) else 100 * share
        self._bar.set_description_str(line)
        return line


def _place_of(file: TextIO) -> str:
    """Return "notebook", "terminal" or "file"."""
    if file.isatty():
        return "terminal"
    from tqdm import auto, std

    # tqdm chooses its widget in kernels of Jupyter that have ipywidgets.
    return "notebook" if file is sys.stdout and auto.notebook_tqdm is not std.tqdm else "file"


def _make_bar(place: str, file: TextIO) -> Any:
    from tqdm.auto import tqdm

    # The monitor would be a thread that redraws bars; this one is redrawn at regular intervals anyway.
    bar = type("Bar", (tqdm,), {"monitor_interval": 0})
    return bar(total=100, bar_format=NO_BAR, leave=place == "notebook", dynamic_ncols=True, file=file)
