"""The learner of a hosted run: called in threads, with numbers that the event loop reads; results that wait for it."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterable, Sequence
from typing import Any, NamedTuple, TypeVar

import cloudpickle

from adaptive_dask.cluster import scheduler_memory
from adaptive_dask.cluster.loading import loading_on_scheduler, missing_module
from adaptive_dask.cluster.protocol import RunSpec
from adaptive_dask.cluster.remote_result import RemoteResult
from adaptive_dask.cluster.scheduler_assignments import OutgoingPoint
from adaptive_dask.errors import Infeasible
from adaptive_dask.learner.function_pickle import dumps_apart, loads_together
from adaptive_dask.learner.picked import references_in
from adaptive_dask.plain import safe_repr
from adaptive_dask.run.driver import Arrivals, Driver
from adaptive_dask.run.failures import Failure
from adaptive_dask.run.goals import Goal
from adaptive_dask.run.pickling import PackedValue, dumps, loads_exception, pack, unpack
from adaptive_dask.run.session import Session, Told
from adaptive_dask.storage.checkpoint import Checkpoint
from adaptive_dask.user_code import guarded

T = TypeVar("T")

# Results that wait longer than this time for a busy learner (seconds) are written to the checkpoint first.
ARRIVALS_TIMEOUT_S = 0.4


class Step(NamedTuple):
    """The result of a turn in the learner's thread.

    Attributes
    ----------
    points : sequence of OutgoingPoint
        New points to send.
    told : int
        The number of results that were told.
    chunk : bytes or None
        The results that were told, packed, if the run is watched.
    done : bool
        True if the run is at its end.
    asks_no_more : bool
        True if the points in flight are the last ones.
    cpu_seconds : float
        CPU time of the thread.
    error : Exception or None
        An error to raise in the caller.
    infeasible : sequence of str
        For each reported failure that is none, because the function has no value at the point, the worker.
    """

    points: Sequence[OutgoingPoint]
    told: int
    chunk: bytes | None
    done: bool
    asks_no_more: bool = False
    cpu_seconds: float = 0.0
    error: Exception | None = None
    infeasible: Sequence[str] = ()


class HostedLearner:
    """A session on the scheduler; its methods are called in one thread at a time, never on the event loop.

    The event loop reads the attributes.

    Parameters
    ----------
    spec : RunSpec
    checkpoint : Checkpoint or None
        Already open.

    Attributes
    ----------
    driver : Driver
        The event loop reads its numbers, and sets `Driver.time_is_up`.
    cpu_seconds : float
        CPU time of the steps of the learner.
    remote_keys : list of str
        The keys of the remote results in the learner's data at the start.
    resumed : int
        The number of results that were restored from the checkpoint.
    """

    def __init__(self, spec: RunSpec, checkpoint: Checkpoint | None) -> None:
        learner = loads_together(spec.learner, None)
        goal: Goal = cloudpickle.loads(spec.goal)
        on_error: Any = spec.on_error if isinstance(spec.on_error, str) else cloudpickle.loads(spec.on_error)
        self.driver = Driver(
            learner,
            goal,
            checkpoint,
            functions=spec.functions,
            drain=spec.drain,
            on_error=on_error,
            **vars(spec.session),
        )
        self.resumed = self.driver.session.told
        self.remote_keys = [result.key for result in references_in(learner) if isinstance(result, RemoteResult)]
        self.cpu_seconds = 0.0

    @property
    def npoints(self) -> int:
        """The number of points that the learner knows."""
        return self.driver.npoints

    @property
    def note_arrivals(self) -> Callable[[Sequence[int], Sequence[PackedValue]], None] | None:
        """Writes results to the checkpoint before the learner is told; may be called in any thread."""
        return None if self.driver.checkpoint is None else self.driver.checkpoint.writer.arrived

    def set_goal(self, packed: bytes, run: str, is_over: bool) -> None:
        """Replace the goal by a pickled one."""
        with loading_on_scheduler("the goal"):
            goal = cloudpickle.loads(packed)
        if not isinstance(goal, Goal):
            raise TypeError(f"goal must be a Goal, got {type(goal).__name__}.")
        self.driver.set_goal(goal, run, is_over=is_over)

    # ---- turns

    def step(self, inbox: Inbox, room: int, is_watched: bool) -> Step:
        """Tell the results that arrived, and take up to `room` new points."""
        begin = time.thread_time()
        arrivals = Arrivals()
        for lost, blamed in inbox.lost:
            arrivals.lost += lost
            arrivals.blamed |= blamed
        for ids, values in inbox.outcomes:
            arrivals.outcomes += zip(ids, self._unpack(values), strict=True)
        infeasible = []
        for pid, text, error, worker, log in inbox.failures:
            failure = Failure(text, loads_exception(error), worker, log or None)
            arrivals.outcomes.append((pid, failure))
            if isinstance(failure.exception, Infeasible):
                infeasible.append((pid, worker))
        told = self.driver.tell(arrivals)
        is_suspect = self.driver.session.is_suspect
        points = [OutgoingPoint(pid, pack(point), is_suspect(pid)) for pid, point in self.driver.take(room)]
        made = self._made(told, is_watched, points)
        cpu_seconds = time.thread_time() - begin
        self.cpu_seconds += cpu_seconds
        has_failed = self.driver.session.book.has  # if the learner needs a value
        workers = [worker for pid, worker in infeasible if not has_failed(pid)]
        return made._replace(cpu_seconds=cpu_seconds, infeasible=workers)

    def tell_from_elsewhere(self, points: bytes, values: bytes, is_watched: bool) -> Step:
        """Tell results that the run did not ask for; `Step.error` is the first error of the learner."""
        with loading_on_scheduler("points or values"):
            pairs = list(zip(unpack(points), unpack(values), strict=True))
        told, error = self.driver.tell_from_elsewhere(pairs)
        return self._made(told, is_watched)._replace(error=error)

    def drop(self, points: bytes, ids: list[int]) -> tuple[list[int], bytes]:
        """Give up points that have no outcome, by value or by id.

        Returns
        -------
        ids : list of int
        dropped : bytes
            A list of (id, point), packed.
        """
        dropped = self.driver.drop(ids, unpack(points))
        return [pid for pid, _ in dropped], dumps(dropped)

    def finish(self, is_watched: bool) -> Step:
        """End the session; its checkpoint is complete after `Driver.close`."""
        self.driver.finish()
        return self._made([], is_watched)

    def free(self) -> None:
        """Free all data; nothing else may be called afterwards."""
        scheduler_memory.empty(self.driver.session.learner)

    def call(self, payload: bytes) -> bytes:
        """Call ``function(learner, *args, **kwargs)``; arguments and result are pickled."""
        with loading_on_scheduler("the function or its arguments"):
            function, args, kwargs = cloudpickle.loads(payload)
        return dumps(self.driver.call(function, *args, **kwargs))

    def snapshot(self) -> tuple[bytes, int]:
        """Return the learner without its functions, and the number of results that it was told."""
        return dumps_apart(self.driver.session.learner)[0], self.driver.session.told

    def read(self, reader: Callable[[Session], T]) -> T:
        """Return ``reader(session)``."""
        return reader(self.driver.session)

    def inspect(self, log_from: int) -> bytes:
        """Return points in flight, failures, and the log from an entry on."""
        return dumps(self.driver.inspect(log_from))

    # ---- inside

    def _made(self, told: Told, is_watched: bool, points: Sequence[OutgoingPoint] = ()) -> Step:
        chunk = None
        if told and is_watched:
            xs, ys = zip(*told, strict=True)
            chunk = dumps((xs, ys))
        return Step(points, len(told), chunk, self.driver.done, self.driver.session.asks_no_more)

    def _unpack(self, values: Iterable[Any]) -> list[Any]:
        return [value if type(value) is float else _unpack_value(value) for value in values]


def _unpack_value(value: Any) -> Any:
    try:
        return guarded(unpack, value)
    except Exception as error:
        text = f"The scheduler cannot unpickle the value: {safe_repr(error)}"
        module = missing_module(error)
        if module is not None:
            text += f"\nThe scheduler needs the module {safe_repr(module)} too; or return plain numbers or arrays."
        return Failure(text, error)


class Inbox:
    """Results, failures and lost points since the learner's last step; lives on the event loop.

    Parameters
    ----------
    note_arrivals : callable, optional
        Called with ids and packed values of results that wait for the learner.

    Attributes
    ----------
    outcomes : list of (ids, packed values)
    failures : list of (id, traceback, packed exception or None, worker, location of its log)
    lost : list of (ids, blamed ids)
    """

    def __init__(self, note_arrivals: Callable[[Sequence[int], Sequence[PackedValue]], None] | None) -> None:
        self.outcomes: list[tuple[Sequence[int], Sequence[PackedValue]]] = []
        self.failures: list[tuple[int, str, bytes | None, str, str]] = []
        self.lost: list[tuple[list[int], set[int]]] = []
        self._note_arrivals = note_arrivals
        self._noted = 0
        self._timer: asyncio.TimerHandle | None = None

    def add_outcomes(self, ids: Sequence[int], values: Sequence[PackedValue]) -> None:
        """Add results."""
        self.outcomes.append((ids, values))
        if self._timer is None and self._note_arrivals is not None:
            self._timer = asyncio.get_running_loop().call_later(ARRIVALS_TIMEOUT_S, self._note)

    @property
    def has_outcomes(self) -> bool:
        return bool(self.outcomes or self.failures)

    def close(self) -> None:
        """Stop the timer when the learner is told."""
        if self._timer is not None:
            self._timer.cancel()

    def _note(self) -> None:
        assert self._note_arrivals is not None
        self._timer = None
        for ids, values in self.outcomes[self._noted :]:
            self._note_arrivals(ids, values)
        self._noted = len(self.outcomes)
