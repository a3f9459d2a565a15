"""The evaluator tasks of a run: how many there should be, and keeping them there."""

from __future__ import annotations

import asyncio
import itertools
import random
import time
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any

import dask
from dask.base import annotate
from dask.typing import Key
from dask.utils import parse_timedelta
from distributed.client import FutureCancelledError
from distributed.scheduler import KilledWorker

from adaptive_dask.cluster.protocol import KEY_PREFIX
from adaptive_dask.cluster.scheduler_traces import SPAN, trim_span
from adaptive_dask.plain import get_logger

if TYPE_CHECKING:
    from distributed import Client, Future, Scheduler

logger = get_logger(__name__)

# Tasks that are to wait have a lower priority than those that are to run, whatever run they are of.
WAITING_PRIORITY = -1

# A slot that gets free is taken by a task that waits; if it is not after so long (seconds), another run's was first.
SPARE_TIMEOUT_S = 0.25

# Dask scales up when tasks take at least its target duration; so long is a lease, in seconds, at least.
MIN_LEASE_S = 5.0

# Evaluators that end one after the other without having done anything: something is wrong with them.
MAX_FRUITLESS_ERRORS = 10


def declare_duration(scheduler: Scheduler) -> None:
    """Tell Dask that an evaluator takes as long as a lease.

    What Dask measures is shorter where evaluators of a short run ended early, and would keep the
    cluster from growing for the next.
    """
    seconds = _lease()
    key = "distributed.scheduler.default-task-durations"
    durations = dask.config.get(key, {})
    if KEY_PREFIX not in durations:
        dask.config.set({key: {**durations, KEY_PREFIX: f"{seconds}s"}})
    prefix = scheduler.task_prefixes.get(KEY_PREFIX)
    if prefix is not None and prefix.duration_average < seconds:
        prefix.duration_average = seconds


class Evaluators:
    """Keeps evaluator tasks of a run on the cluster; lives on the scheduler's event loop.

    Parameters
    ----------
    run : str
        The id of the run.
    scheduler : Scheduler
    client : Client
        An asynchronous client of that scheduler.
    on_change : callable
        Called when a task has ended.
    on_error : callable
        Called with an exception when the tasks cannot work.
    options : dict
        Further arguments of ``Client.map``, resources, priority, workers and so on, and annotations.
    """

    def __init__(
        self,
        run: str,
        scheduler: Scheduler,
        client: Client,
        on_change: Callable[[], None],
        on_error: Callable[[BaseException], None],
        options: dict[str, Any] | None = None,
    ) -> None:
        self._run = run
        self._scheduler = scheduler
        self._client = client
        self._on_change = on_change
        self._on_error = on_error
        self._options = dict(options or {})
        self._annotations: dict[str, Any] = self._options.pop("annotations", {})
        self._futures: dict[Key, tuple[Future[Any], asyncio.Future[None]]] = {}
        self._spare: set[Key] = set()  # those of them that are to wait behind the tasks of other runs
        self._count = itertools.count()
        self._missing_since: float | None = None
        self._errors = 0
        self._released = False

    def __len__(self) -> int:
        return len(self._futures)

    def adjust(self, at_work: int, slots: int, spare: int) -> None:
        """Submit what is missing, and take back what waits in vain.

        Parameters
        ----------
        at_work : int
            How many evaluators are.
        slots : int
            How many evaluators there should be at work.
        spare : int
            How many more should wait: for a slot that gets free, and for the cluster to grow.
        """
        if self._released:
            return
        regular = len(self._futures) - len(self._spare)
        for key in self._on_workers(self._spare)[: max(0, min(at_work, slots) - regular)]:
            self._spare.discard(key)  # its turn has come
            regular += 1
        if regular > slots:
            self._take_back([key for key in self._futures if key not in self._spare], regular - slots)
        in_line = self._count_in_line(slots - regular)
        if len(self._spare) > spare + in_line:
            self._take_back(list(self._spare), len(self._spare) - spare - in_line)
        self._submit(slots - regular - in_line, 0)
        self._submit(spare + in_line - len(self._spare), WAITING_PRIORITY)

    def _count_in_line(self, missing: int) -> int:
        """How many of the tasks that are missing need not be submitted, for others that wait are about to begin."""
        if missing <= 0:
            self._missing_since = None
        elif self._missing_since is None:
            self._missing_since = time.monotonic()
            asyncio.get_running_loop().call_later(SPARE_TIMEOUT_S, self._on_change)
        if self._missing_since is None or time.monotonic() >= self._missing_since + SPARE_TIMEOUT_S:
            return 0
        return min(missing, len(self._spare))

    def _submit(self, count: int, priority: int) -> None:
        if count <= 0:
            return
        declare_duration(self._scheduler)
        lease = _lease()
        keys = [f"{KEY_PREFIX}-{next(self._count)}-{self._run}" for _ in range(count)]
        # Leases of different lengths end at different times, so that the points do not all stop at once.
        leases = [lease * random.uniform(1.0, 1.5) for _ in keys]
        options = {**self._options, "priority": self._options.get("priority", 0) + priority}
        trim_span(self._scheduler)
        with annotate(**{"span": SPAN, **self._annotations}):
            futures = self._client.map(_make_evaluator(), [self._run] * count, leases, key=keys, pure=False, **options)
        for future in futures:
            self._futures[future.key] = (future, asyncio.ensure_future(self._watch(future)))
        if priority:
            self._spare.update(keys)

    def _take_back(self, keys: Iterable[Key], count: int) -> None:
        """Release so many tasks that are on no worker yet; those that are end by themselves or are told to."""
        keys = list(keys)
        on_workers = set(self._on_workers(keys))
        waiting = [key for key in reversed(keys) if key not in on_workers]
        for key in waiting[:count]:
            self._forget(key)

    def has_task_on(self, worker: str) -> bool:
        """Whether one of the tasks is there, under way or waiting."""
        state = self._scheduler.workers.get(worker)
        return state is not None and any(task.key in self._futures for task in state.processing)

    def _on_workers(self, keys: Iterable[Key]) -> list[Key]:
        tasks = self._scheduler.tasks
        return [key for key in keys if key in tasks and tasks[key].processing_on is not None]

    def _forget(self, key: Key) -> bool:
        future, watcher = self._futures.pop(key, (None, None))
        self._spare.discard(key)
        if future is None or watcher is None:
            return False
        if watcher is not asyncio.current_task():
            watcher.cancel()
        future.release()
        return True

    def did_work(self) -> None:
        """Evaluators are fine: results came."""
        self._errors = 0

    def give_up(self, tasks: Iterable[str]) -> None:
        """Forget tasks that hang."""
        for key in tasks:
            self._forget(key)

    def withdraw_unplaced(self) -> None:
        """Forget tasks for which there is no worker; they are submitted anew when shares are."""
        tasks = self._scheduler.tasks
        for key in [key for key in self._futures if key in tasks and tasks[key].state == "no-worker"]:
            self._forget(key)

    def release(self) -> None:
        """Let go of every task; those that run end by themselves."""
        self._released = True
        for key in list(self._futures):
            self._forget(key)

    async def _watch(self, future: Future[Any]) -> None:
        error = await future.exception()
        if not self._forget(future.key):
            return
        # Workers that die and restarts of the cluster say nothing about evaluators.
        if error is not None and not isinstance(error, KilledWorker | FutureCancelledError):
            logger.info("An evaluator of run %s ended with %r", self._run, error)
            self._errors += 1
            if isinstance(error, ImportError) or self._errors > MAX_FRUITLESS_ERRORS:
                self._on_error(error)
        self._on_change()


def _make_evaluator() -> Callable[[str, float], None]:
    """The evaluator task, as a local function, for those are pickled by value.

    A task that refers to a module which a worker lacks would cost that worker its connection; like this,
    only the task fails, and says which module it is.
    """

    def adaptive_evaluator(run: str, lease: float) -> None:
        from adaptive_dask.cluster.worker import evaluate

        evaluate(run, lease)

    return adaptive_evaluator


def _lease() -> float:
    target = parse_timedelta(dask.config.get("distributed.adaptive.target-duration"))
    return max(MIN_LEASE_S, float(target))
