"""How a run goes, as a line of text."""

from __future__ import annotations

import sys
import threading
from datetime import timedelta
from typing import TYPE_CHECKING, TextIO

from adaptive_dask.plain_text import one_line
from adaptive_dask.runner.run import newest_status

if TYPE_CHECKING:
    from adaptive_dask.runner.runner import AsyncRunner


def info_line(runner: AsyncRunner) -> str:
    """Status, time, points, loss and how busy the workers are, in one line."""
    info = runner.info()
    seconds = runner.elapsed_time()
    parts = [
        f"{runner.name}: {newest_status(runner._run)}",
        str(timedelta(seconds=round(seconds))),
        f"{info.get('npoints', 0)} points",
        f"loss {info.get('loss', float('nan')):.3g}",
        f"{info.get('slots', 0)} slots",
        f"{info.get('in_flight', 0)} in flight",
        f"overhead {runner.overhead():.0f} %",
    ]
    if info.get("failed"):
        parts.append(f"{info['failed']} failed")
    return one_line(" | ".join(parts))


class TerminalInfo:
    """Prints `info_line` of a runner until its run ends; in a thread, so a busy main thread does not matter.

    Before the first line comes the address of the page about the run, if there is one.

    Parameters
    ----------
    runner : AsyncRunner
    update_interval : float
        In seconds.
    overwrite_previous : bool
        Whether a line replaces the one before it, on a terminal. A file gets all lines.
    file : TextIO, optional
        Standard output by default.
    """

    def __init__(
        self, runner: AsyncRunner, update_interval: float, overwrite_previous: bool, file: TextIO | None = None
    ) -> None:
        if not update_interval > 0:
            raise ValueError(f"update_interval takes a positive number of seconds, not {update_interval!r}.")
        self._runner = runner
        self._interval = update_interval
        self._file = file or sys.stdout
        self._overwrite = overwrite_previous and self._file.isatty()
        self._stop = threading.Event()
        runner._run.done.add_done_callback(lambda _: self._stop.set())
        self._thread = threading.Thread(target=self._print, name="adaptive-terminal", daemon=True)
        self._thread.start()

    def cancel(self) -> None:
        """Stop printing."""
        self._stop.set()

    def join(self, timeout: float | None = None) -> None:
        """Wait until the last line is printed."""
        self._thread.join(timeout)

    def _print(self) -> None:
        link = self._runner.dashboard_link
        if link is not None:
            print(one_line(f"{self._runner.name}: dashboard {link}"), file=self._file, flush=True)
        while not self._stop.wait(self._interval):
            self._write("\n")
        self._write("\n", last=True)

    def _write(self, end: str, last: bool = False) -> None:
        line = info_line(self._runner)
        if self._overwrite:
            line, end = f"\r\033[K{line}", "\n" if last else ""
        print(line, end=end, file=self._file, flush=True)
