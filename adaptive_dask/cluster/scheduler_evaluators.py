"""The evaluator tasks of a run."""

from __future__ import annotations

import asyncio
import itertools
import pickle
import random
import time
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import cloudpickle
import dask
from dask.base import annotate
from dask.typing import Key
from dask.utils import parse_timedelta
from distributed import Client, Future, Scheduler
from distributed.client import FutureCancelledError
from distributed.scheduler import KilledWorker

from adaptive_dask import config
from adaptive_dask.cluster.protocol import KEY_PREFIX
from adaptive_dask.cluster.scheduler_memory import SPAN, trim_span
from adaptive_dask.logs import get_logger

logger = get_logger(__name__)

# The priority of tasks that wait for a slot is lower than that of tasks that have one, in all runs.
WAITING_PRIORITY = -1

# If no waiting task of the run has taken a free slot after this time (seconds), another run has taken it.
SPARE_TIMEOUT_S = 0.25

# Dask takes about a third of a millisecond for a task, so at most this number are submitted or released in one turn of
# the event loop, with pauses in between (seconds).
MAX_IN_TURN = 64
PAUSE_S = 0.01

# On a large cluster, leases are longer, so that a slot becomes free in about this interval (seconds). Otherwise, Dask
# would be busy with evaluators that end, while other tasks would not get a slot noticeably earlier.
FREE_SLOT_INTERVAL_S = 0.01

# If more evaluators than this fail before any point was evaluated, the run fails.
MAX_FRUITLESS_ERRORS = 10


def declare_duration(scheduler: Scheduler) -> None:
    """Declare the lease to Dask as the duration of an evaluator.

    Dask would measure a shorter duration in a short run, and would not scale the cluster up for the next run.
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
    """Submits and releases the evaluator tasks of a run; lives on the scheduler's event loop.

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
        Called with an exception if evaluators cannot work.
    options : dict
        Further arguments of ``Client.map`` (resources, priority, workers, …) and annotations.
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
        self._spare: set[Key] = set()  # tasks that wait behind those of other runs
        self._count = itertools.count()
        self._missing_since: float | None = None
        self._errors = 0
        self._released = False
        self._releasing: asyncio.Future[None] | None = None

    def __len__(self) -> int:
        return len(self._futures)

    def adjust(self, at_work: int, slots: int, spare: int) -> None:
        """Submit tasks that are missing, and release waiting tasks that are not needed.

        Parameters
        ----------
        at_work : int
            The number of evaluators that evaluate.
        slots : int
            The number of evaluators that should evaluate.
        spare : int
            The number of evaluators that should wait for a free slot, or for the cluster to grow.
        """
        if self._released:
            return
        regular = len(self._futures) - len(self._spare)
        for key in self._on_workers(self._spare)[: max(0, min(at_work, slots) - regular)]:
            self._spare.discard(key)  # it has a slot now
            regular += 1
        if regular > slots:
            self._take_back([key for key in self._futures if key not in self._spare], regular - slots)
        in_line = self._count_in_line(slots - regular)
        if len(self._spare) > spare + in_line:
            self._take_back(list(self._spare), len(self._spare) - spare - in_line)
        missing, waiting = max(0, slots - regular - in_line), max(0, spare + in_line - len(self._spare))
        self._submit(min(missing, MAX_IN_TURN), 0)
        self._submit(min(waiting, MAX_IN_TURN - missing), WAITING_PRIORITY)
        if missing + waiting > MAX_IN_TURN:
            self._on_change()

    def _count_in_line(self, missing: int) -> int:
        """Return the number of missing tasks that need no submission, because waiting tasks are about to start."""
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
        lease = max(_lease(), self._scheduler.total_nthreads * FREE_SLOT_INTERVAL_S)
        keys = [f"{KEY_PREFIX}-{next(self._count)}-{self._run}" for _ in range(count)]
        # Leases have different durations; otherwise all evaluators would be replaced at the same time.
        leases = [lease * random.uniform(1.0, 1.5) for _ in keys]
        options = {**self._options, "priority": self._options.get("priority", 0) + priority}
        trim_span(self._scheduler)
        if "workers" in options:  # Dask refuses the number of a worker that has not joined yet
            known = self._scheduler.aliases
            options["workers"] = [worker if worker in known else str(worker) for worker in options["workers"]]
        try:
            with annotate(**{"span": SPAN, **self._annotations}):
                futures = self._client.map(EVALUATOR_TASK, [self._run] * count, leases, key=keys, pure=False, **options)
        except Exception as error:  # slots of other runs are shared in the same turn of the event loop
            self._on_error(error)
            return
        for future in futures:
            self._futures[future.key] = (future, asyncio.ensure_future(self._watch(future)))
        if priority:
            self._spare.update(keys)

    def _take_back(self, keys: Iterable[Key], count: int) -> None:
        """Release up to `count` tasks that are not on a worker; the others end by themselves or by a message."""
        keys = list(keys)
        on_workers = set(self._on_workers(keys))
        waiting = [key for key in reversed(keys) if key not in on_workers]
        for key in waiting[:count]:
            self._forget(key)

    def has_task_on(self, worker: str) -> bool:
        """Return whether a worker has one of the tasks, running or waiting."""
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
        """Record that evaluators work, because results arrived."""
        self._errors = 0

    def give_up(self, tasks: Iterable[str]) -> None:
        """Forget tasks that hang."""
        for key in tasks:
            self._forget(key)

    def withdraw_unplaced(self) -> None:
        """Withdraw tasks without a worker; they are submitted again when slots are shared."""
        tasks = self._scheduler.tasks
        for key in [key for key in self._futures if key in tasks and tasks[key].state == "no-worker"]:
            self._forget(key)

    async def release(self) -> None:
        """Release all tasks; return when no more of them can start. Running tasks end by themselves."""
        self._released = True
        on_workers = set(self._on_workers(self._futures))
        await self._forget_all([key for key in self._futures if key not in on_workers])
        self._releasing = asyncio.ensure_future(self._forget_all(list(on_workers)))

    async def released(self) -> None:
        """Wait until all tasks are released, after `release`."""
        if self._releasing is not None:
            await self._releasing

    async def _forget_all(self, keys: Sequence[Key]) -> None:
        """Forget tasks, not too many in one turn of the event loop."""
        for first in range(0, len(keys), MAX_IN_TURN):
            if first:
                await asyncio.sleep(PAUSE_S)
            for key in keys[first : first + MAX_IN_TURN]:
                self._forget(key)

    async def _watch(self, future: Future[Any]) -> None:
        error = await future.exception()
        if not self._forget(future.key):
            return
        # Lost workers and restarts of the cluster do not count as errors of evaluators.
        if error is not None and not isinstance(error, KilledWorker | FutureCancelledError):
            logger.info("An evaluator of run %s ended with %r", self._run, error)
            self._errors += 1
            if isinstance(error, ImportError) or self._errors > MAX_FRUITLESS_ERRORS:
                self._on_error(error)
        self._on_change()


class EvaluatorTask:
    """The function of evaluator tasks, which Dask pickles for each task.

    If the module of a task is missing on a worker, the worker loses its connection. This object is therefore unpickled
    as a local function, which is pickled by value, so that only the task fails, with the name of the missing module.
    This takes 0.1 ms, so it is done once, and a scheduler unpickles the object itself.
    """

    def __init__(self) -> None:
        self._packed: bytes | None = None

    def __call__(self, run: str, lease: float) -> None:
        from adaptive_dask.cluster.worker import evaluate

        evaluate(run, lease)

    def __reduce__(self) -> tuple[Callable[..., Any], tuple[bytes]]:
        if self._packed is None:
            self._packed = cloudpickle.dumps(_Restored(_make_restorer()))
        return pickle.loads, (self._packed,)


class _Restored:
    """Pickled as the result of a call."""

    def __init__(self, call: Callable[[], Any]) -> None:
        self._call = call

    def __reduce__(self) -> tuple[Callable[[], Any], tuple[()]]:
        return self._call, ()


def _make_restorer() -> Callable[[], Callable[[str, float], None]]:
    """Return a local function that returns the function of an evaluator task."""
    name = __name__

    def restore() -> Callable[[str, float], None]:
        import sys

        def adaptive_evaluator(run: str, lease: float) -> None:
            from adaptive_dask.cluster.worker import evaluate

            evaluate(run, lease)

        module = sys.modules.get(name)
        return adaptive_evaluator if module is None else getattr(module, "EVALUATOR_TASK", adaptive_evaluator)

    return restore


EVALUATOR_TASK = EvaluatorTask()


def _lease() -> float:
    # A lease takes at least Dask's target duration, because Dask does not scale up for shorter tasks.
    target = parse_timedelta(dask.config.get("distributed.adaptive.target-duration"))
    return max(config.get("scheduler.lease"), float(target))
