"""Runs: runners of many runs that were started together."""

from __future__ import annotations

import asyncio
import html
import time
from collections import Counter
from collections.abc import AsyncIterator, Coroutine, Generator, Iterator, Sequence
from functools import partial
from typing import Any, overload

from distributed import Client

from adaptive_dask import entry
from adaptive_dask.cluster.client import require_open
from adaptive_dask.errors import FunctionError
from adaptive_dask.plain import one_line
from adaptive_dask.run.status import STATES
from adaptive_dask.run.waits import waiting_for_run
from adaptive_dask.runner.dashboard_link import make_link
from adaptive_dask.runner.run import shown_status
from adaptive_dask.runner.runner import AsyncRunner
from adaptive_dask.runner.task import look_at, wait_for_ends
from adaptive_dask.runner.terminal import TerminalInfo, print_runs, states_text

# Maximal number of rows of a table in a notebook.
MAX_ROWS = 20

# Time between two checks of runs that have not ended (seconds), and additional time for each run.
PAUSE = 0.05
PAUSE_PER_RUN = 1e-4


class Runs(Sequence[AsyncRunner]):
    """The runners of many runs, in the order of their learners; returned by `run_many`.

    ``runs[3]`` and ``runs["name-3"]`` are single runners. Wait for all with ``runs.wait()``, or with ``await runs``
    on an event loop. A notebook shows the runs as a table, with failed runs first.
    """

    def __init__(self, client: Client, runners: Sequence[AsyncRunner]) -> None:
        self._client = client
        self._runners = tuple(runners)

    # ---- a sequence

    def __len__(self) -> int:
        return len(self._runners)

    @overload
    def __getitem__(self, index: int | str) -> AsyncRunner: ...
    @overload
    def __getitem__(self, index: slice) -> Runs: ...
    def __getitem__(self, index: int | str | slice) -> AsyncRunner | Runs:
        """Return a runner by number or name, or several runners by a slice.

        Raises
        ------
        LookupError
            If there is no such runner.
        """
        if isinstance(index, slice):
            return Runs(self._client, self._runners[index])
        if isinstance(index, str):
            for runner in self._runners:
                if runner.name == index:
                    return runner
            raise KeyError(f"There is no run named {index!r} among these {len(self)}.")
        return self._runners[index]

    @property
    def learners(self) -> list[Any]:
        """The learners that were passed in, with all results that have arrived."""
        return [runner.learner for runner in self]

    # ---- status

    def status(self) -> dict[str, int]:
        """Return the number of runs in each state: waiting, running, paused, finished, cancelled and failed."""
        return dict(Counter(map(_status, self)))

    def info(self) -> list[dict[str, Any]]:
        """Return the state and the numbers of each run; see `AsyncRunner.info`."""
        return [runner.info() for runner in self]

    @property
    def failures(self) -> dict[str, BaseException]:
        """Errors of the runs that failed, by name."""
        return {runner.name: error for runner in self if (error := _error(runner)) is not None}

    def done(self) -> bool:
        """Return True if all runs have ended."""
        return all(runner.done() for runner in self)

    # ---- waiting

    def wait(self, timeout: float | None = None) -> Any:
        """Wait for the end of all runs, without raising their errors.

        Parameters
        ----------
        timeout : float, optional
            In seconds.

        Returns
        -------
        bool
            True if all runs have ended. With an asynchronous client, an awaitable of it.
        """
        if self._client.asynchronous:
            return asyncio.ensure_future(self._wait_async(timeout))
        deadline = None if timeout is None else time.monotonic() + timeout
        for runner in self:
            left = None if deadline is None else max(0.0, deadline - time.monotonic())
            if not runner.wait(left):
                return False
        return True

    def __await__(self) -> Generator[Any, None, Runs]:
        """Wait for the end of all runs on the running event loop."""
        yield from self._wait_async(None).__await__()
        return self

    def _wait_async(self, timeout: float | None) -> Coroutine[Any, Any, bool]:
        return wait_for_ends([runner._run.done for runner in self], timeout)

    def result(self, timeout: float | None = None) -> Any:
        """Wait for the end of all runs and return the learners.

        Returns
        -------
        list of BaseLearner
            With an asynchronous client, an awaitable of it.

        Raises
        ------
        TimeoutError
            If some runs have not ended.
        Exception
            The error of the first run that failed or was cancelled. All errors are in `failures`.
        """
        if self._client.asynchronous:
            return asyncio.ensure_future(self._result_async(timeout))
        return self._results(self.wait(timeout))

    async def _result_async(self, timeout: float | None) -> list[Any]:
        return self._results(await self._wait_async(timeout))

    def _results(self, all_ended: bool) -> list[Any]:
        if not all_ended:
            raise TimeoutError(f"{sum(not runner.done() for runner in self)} of {len(self)} runs have not ended yet.")
        for runner in self:
            _error(runner)
            runner._run.done.result()
        return self.learners

    def as_completed(self) -> Completed:
        """Iterate over the runners in the order in which their runs end, with ``for`` or ``async for``."""
        return Completed(self._runners)

    # ---- commands for all runs that have not ended

    def cancel(self) -> Any:
        """End all runs now; see `AsyncRunner.cancel`."""
        return self._control("cancel")

    def pause(self) -> Any:
        """Start no more evaluations until `resume`."""
        return self._control("pause")

    def resume(self) -> Any:
        """Continue after `pause`."""
        return self._control("resume")

    def forget(self) -> Any:
        """Remove the runs that have ended from the scheduler; their runners remain usable."""
        return self._control("forget")

    def _control(self, action: str) -> Any:
        runs = [runner._run for runner in self if runner.done() == (action == "forget")]

        async def control() -> None:
            replies = await asyncio.gather(*(run.control(action) for run in runs), return_exceptions=True)
            errors = [reply for reply in replies if isinstance(reply, BaseException)]
            # The scheduler does not know runs that failed at their start or were removed in the meantime.
            for error in errors:
                if not isinstance(error, LookupError):
                    raise error

        if self._client.asynchronous:
            return asyncio.ensure_future(control())
        if not runs:
            return None  # the client may be closed
        require_open(self._client)
        return self._client.sync(control)

    # ---- display

    @property
    def dashboard_link(self) -> str | None:
        """Address of the page about all runs on Dask's dashboard; None if there is none."""
        return make_link(self._client, None, next((info for info in self.info() if info), {}))

    def live_info(self, *, update_interval: float = 0.5) -> None:
        """Show the status of the runs in a notebook, with buttons to cancel, pause and resume all of them.

        Parameters
        ----------
        update_interval : float, default: 0.5
            In seconds.

        Raises
        ------
        RuntimeError
            If this is not a notebook.
        ImportError
            If ipywidgets is not installed.
        """
        entry("live_table")(self, update_interval=update_interval)

    def live_info_terminal(
        self, *, update_interval: float | None = None, overwrite_previous: bool = True
    ) -> TerminalInfo:
        """Show the progress of the runs until all have ended, in one bar; see `AsyncRunner.live_info_terminal`.

        Returns
        -------
        TerminalInfo
            Has ``cancel()`` to stop printing.
        """
        return print_runs(self, update_interval, overwrite_previous)

    def __repr__(self) -> str:
        return f"<Runs: {len(self)}; {states_text(self.status())}>"

    def _repr_html_(self) -> str:
        for runner in self:
            runner.done()  # applies what has arrived
        return self.newest_html()

    def newest_html(self) -> str:
        """Return a table of the runs; may be called from any thread, because it changes no learner."""
        runners = sorted(self, key=lambda runner: STATES.index(shown_status(runner._run)))
        head = "".join(f"<th>{title}</th>" for title in ("run", "status", "points", "loss", "failed", "error"))
        rows = "".join(_row(runner) for runner in runners[:MAX_ROWS])
        more = f"<p>… and {len(self) - MAX_ROWS} more</p>" if len(self) > MAX_ROWS else ""
        states = states_text(Counter(shown_status(runner._run) for runner in self))
        return f"<p>{len(self)} runs: {html.escape(states)}</p><table><tr>{head}</tr>{rows}</table>{more}"


class Completed:
    """Iterates over runners in the order in which their runs end."""

    def __init__(self, runners: Sequence[AsyncRunner]) -> None:
        self._runners = runners

    def __iter__(self) -> Iterator[AsyncRunner]:
        left = list(self._runners)
        while left:
            # `done` applies results that have arrived; if this thread runs an event loop, no other code does.
            ended = [runner for runner in left if runner.done()]
            yield from ended
            left = [runner for runner in left if runner not in ended]
            if left and not ended:
                with waiting_for_run():
                    time.sleep(PAUSE + PAUSE_PER_RUN * len(left))

    async def __aiter__(self) -> AsyncIterator[AsyncRunner]:
        loop = asyncio.get_running_loop()
        ended: asyncio.Queue[AsyncRunner] = asyncio.Queue()

        def note(runner: AsyncRunner, _: object) -> None:
            if not loop.is_closed():
                loop.call_soon_threadsafe(ended.put_nowait, runner)

        for runner in self._runners:
            runner._run.done.add_done_callback(partial(note, runner))
        for _ in self._runners:
            yield await ended.get()


def _status(runner: AsyncRunner) -> str:
    status = runner.status()
    return "waiting" if status == "running" and shown_status(runner._run) == "waiting" else status


def _error(runner: AsyncRunner) -> BaseException | None:
    runner.done()  # applies what has arrived
    return _known_error(runner)


def _known_error(runner: AsyncRunner) -> BaseException | None:
    done = runner._run.done
    if not done.done() or done.cancelled():
        return None
    look_at(runner.task)
    return done.exception()


def _row(runner: AsyncRunner) -> str:
    info, error = runner.info(), _known_error(runner)
    loss = info.get("loss")
    cause = error.exception or error if isinstance(error, FunctionError) else error
    text = "" if cause is None else f"{type(cause).__name__}: {cause}".splitlines()[0]
    if isinstance(error, FunctionError) and error.call:
        text += f" in {error.call}"
    status, npoints, failed = shown_status(runner._run), info.get("npoints", 0), info.get("failed") or ""
    values = (runner.name, status, npoints, "" if loss is None else f"{loss:.3g}", failed, text)
    return "<tr>" + "".join(f"<td>{html.escape(one_line(str(value)))}</td>" for value in values) + "</tr>"
