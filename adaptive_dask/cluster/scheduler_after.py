"""Runs that start when other runs have finished (``run_many(..., after=…)``)."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, NamedTuple

from adaptive_dask.errors import PredecessorError, RunNotFoundError

if TYPE_CHECKING:
    from adaptive_dask.cluster.scheduler_run import HostedRun

# The number of runs whose end is remembered even if they were forgotten.
MAX_ENDS = 10_000

CANCELLED = "was cancelled"


class End(NamedTuple):
    """The end of a run.

    Attributes
    ----------
    name : str
    how : str
        For example "failed".
    """

    name: str
    how: str


class Successors:
    """The runs that wait for others; lives on the scheduler's event loop.

    Parameters
    ----------
    begin : callable
        Called with a run whose predecessors have finished.
    """

    def __init__(self, begin: Callable[[HostedRun], None]) -> None:
        self._begin = begin
        self._open: dict[str, str] = {}  # names of runs that have not ended, by id
        self._ends: dict[str, End] = {}
        self._waiting: dict[str, list[HostedRun]] = {}  # by the id of the run that they wait for

    def note_start(self, run_id: str, name: str) -> None:
        """Record a run that is about to start."""
        self._open[run_id] = name

    def find(self, name: str) -> str | None:
        """Return the id of the run with a name that has not ended."""
        return next((run_id for run_id, other in self._open.items() if other == name), None)

    def check(self, run: str, predecessors: dict[str, str]) -> dict[str, str]:
        """Return the predecessors that have not ended, which a new run waits for: names by id.

        Raises
        ------
        PredecessorError
            If one of them did not finish.
        RunNotFoundError
            If one of them is unknown.
        """
        waits = {}
        for run_id, name in predecessors.items():
            end = self._ends.get(run_id)
            if run_id in self._open:
                waits[run_id] = name
            elif end is None:
                raise RunNotFoundError(f"The scheduler does not know the run {name!r}, which {run!r} comes after.")
            elif end.how != "finished":
                raise _not_started(run, end)
        return waits

    def add(self, run: HostedRun, predecessors: dict[str, str]) -> None:
        """Let a run wait."""
        for run_id in predecessors:
            self._waiting.setdefault(run_id, []).append(run)
        run.state.predecessors = predecessors

    def note_end(self, run_id: str, name: str, how: str) -> None:
        """Start the runs that wait only for this one; if it failed or was cancelled, end them instead."""
        self._open.pop(run_id, None)
        self._ends.pop(run_id, None)
        self._ends[run_id] = end = End(name, how)
        while len(self._ends) > MAX_ENDS:
            del self._ends[next(iter(self._ends))]
        for run in self._waiting.pop(run_id, ()):
            if how == CANCELLED:
                run.state.cancel()
            elif how != "finished":
                run.state.fail(_not_started(run.name, end))
            else:
                del run.state.predecessors[run_id]
                run.feed.change()
                if not run.state.predecessors:
                    self._begin(run)

    def forget(self, run: HostedRun) -> None:
        """Stop waiting for the predecessors of a run that has ended."""
        for run_id in run.state.predecessors:
            waiting = self._waiting.get(run_id, [])
            if run in waiting:
                waiting.remove(run)
            if not waiting:
                self._waiting.pop(run_id, None)


def _not_started(run: str, end: End) -> PredecessorError:
    return PredecessorError(
        f"The run {run!r} was not started, because the run {end.name!r}, which it comes after, {end.how}."
    )
