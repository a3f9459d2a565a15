"""What runs on a worker: evaluator tasks, and the plugin that brings them points and takes results.

An evaluator is an ordinary Dask task. It holds its thread for a bounded lease and evaluates points that
the scheduler streams to its worker. All evaluators of a run on one worker share one `PointQueue`.
"""

from __future__ import annotations

import queue
import threading
import time
import traceback
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from distributed import WorkerPlugin, get_worker
from distributed.core import Status
from distributed.utils import sync

from adaptive_dask.cluster.protocol import POINTS, REPORT, STOP, Echo, Packed, Route, dumps, pack, unpack
from adaptive_dask.cluster.versions import own_versions
from adaptive_dask.cluster.worker_kept import load_function
from adaptive_dask.cluster.worker_lifetime import lifetime_of

if TYPE_CHECKING:
    from distributed import Worker

# An evaluator that got no point for so long (in seconds) gives its thread back.
IDLE = 1.0

Item = tuple[int, Packed] | None


def evaluate(run: str, lease: float) -> None:
    """The evaluator task: evaluate points of a run until the lease ends or no more come.

    Parameters
    ----------
    run : str
        The id of the run.
    lease : float
        For how long to hold the thread, in seconds. A point that has begun is finished.
    """
    worker = get_worker()
    points = PointService.on(worker).join(run)
    try:
        points.work(lease)
    finally:
        points.leave()


class PointService(WorkerPlugin):
    """Takes points from the scheduler to the queues of their runs.

    The first evaluator on a worker installs it. It stays, empty, when the runs are over: to take it away
    could race with a message on its way, which would cost the worker its connection.
    """

    name = "adaptive-points"

    def __init__(self) -> None:
        self._queues: dict[str, PointQueue] = {}
        self._lock = threading.Lock()

    @classmethod
    def on(cls, worker: Worker) -> PointService:
        """The service of a worker, installed if need be; called from a task's thread."""
        if cls.name not in worker.plugins:

            async def install() -> None:
                if cls.name not in worker.plugins:
                    await worker.plugin_add(cls(), name=cls.name, catch_errors=False)

            sync(worker.loop, install)
        service = worker.plugins[cls.name]
        assert isinstance(service, cls)
        return service

    def setup(self, worker: Worker) -> None:
        self._worker = worker
        worker.stream_handlers[POINTS] = self._take_points
        worker.stream_handlers[STOP] = self._stop

    def teardown(self, worker: Worker) -> None:
        """A thread that waits for points must not keep the worker's process alive."""
        with self._lock:
            queues = list(self._queues.values())
        for points in queues:
            points.stop()

    def join(self, run: str) -> PointQueue:
        """Let an evaluator come to work on a run; it has to `PointQueue.leave`."""
        with self._lock:  # held over both, or the queue could be dropped in between
            points = self._queues.setdefault(run, PointQueue(run, self._worker, self._drop))
            points.join()
            return points

    def _drop(self, points: PointQueue) -> None:
        with self._lock:
            if points.is_over and self._queues.get(points.run) is points:
                del self._queues[points.run]

    def _take_points(
        self,
        run: str = "",
        ids: Sequence[int] = (),
        points: Sequence[Packed] = (),
        sent: float = 0.0,
        seconds: float = 0.0,
        **_: Any,
    ) -> None:
        """Handle a message of the scheduler; on the worker's event loop."""
        with self._lock:
            known = self._queues.get(run)
        if known is None:
            self._worker.batched_send(_report(run, returned=list(ids)))
        else:
            known.put(ids, points, sent, seconds)

    def _stop(self, run: str = "", keep: int = 0, **_: Any) -> None:
        """Handle a message of the scheduler; on the worker's event loop."""
        with self._lock:
            known = self._queues.get(run)
        if known is not None and keep:
            known.send_away(keep)
        elif known is not None:
            known.stop()


class PointQueue:
    """The points of one run on one worker, its function, and the results that wait to be sent.

    Parameters
    ----------
    run : str
    worker : Worker
    on_idle : callable
        Called with this queue when its last evaluator has left.
    """

    def __init__(self, run: str, worker: Worker, on_idle: Callable[[PointQueue], None]) -> None:
        self.run = run
        self._worker = worker
        self._on_idle = on_idle
        self._items: queue.SimpleQueue[Item] = queue.SimpleQueue()
        self._lock = threading.Lock()  # guards slots, stopped and the outbox
        self._slots = 0
        self._stopped = False
        self._leaving = 0  # evaluators that are to go when they get to it
        self._outbox = _Outbox()
        self._flushing = False
        self._echo: tuple[float, float] | None = None
        self._lifetime = lifetime_of(worker)
        self._seconds = 0.0  # that a point is expected to need
        self._function: Callable[[Any], Any] | None = None
        self._function_lock = threading.Lock()

    @property
    def is_over(self) -> bool:
        with self._lock:
            return self._slots == 0

    # ---- from the evaluators' threads

    def join(self) -> None:
        """An evaluator comes to work; the scheduler is told when it has the function."""
        with self._lock:
            self._slots += 1

    def leave(self) -> None:
        """An evaluator goes; the last one gives the points back that nobody has begun."""
        with self._lock:
            self._slots -= 1
            if self._slots == 0:
                self._outbox.returned += self._drain()
            self._send_soon()
        self._on_idle(self)

    def work(self, lease: float) -> None:
        """Evaluate points until the lease ends, the run stops, or nothing comes."""
        try:
            function = self._load_function()
        except Exception as error:
            with self._lock:
                self._outbox.broken = (getattr(error, "name", None), _format(error))
                self._send_soon()
            return
        with self._lock:
            self._send_soon()
        end = time.monotonic() + lease
        while self._is_wanted():
            left = end - time.monotonic()
            # A worker without time for another point gets none; its evaluators do not come and go every second.
            patience = min(IDLE, left) if self._has_time() else left
            try:
                item = self._items.get(timeout=max(patience, 0.001))
            except queue.Empty:
                return
            if item is None:
                with self._lock:
                    self._leaving -= 1
                return
            if self._has_time():
                self._evaluate(function, *item)
            else:
                with self._lock:
                    self._outbox.returned.append(item[0])
                    self._send_soon()
            if time.monotonic() >= end:
                return

    def _is_wanted(self) -> bool:
        # A worker that is paused, retiring or closing must not begin anything.
        return not self._stopped and self._worker.status == Status.running

    def _has_time(self) -> bool:
        """Whether a point that is begun now is expected to be finished in the worker's lifetime."""
        return self._lifetime is None or self._lifetime.left >= self._seconds

    def _load_function(self) -> Callable[[Any], Any]:
        with self._function_lock:
            if self._function is None:
                reply = sync(self._worker.loop, self._ask_for_function)
                if reply and "error" in reply:
                    raise unpack(reply["error"])
                data = reply and reply["ok"]
                if data is None:  # the run is over
                    self.stop()
                    return _never
                self._function = load_function(data, self._worker, self.run)
            return self._function

    async def _ask_for_function(self) -> Any:
        worker = self._worker
        ask = getattr(worker.scheduler, Route.FUNCTION)
        return await ask(run=self.run, worker=worker.address, versions=own_versions())

    def _evaluate(self, function: Callable[[Any], Any], pid: int, packed: Packed) -> None:
        begin = time.perf_counter()
        try:
            value = _call(function, packed)
        except BaseException as error:  # SystemExit in a user's function must not end the evaluator
            seconds = time.perf_counter() - begin
            failure = _describe(error)
            with self._lock:
                self._outbox.failures[pid] = failure
                self._outbox.seconds_of_failures += seconds
                self._send_soon()
            return
        seconds = time.perf_counter() - begin
        with self._lock:
            outbox = self._outbox
            outbox.ids.append(pid)
            outbox.values.append(value)
            outbox.durations.append(seconds)
            self._send_soon()

    # ---- from the worker's event loop

    def put(self, ids: Sequence[int], points: Sequence[Packed], sent: float, seconds: float) -> None:
        """Queue points, which take so many seconds each, or give them back when there is nobody to evaluate them."""
        with self._lock:
            self._seconds = seconds
            self._echo = (sent, time.monotonic())
            if self._slots == 0 or self._stopped:
                self._outbox.returned += ids
                self._send_soon()
                return
            for item in zip(ids, points, strict=True):
                self._items.put(item)

    def stop(self) -> None:
        """Let every evaluator go after the point that it is at."""
        with self._lock:
            self._stopped = True
            self._drain()
            self._leaving = self._slots
            for _ in range(self._slots):
                self._items.put(None)

    def send_away(self, keep: int) -> None:
        """Let evaluators go until so many are left, when the points that are here are begun."""
        with self._lock:
            for _ in range(self._slots - self._leaving - keep):
                self._leaving += 1
                self._items.put(None)

    def _flush(self) -> None:
        with self._lock:
            self._flushing = False
            outbox, self._outbox = self._outbox, _Outbox()
            slots = self._slots
            echo, self._echo = self._echo, None
        held = Echo(echo[0], time.monotonic() - echo[1]) if echo else None
        lifetime = (self._lifetime.total, self._lifetime.left) if self._lifetime else None
        self._worker.batched_send(
            _report(
                self.run,
                slots=slots,
                ids=outbox.ids,
                values=outbox.values,
                durations=outbox.durations,
                failures=outbox.failures,
                returned=outbox.returned,
                seconds_of_failures=outbox.seconds_of_failures,
                echo=held,
                broken=outbox.broken,
                lifetime=lifetime,
            )
        )

    # ---- with the lock held

    def _send_soon(self) -> None:
        if not self._flushing:
            self._flushing = True
            # One message takes all results that have gathered until the event loop gets to it.
            self._worker.loop.add_callback(self._flush)

    def _drain(self) -> list[int]:
        ids: list[int] = []
        while True:
            try:
                item = self._items.get_nowait()
            except queue.Empty:
                return ids
            if item is not None:
                ids.append(item[0])


class _Outbox:
    def __init__(self) -> None:
        self.ids: list[int] = []
        self.values: list[Packed] = []
        self.durations: list[float] = []
        self.failures: dict[int, tuple[str, bytes | None]] = {}
        self.seconds_of_failures = 0.0
        self.returned: list[int] = []
        self.broken: tuple[str | None, str] | None = None


def _report(run: str, **fields: Any) -> dict[str, Any]:
    return {"op": REPORT, "run": run, **{name: value for name, value in fields.items() if value or name == "slots"}}


def _never(point: Any) -> Any:
    raise RuntimeError("The run is over.")


def _call(function: Callable[[Any], Any], packed: Packed) -> Packed:
    value = function(unpack(packed))
    try:
        return pack(value)
    except Exception as error:
        raise TypeError(
            f"The function returned an object of type {type(value).__name__}, which cannot be pickled, "
            "so it cannot be sent to the learner. Return numbers, arrays, or other data that pickle takes."
        ) from error


def _describe(error: BaseException) -> tuple[str, bytes | None]:
    """The traceback, from the user's function on, and the exception where it can be pickled."""
    inner = error.__traceback__
    while inner is not None and inner.tb_frame.f_code.co_filename == __file__:
        inner = inner.tb_next
    text = _format(error.with_traceback(inner))
    try:
        return text, dumps(error.with_traceback(None))
    except Exception:
        return text, None


def _format(error: BaseException) -> str:
    return "".join(traceback.format_exception(error))
