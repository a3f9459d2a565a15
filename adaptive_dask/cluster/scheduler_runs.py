"""The hosted runs by name and id, and the rules for forgetting ended runs."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
from collections.abc import Callable, Coroutine, Iterator
from typing import Any

from distributed import Scheduler

from adaptive_dask import config
from adaptive_dask.cluster import scheduler_feed, scheduler_memory
from adaptive_dask.cluster.protocol import RunSpec
from adaptive_dask.cluster.scheduler_after import CANCELLED, Successors
from adaptive_dask.cluster.scheduler_remote_results import RemoteResults
from adaptive_dask.cluster.scheduler_resources import HostResources
from adaptive_dask.cluster.scheduler_run import HostedRun
from adaptive_dask.errors import LearnerBusyError, RunExistsError, RunNotFoundError

# The maximum number of points that a learner may report.
MAX_PLAUSIBLE_POINTS = 10**12

# The number of ids that are kept of runs that were cancelled before they were started.
MAX_CANCELLED_IDS = 10_000

# The maximum length of names, and number of runs, in error messages.
MAX_SHOWN_CHARS = 200
MAX_NAMED_RUNS = 20

# The memory of runs that are forgotten within this time (seconds) is returned to the system together.
TRIM_DELAY_S = 1.0

# The free memory of runs with at least this number of points is returned after their end.
MIN_TRIMMED_POINTS = 100_000


class RunTable:
    """All hosted runs; lives on the scheduler's event loop.

    Parameters
    ----------
    by_name : dict
        The run that was started last with each name; updated by this table.
    scheduler : Scheduler
    resources : HostResources
    remote_results : RemoteResults
    on_slots : callable
        Called when slots may have become free.
    successors : Successors

    Attributes
    ----------
    active, by_id : dict of str to HostedRun
        Runs that have not ended, and all runs, including those whose names were used again.
    hanging : dict of str to HostedRun
        Runs that have ended while some of their calls continue.
    cancelled : dict of str to None
        Ids of runs that were cancelled before they were started.
    """

    def __init__(
        self,
        by_name: dict[str, HostedRun],
        scheduler: Scheduler,
        resources: HostResources,
        remote_results: RemoteResults,
        on_slots: Callable[[], None],
        successors: Successors,
    ) -> None:
        self.by_name = by_name
        self.by_id: dict[str, HostedRun] = {}
        self.active: dict[str, HostedRun] = {}
        self.hanging: dict[str, HostedRun] = {}
        self.cancelled: dict[str, None] = {}
        self.successors = successors
        self._scheduler = scheduler
        self._resources = resources
        self._remote_results = remote_results
        self._on_slots = on_slots
        self._starting: set[str] = set()
        self._freeing: set[asyncio.Future[Any]] = set()
        self._freed = 0
        self._forgetting: asyncio.TimerHandle | None = None  # for runs that are still watched

    @property
    def is_hosting(self) -> bool:
        """True if there are runs that have not ended."""
        return bool(self.active or self._starting)

    def close(self) -> None:
        for freeing in list(self._freeing):
            freeing.cancel()
        if self._forgetting is not None:
            self._forgetting.cancel()

    @contextlib.contextmanager
    def starting(self, spec: RunSpec) -> Iterator[None]:
        """Reserve the name of a run while it is started.

        Raises
        ------
        RunExistsError
            If there is a run with this id, or if a run with this name has not ended.
        """
        name, known = spec.name, self.by_name.get(spec.name)
        if spec.id in self.by_id:
            raise RunExistsError(f"The scheduler already hosts a run with the id {shown(spec.id)}.")
        if name in self._starting or (known is not None and not known.state.has_ended):
            raise RunExistsError(
                f"A run named {name!r} has not ended. Choose another name, watch it with adaptive.attach({name!r}), "
                "or cancel it first."
            )
        self._starting.add(name)
        self.successors.note_start(spec.id, name)
        try:
            yield
        except BaseException:
            self.successors.note_end(spec.id, name, "could not be started")
            raise
        finally:
            self._starting.discard(name)

    def find_predecessors(self, spec: RunSpec) -> dict[str, str]:
        """Return the predecessors that a new run waits for: names by id.

        Raises
        ------
        PredecessorError
            If one of its predecessors did not finish.
        RunNotFoundError
            If one of them is unknown.
        """
        before: dict[str, str] = {}
        for name, run_id in spec.after:
            before[run_id or self.successors.find(name) or self.find(name).id] = name
        self.successors.check(spec.name, before)
        return before

    def add(self, run: HostedRun) -> None:
        """Add a run. An earlier run with the same name is known only by its id from now on."""
        earlier = self.by_name.pop(run.name, None)
        if earlier is not None:
            self._remote_results.release(earlier.id)
            self._forget_old_runs()
        self.by_name[run.name] = self.active[run.id] = self.by_id[run.id] = run

    def find(self, name: str, run_id: str | None = None) -> HostedRun:
        """Return the run with an id, or the newest run with a name.

        Raises
        ------
        RunNotFoundError
        """
        run = self.by_name.get(name) if run_id is None else self.by_id.get(run_id)
        if run is None:
            if name in self.by_name:
                raise RunNotFoundError(
                    f"The run named {shown(name)} was forgotten; the scheduler hosts another run of that name."
                )
            names = ", ".join(map(repr, itertools.islice(self.by_name, MAX_NAMED_RUNS))) or "none"
            more = " and others" if len(self.by_name) > MAX_NAMED_RUNS else ""
            raise RunNotFoundError(f"The scheduler hosts no run named {shown(name)}; there are: {names}{more}.")
        return run

    def is_superseded(self, run: HostedRun) -> bool:
        """Return whether the name of a run was used again."""
        return self.by_name.get(run.name) is not run

    def cancel_unknown(self, run_id: str) -> None:
        """Remember that a run is not to be started."""
        self.cancelled[run_id] = None
        while len(self.cancelled) > MAX_CANCELLED_IDS:
            del self.cancelled[next(iter(self.cancelled))]

    def note_hung(self, worker: str, run: HostedRun, count: int) -> None:
        """Record the number of calls of an ended run that continue on a worker."""
        run.slots.note_hung(worker, count if worker in self._scheduler.workers else 0)
        if run.slots.hung:
            self.hanging[run.id] = run
        elif self.hanging.pop(run.id, None) is not None:
            self._on_slots()

    def ended(self, run: HostedRun) -> None:
        """Remove a run that has ended from the active runs."""
        self.active.pop(run.id, None)
        self.successors.forget(run)
        self.successors.note_end(run.id, run.name, CANCELLED if run.status == "cancelled" else run.status)
        if run.slots.hung:
            self.hanging[run.id] = run
        if run.learner.npoints >= MIN_TRIMMED_POINTS:
            self._begin_to_free(self._trim_after_end())
        self._forget_old_runs()
        self._on_slots()
        self._resources.rest_if_idle()

    def forget(self, run: HostedRun) -> None:
        """Forget a run that has ended, and free its memory."""
        self.by_id.pop(run.id, None)
        for worker in list(run.slots.hung):
            self.note_hung(worker, run, 0)
        if self.by_name.get(run.name) is run:
            del self.by_name[run.name]
        self._remote_results.release(run.id)
        self._begin_to_free(self._free(run))

    def _begin_to_free(self, call: Coroutine[Any, Any, None]) -> None:
        freeing = asyncio.ensure_future(call)
        self._freeing.add(freeing)
        freeing.add_done_callback(self._freeing.discard)

    async def _free(self, run: HostedRun) -> None:
        with self._resources.in_use():
            with contextlib.suppress(LearnerBusyError):  # a learner that hangs is not freed
                await run.free()
            self._freed += 1
            count = self._freed
            await asyncio.sleep(TRIM_DELAY_S)
            if count == self._freed:  # for the last of several runs that are forgotten together
                await self._resources.learner_threads().call(scheduler_memory.trim)

    async def _trim_after_end(self) -> None:
        """Return the memory of what a run needed to the system, when it has discarded its last results."""
        await asyncio.sleep(scheduler_feed.RESULTS_TIMEOUT_S + TRIM_DELAY_S)
        with self._resources.in_use():
            await self._resources.learner_threads().call(scheduler_memory.trim)

    def _forget_old_runs(self) -> None:
        """Forget the oldest runs that have ended, beyond the limits of the settings.

        Runs that are watched are forgotten later, because their watchers need the end. The newest run always stays.
        """
        max_runs, max_points = config.get("scheduler.ended-runs"), config.get("scheduler.ended-points")
        max_bytes, max_recent = config.get("scheduler.ended-functions"), config.get("scheduler.recent-points")
        ended = [run for run in reversed(self.by_id.values()) if run.state.has_ended]
        ended.sort(key=self.is_superseded)  # the newest first, and the newest of each name before others
        points = size = superseded = 0
        seen: set[int] = set()  # runs that are started together may share a function
        for number, run in enumerate(ended, 1):
            superseded += self.is_superseded(run)
            points += run.learner.npoints if 0 <= run.learner.npoints < MAX_PLAUSIBLE_POINTS else 0
            for function, its_size in run.large_functions.items():
                size += 0 if function in seen else its_size
                seen.add(function)
            is_recent = number == 1 or (number <= max_runs and points <= max_recent)
            is_small = points <= max_points and size <= max_bytes and superseded <= max_runs
            if is_small or (is_recent and not superseded):
                continue
            if not run.feed.is_watched:
                self.forget(run)
            elif self._forgetting is None:
                loop = asyncio.get_running_loop()
                self._forgetting = loop.call_later(scheduler_feed.RESULTS_TIMEOUT_S, self._forget_more_runs)

    def _forget_more_runs(self) -> None:
        self._forgetting = None
        self._forget_old_runs()


def shown(value: Any) -> str:
    """Return a text for a value from a message, for error messages; long texts are shortened."""
    return repr(value[:MAX_SHOWN_CHARS] if isinstance(value, str | bytes) else type(value))
