"""The runs and tasks that occupy the threads of the cluster, for the status of runs that wait."""

from __future__ import annotations

import itertools
import time
from collections.abc import Callable

from distributed import Scheduler
from distributed.core import Status

from adaptive_dask.cluster.protocol import KEY_PREFIX

# The interval of updates (seconds), and the maximum number of tasks that are read.
REFRESH_S = 0.5
MAX_TASKS = 1000

# The maximum number of runs or tasks that are named.
MAX_NAMED = 3


class Holders:
    """Describes the runs and tasks that other runs wait for; lives on the scheduler's event loop.

    Parameters
    ----------
    scheduler : Scheduler
    runs : callable
        Returns the names of the runs that have slots.

    Attributes
    ----------
    hung : dict of str to dict of str to (str, int)
        By worker and id of a run: its name, and the number of its calls that were given up but continue. The run may
        have ended.
    """

    def __init__(self, scheduler: Scheduler, runs: Callable[[], list[str]]) -> None:
        self._scheduler = scheduler
        self._runs = runs
        self.hung: dict[str, dict[str, tuple[str, int]]] = {}
        self._text: str | None = None
        self._looked = -REFRESH_S

    def note_hung(self, worker: str, run: str, name: str, count: int) -> None:
        """Record the number of calls of a run that were given up on a worker but continue."""
        runs = self.hung.setdefault(worker, {})
        runs.pop(run, None)
        if count:
            runs[run] = name, count
        elif not runs:
            del self.hung[worker]

    def threads(self) -> str | None:
        """Return a text that names the runs and tasks that occupy the cluster; None if they are unknown."""
        now = time.monotonic()
        if now >= self._looked + REFRESH_S:
            self._looked = now
            self._text = self._describe()
        return self._text

    def _describe(self) -> str | None:
        workers = self._scheduler.workers.values()
        if workers and all(worker.status == Status.paused for worker in workers):
            return f"a worker that is not paused: all {len(workers)} are, as a rule because their memory is full"
        runs = self._runs()
        others = (task for worker in workers for task in worker.processing)
        tasks = {task.prefix.name for task in itertools.islice(others, MAX_TASKS)} - {KEY_PREFIX}
        holders = []
        if runs:
            holders.append(_listed(f"run{'s' * (len(runs) > 1)}", list(map(repr, runs)), "other runs"))
        if tasks:
            holders.append(_listed("tasks", sorted(map(repr, tasks)), "other tasks"))
        return f"a thread: {' and '.join(holders)} have those of the cluster" if holders else None


def _listed(kind: str, names: list[str], many: str) -> str:
    return f"the {kind} {', '.join(names)}" if len(names) <= MAX_NAMED else many
