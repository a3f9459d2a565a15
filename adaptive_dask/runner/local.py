"""A run on a local executor: drives its session in a thread of this process."""

from __future__ import annotations

import asyncio
import concurrent.futures
import contextlib
import logging
import math
import threading
import time
import traceback
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from adaptive_dask.errors import AdaptiveError, CheckpointError, LearnerError, WorkerLostError
from adaptive_dask.failures import OnError
from adaptive_dask.glance import Glance, details
from adaptive_dask.goals import Goal
from adaptive_dask.learner.function_pickle import dumps_apart
from adaptive_dask.local.coroutines import CoroutinePool, is_asynchronous
from adaptive_dask.local.flight import Arrivals, Flight
from adaptive_dask.local.pools import ExecutorPool, Pool, as_executor, count_workers
from adaptive_dask.runner.replica import Replica
from adaptive_dask.session import Session, Told
from adaptive_dask.storage.checkpoint import Checkpoint
from adaptive_dask.storage.checkpointed import make_session
from adaptive_dask.storage.learner_copy import copy_learner, empty_copy

logger = logging.getLogger(__name__)

# The learner that was passed in is told what has gathered in so long (seconds).
INTERVAL = 0.1

# To submit and have the answer costs about so much (seconds); what is much shorter is submitted together.
SUBMISSION = 5e-5
SMOOTHING = 0.1  # the weight of the newest measurement in a running mean


def start_locally(
    learner: Any,
    goal: Goal,
    name: str,
    executor: Any,
    *,
    ntasks: int | None,
    drain: bool,
    on_error: OnError,
    session: dict[str, Any],
    checkpoint: str | None,
    loop: asyncio.AbstractEventLoop | None,
    coroutine_loop: asyncio.AbstractEventLoop | None,
    shutdown: bool,
) -> LocalRun:
    """Make a run on an executor; it is not started yet.

    Parameters
    ----------
    loop : asyncio.AbstractEventLoop, optional
        The user's event loop, on which the learner is kept current.
    coroutine_loop : asyncio.AbstractEventLoop, optional
        The user's event loop, on which coroutine functions are evaluated; without one, in a thread.
    session : dict
        Further arguments of `Session`.

    Raises
    ------
    TypeError, ValueError, RuntimeError
        If the executor cannot be used; see `ExecutorPool`.
    LearnerError
        If the goal cannot be computed.
    CheckpointError
        If the checkpoint cannot be used.
    """
    pool = _make_pool(learner, executor, coroutine_loop)
    ntasks = ntasks or pool.workers
    if ntasks is None:
        raise ValueError(
            f"How many workers a {type(executor).__name__} has is not known: give ntasks=, the number of points "
            "that may be out at the same time."
        )
    copy = working_copy(learner)
    functions = [] if checkpoint is None else _pickled_functions(learner, checkpoint)
    the_session, opened = make_session(
        copy, goal, checkpoint, run=name, functions=functions, on_error=on_error, **session
    )
    if the_session.told and copy is not learner:
        copy_learner(learner, copy)
    replica = Replica(learner, loop, is_told=copy is learner)
    return LocalRun(
        name, the_session, goal, pool, replica, ntasks=ntasks, drain=drain, shutdown=shutdown, checkpoint=opened
    )


def _pickled_functions(learner: Any, checkpoint: str) -> list[bytes]:
    try:
        return dumps_apart(learner)[1]
    except Exception as error:
        raise CheckpointError(
            checkpoint, f"expected a learner that can be pickled, function and all; found that this cannot: {error}."
        ) from error


def _make_pool(learner: Any, executor: Any, loop: asyncio.AbstractEventLoop | None) -> Pool:
    if is_asynchronous(learner):
        workers = None if executor is None else count_workers(as_executor(executor))
        return CoroutinePool(learner.function, loop, executor, workers)
    return ExecutorPool(executor, learner.function)


def working_copy(learner: Any) -> Any:
    """A learner with the same data for the run to work on; the learner itself if it cannot be copied."""
    if not (callable(getattr(learner, "new", None)) and callable(getattr(learner, "copy_from", None))):
        return learner  # somebody's own, with ask and tell only
    copy = empty_copy(learner)
    copy_learner(copy, learner)
    return copy


class LocalRun:
    """A run whose session is in this process, and whose points go to an executor.

    Parameters
    ----------
    name : str
    session : Session
        On a learner that nobody else uses.
    goal : Goal
        Of the session.
    pool : Pool
    replica : Replica
    ntasks : int
        How many points may be out at the same time.
    drain : bool
        Whether evaluations that are under way when the goal is reached are waited for and told.
    shutdown : bool
        Whether to shut the executor down at the end.
    checkpoint : Checkpoint, optional
        Of the session.

    Attributes
    ----------
    done : concurrent.futures.Future
        Resolved when the run has ended and the replica has all its results: with None, with the error
        of a failed run, or cancelled.
    status : str
        running, paused, finished, cancelled or failed; never ahead of the replica.
    """

    asynchronous = False

    def __init__(
        self,
        name: str,
        session: Session,
        goal: Goal,
        pool: Pool,
        replica: Replica,
        *,
        ntasks: int,
        drain: bool,
        shutdown: bool,
        checkpoint: Checkpoint | None = None,
    ) -> None:
        self.name = name
        self.replica = replica
        self.done: concurrent.futures.Future[None] = concurrent.futures.Future()
        self.status = "running"
        self.started = time.time()
        self._ended: float | None = None
        self._session = session
        self._lock = threading.RLock()  # whoever calls the session or its learner holds it
        self._deadline = goal.deadline(self.started)
        self._goal_in_numbers = goal.in_numbers(session.learner, self.started)
        self._flight = Flight(pool)
        self._pool = pool
        self._ntasks = ntasks
        self._slots = min(pool.workers or ntasks, ntasks)
        self._drain = drain
        self._shutdown = shutdown
        self._checkpoint = checkpoint
        self._suspects: deque[tuple[int, Any]] = deque()
        self._glance = Glance(session)
        self._phase = "running"  # as the run's thread sees it; status follows with the results
        self._is_paused = False
        self._is_cancelled = False
        self._evaluated = 0
        self._function_seconds = 0.0
        self._learner_seconds = 0.0
        self._seconds_per_point: float | None = None
        self._next_update: float | None = None
        self._last_update = 0.0

    @property
    def executor(self) -> Any:
        """The executor that the points go to."""
        return self._pool.executor

    @property
    def user_loop(self) -> asyncio.AbstractEventLoop | None:
        """The event loop of the user's without which the run does not go on."""
        return self._pool.user_loop if isinstance(self._pool, CoroutinePool) else None

    @property
    def is_sequential(self) -> bool:
        """Whether points are evaluated in the thread that calls `drive`."""
        return self._pool.is_sequential

    def start(self) -> None:
        """Run in a thread of its own; points that are evaluated where they are submitted are evaluated there."""
        threading.Thread(target=self.drive, name=f"adaptive-run-{self.name}", daemon=True).start()

    # ---- commands; from any thread

    def do(self, call: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
        """Call it."""
        return call(*args, **kwargs)

    def control(self, action: str) -> None:
        """Have the run cancelled, paused or resumed."""
        if action == "cancel":
            self._is_cancelled = True
        elif action in ("pause", "resume"):
            self._is_paused = action == "pause"
        self._flight.wake()

    def tell(self, points: Sequence[Any], values: Sequence[Any]) -> None:
        """Tell the learner results from elsewhere; raises the first that it refuses, and tells the others."""
        first: Exception | None = None
        with self._lock:
            for point, value in zip(points, values, strict=True):
                try:
                    self._publish(self._session.tell_from_elsewhere(point, value))
                except Exception as error:
                    first = first or error
            self._glance.look(force=True)
        self._flight.wake()
        if first is not None:
            raise first

    def drop(self, points: list[Any], ids: list[int]) -> list[tuple[int, Any]]:
        """Give up points that have no outcome yet; calls under way go on, and what they return is ignored."""
        with self._lock:
            dropped = self._session.drop(ids, points)
            self._publish(self._session.tell([]))  # in order, others may have waited for these
        self._flight.wake()
        return dropped

    def call(self, function: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
        """Call ``function(learner, *args, **kwargs)`` with the run's learner, between two of its turns."""
        with self._lock:
            result = function(self._session.learner, *args, **kwargs)
            self._glance.look(force=True)
        return result

    @contextlib.contextmanager
    def borrowed_learner(self) -> Iterator[Any]:
        """A learner with all data, that does not change in the meantime."""
        with self._lock:
            learner = working_copy(self._session.learner)
            if learner is self._session.learner:  # it cannot be copied, so the run waits
                yield learner
                return
        yield learner

    def inspect(self) -> dict[str, Any]:
        """Points on their way, failures and log."""
        with self._lock:
            return details(self._session)

    @property
    def details(self) -> dict[str, Any]:
        """What `inspect` returns."""
        return self.inspect()

    @property
    def summary(self) -> dict[str, Any]:
        """How the run stands."""
        glance = self._glance
        return {
            "name": self.name,
            "learner": type(self._session.learner).__name__,
            "status": self._phase,
            "npoints": glance.npoints,
            "loss": glance.loss,
            "started": self.started,
            "ended": self._ended,
            "goal": self._goal_in_numbers,
            "slots": self._slots if self._ended is None else 0,
            "busy": min(self._slots, self._flight.count),
            "in_flight": self._flight.count,
            "evaluated": self._evaluated,
            "failed": glance.failed,
            "function_seconds": self._function_seconds,
            "slot_seconds": self._slots * ((self._ended or time.time()) - self.started),
            "learner_seconds": self._learner_seconds,
            "checkpoint": self._checkpoint.status() if self._checkpoint is not None else None,
        }

    # ---- the run's thread

    def drive(self) -> None:
        """Run, in this thread; Ctrl-C cancels the run and is raised again."""
        status, error = "failed", None
        try:
            self._flight.wake()
            self._work()
            if self._drain and not self._is_cancelled and self._session.error is None:
                self._finish_evaluations()
            status = "cancelled" if self._is_cancelled else "finished"
        except KeyboardInterrupt:
            status = "cancelled"
            raise
        except Exception as trouble:
            logger.exception("The run %r failed inside", self.name)
            error = LearnerError(f"The run failed inside: {trouble!r}")
        finally:
            self._end(status, error)

    def _work(self) -> None:
        while not self._is_cancelled:
            arrivals = self._flight.collect(self._patience())
            begin = time.perf_counter()
            with self._lock:
                self._take_in(arrivals)
                if arrivals.broken is not None and not self._session.done:
                    self._mend(arrivals.broken)
                if self._session.done or self._is_time_up():
                    return
                taken = self._session.take(self._room())
            self._learner_seconds += time.perf_counter() - begin
            self._send(taken)
            self._update()

    def _finish_evaluations(self) -> None:
        """Let evaluations that are under way finish, and tell them."""
        self._flight.recall()
        while self._flight.count and not self._is_cancelled and self._session.error is None:
            arrivals = self._flight.collect(self._patience())
            with self._lock:
                self._take_in(arrivals)
            self._update()

    def _end(self, status: str, error: AdaptiveError | None) -> None:
        is_idle = not self._flight.count
        self._flight.abandon()
        self._pool.close()
        with self._lock:
            self._session.finish()
            self._glance.look(force=True)
        if self._checkpoint is not None:
            self._checkpoint.close()
        error = error or self._session.error
        self._ended = time.time()
        self._phase = status = "failed" if error is not None else status
        if self._shutdown:
            self._shut_down(wait=is_idle)
        self.replica.then(lambda: self._resolve(status, error))

    # ---- inside

    def _patience(self) -> float | None:
        """For how long to wait for something to happen, in seconds."""
        waits = []
        if self._next_update is not None:
            waits.append(self._next_update - time.monotonic())
        if self._deadline is not None:
            waits.append(self._deadline - time.time())
        return max(0.0, min(waits)) if waits else None

    def _is_time_up(self) -> bool:
        return self._deadline is not None and time.time() >= self._deadline

    def _room(self) -> int:
        if self._is_paused or self._suspects:
            return 0
        return max(0, self._ntasks - self._flight.count)

    def _take_in(self, arrivals: Arrivals) -> None:
        if arrivals.lost:
            self._session.lost(arrivals.lost, blame=arrivals.blamed.__contains__)
        self._evaluated += len(arrivals.outcomes)
        self._function_seconds += sum(arrivals.seconds)
        for seconds in arrivals.seconds:
            mean = self._seconds_per_point
            self._seconds_per_point = seconds if mean is None else mean + SMOOTHING * (seconds - mean)
        # In order, a point that was lost for good may let others that waited for it be told.
        if arrivals.outcomes or arrivals.lost:
            self._publish(self._session.tell(arrivals.outcomes))
        self._glance.look()

    def _send(self, taken: list[tuple[int, Any]]) -> None:
        unsent = deque(taken)
        together = self._together(len(taken))
        try:
            while unsent:
                batch: list[tuple[int, Any]] = []
                while unsent and len(batch) < together:
                    suspect = self._session.is_suspect(unsent[0][0])
                    (self._suspects if suspect else batch).append(unsent[0])
                    unsent.popleft()
                if batch:
                    unsent.extendleft(reversed(batch))  # until they are sent
                    self._flight.send(batch)
                    for _ in batch:
                        unsent.popleft()
            # A point that may have killed workers is evaluated alone, so that no other is lost with it, or blamed.
            if self._suspects and not self._flight.count and not self._is_paused:
                self._flight.send([self._suspects[0]])
                self._suspects.popleft()
        except Exception as trouble:
            with self._lock:
                ids = [pid for pid, _ in (*self._suspects, *unsent)]
                self._suspects.clear()
                self._session.lost(ids, blame=lambda pid: False)
                self._mend(trouble)

    def _together(self, points: int) -> int:
        """How many of so many new points to submit together.

        With m submissions, evaluating takes 1/m of the time that one after the other takes, and submitting
        takes m times what one does: the best m is the root of the ratio.
        """
        if not self._pool.takes_many or self._seconds_per_point is None or points < 2:
            return 1
        submissions = math.ceil(math.sqrt(points * self._seconds_per_point / SUBMISSION))
        return math.ceil(points / max(1, submissions))

    def _mend(self, trouble: BaseException) -> None:
        """The executor takes no more points: replace it, or the run has failed."""
        if isinstance(trouble, concurrent.futures.BrokenExecutor) and self._pool.revive():
            self._flight.wake()
        else:
            self._session.fail(_executor_error(self._pool.executor, trouble))
            self._flight.wake()

    def _publish(self, told: Told) -> None:
        if told:
            xs, ys = zip(*told, strict=True)
            self.replica.tell(xs, ys)
            if self._next_update is None:
                self._next_update = max(time.monotonic(), self._last_update + INTERVAL)

    def _update(self) -> None:
        """Let the learner that was passed in know, when it is time."""
        phase = "paused" if self._is_paused else "running"
        now = time.monotonic()
        if phase != self._phase or (self._next_update is not None and now >= self._next_update):
            self._phase = phase
            self._next_update, self._last_update = None, now
            self.replica.then(lambda: self._set_status(phase))

    def _set_status(self, status: str) -> None:
        self.status = status

    def _resolve(self, status: str, error: AdaptiveError | None) -> None:
        self.status = status
        if status == "cancelled":
            self.done.cancel()
            self.done.set_running_or_notify_cancel()
        elif error is not None:
            self.done.set_exception(error)
        else:
            self.done.set_result(None)

    def _shut_down(self, wait: bool) -> None:
        try:
            self._pool.shutdown(wait)
        except Exception:
            logger.exception("The executor of the run %r could not be shut down", self.name)


def _executor_error(executor: Any, trouble: BaseException) -> WorkerLostError:
    text = "".join(traceback.format_exception_only(trouble)).strip()
    error = WorkerLostError(
        f"The {type(executor).__name__} takes no more points: {text}. The results so far are in the learner; "
        "start a run with a new executor to go on from there."
    )
    error.__cause__ = trouble
    return error
