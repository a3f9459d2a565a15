"""Reports of a worker to the scheduler about a run: results together, and descriptions of failures."""

from __future__ import annotations

import os
import stat
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from distributed import Worker

from adaptive_dask.cluster.dask_internals import forget_sent
from adaptive_dask.cluster.protocol import REPORT, Echo
from adaptive_dask.cluster.worker_call import Call, written_before
from adaptive_dask.isolated.supervisor import EvaluationFailedError
from adaptive_dask.plain import plain
from adaptive_dask.run.pickling import PackedValue, dumps_exception
from adaptive_dask.run.tracebacks import format_from_function

# The fields of a report that contain texts of user code or of this machine.
_WITH_TEXTS = ("failures", "broken", "log", "given_up")

# The environment variables of batch systems that contain the id of the job.
JOB_IDS = ("SLURM_JOB_ID", "PBS_JOBID", "LSB_JOBID", "JOB_ID")

# Dask keeps the last thousand messages. When their results exceed this size (bytes), they are removed.
MAX_LOGGED_BYTES = 16 * 2**20

# The longest time that a result waits for others (seconds).
MAX_RESULT_DELAY_S = 0.05


@dataclass
class Outbox:
    """Results that wait to be sent; see `adaptive_dask.cluster.protocol.Report`."""

    ids: list[int] = field(default_factory=list)
    values: list[PackedValue] = field(default_factory=list)
    durations: list[float] = field(default_factory=list)
    failures: dict[int, tuple[str, bytes | None]] = field(default_factory=dict)
    seconds_of_failures: float = 0.0
    returned: list[int] = field(default_factory=list)
    given_up: list[str] = field(default_factory=list)
    broken: tuple[str | None, str] | None = None

    def fields(self) -> dict[str, Any]:
        """Return the fields that are not empty, by name."""
        return {name: value for name, value in vars(self).items() if value}


class ReportSender:
    """Sends the reports of a run on a worker; each contains all results that are available when it is sent.

    Parameters
    ----------
    run : str
    worker : Worker
    lock : threading.Lock
        The lock of the `PointQueue`, which guards `outbox`.
    state : callable
        Returns the fields of a report about the state of the run; called with the lock held.

    Attributes
    ----------
    outbox : Outbox
    """

    def __init__(self, run: str, worker: Worker, lock: threading.Lock, state: Callable[[], dict[str, Any]]) -> None:
        self.outbox = Outbox()
        self._run = run
        self._worker = worker
        self._lock = lock
        self._state = state
        self._is_due = False
        self._batching = ResultBatching()
        self._echo: tuple[float, float] | None = None
        self._bytes_sent = 0  # size of the results since the last `forget_sent`

    # ---- with the lock held

    def note_points(self, sent: float, enough: int | None) -> None:
        """Record new points, and the time at which they were sent; see `ResultBatching.note_points`."""
        self._batching.note_points(enough)
        # The oldest message: Dask sends those of 5 ms together, and the points must last until the next ones.
        self._echo = self._echo or (sent, time.monotonic())

    def send_soon(self) -> None:
        """Send the outbox as soon as the event loop runs."""
        if not self._is_due:
            self._is_due = True
            self._worker.loop.add_callback(self._send)

    def send_result(self, points: int) -> None:
        """Send a result soon or together with later ones, depending on the number of points that wait."""
        if not self._batching.can_wait(points):
            self.send_soon()
        elif self._batching.begin(time.monotonic()):
            self._worker.loop.add_callback(self._worker.loop.call_later, MAX_RESULT_DELAY_S, self._ring)

    # ---- on the worker's event loop

    def forget_sent(self) -> None:
        """Remove results from Dask's log of messages."""
        if self._bytes_sent:
            self._bytes_sent = 0
            forget_sent(self._worker.batched_stream)

    def _ring(self) -> None:
        """Send results that have waited long enough."""
        with self._lock:
            left = self._batching.ring(time.monotonic())
            if left:
                self._worker.loop.call_later(left, self._ring)
            elif left is not None:
                self.send_soon()

    def _send(self) -> None:
        with self._lock:
            self._is_due = False
            self._batching.end()
            outbox, self.outbox = self.outbox, Outbox()
            contents = {**outbox.fields(), **self._state()}
            echo, self._echo = self._echo, None
        if echo:
            contents["echo"] = Echo(echo[0], time.monotonic() - echo[1])
        if outbox.failures:
            contents["log"] = log_location(self._worker)
        self._worker.batched_send(report(self._run, **contents))
        self._bytes_sent += sum(len(value) for value in outbox.values if type(value) is bytes)
        if self._bytes_sent > MAX_LOGGED_BYTES:
            self.forget_sent()


def report(run: str, **contents: Any) -> dict[str, Any]:
    """Return a message to the scheduler with plain texts, because others would close the worker's connection."""
    texts = {name: plain(contents[name]) for name in _WITH_TEXTS if name in contents}
    return {"op": REPORT, "run": run, **contents, **texts}


def describe(error: BaseException, call: Call) -> tuple[str, bytes | None]:
    """Return output and traceback of the user's function, and the exception if it can be pickled."""
    if isinstance(error, EvaluationFailedError):
        return written_before(error.text, call), error.pickled
    return written_before(format_from_function(error), call), dumps_exception(error)


def log_location(worker: Worker) -> str:
    """Return the location of this worker's output: a file, or the terminal or job that started it.

    Dask's `get_worker_logs` returns only messages of Dask.
    """
    jobs = [f", job {os.environ[name]}" for name in JOB_IDS if name in os.environ]
    job = jobs[0] if jobs else ""
    where = f"worker {worker.name!r} on {os.uname().nodename}{job}, in {worker.local_directory}"
    path = _file_of_stderr()
    return f"{path} ({where})" if path else f"the terminal or program that started {where}"


def _file_of_stderr() -> str | None:
    try:
        if stat.S_ISREG(os.fstat(2).st_mode):
            path = os.readlink("/proc/self/fd/2")
            return path if os.path.exists(path) else None  # unless the file was deleted
    except OSError:
        pass
    return None


class ResultBatching:
    """Decides which results can wait, and for how long; called under the lock of a `PointQueue`.

    One message per result is expensive for the scheduler if there are many runs of fast functions. Results can wait
    while the evaluators have points. When few points are left, one message is sent at once, so that the scheduler sends
    more points. Then results wait again until new points come or none are left.
    """

    def __init__(self) -> None:
        self._enough: int | None = None
        self._has_asked = False  # True if a message was sent at once, and no points have come since
        self._since: float | None = None  # arrival of the oldest waiting result (monotonic clock)
        self._is_timed = False

    def note_points(self, enough: int | None) -> None:
        """Record new points; while more than `enough` points wait, results can wait."""
        self._enough = enough
        self._has_asked = False

    def can_wait(self, points: int) -> bool:
        """Return True if a new result can wait, given the number of points that wait on the worker."""
        if self._enough is None or not points:
            return False
        is_low = points <= self._enough
        asks = is_low and not self._has_asked
        self._has_asked = is_low
        return not asks

    def begin(self, now: float) -> bool:
        """Record that a result waits; return True if a timer that calls `ring` has to be set."""
        if self._since is None:
            self._since = now
        needs_timer, self._is_timed = not self._is_timed, True
        return needs_timer

    def end(self) -> None:
        """Record that all results were sent."""
        self._since = None

    def ring(self, now: float) -> float | None:
        """Return what to do after the timer has expired.

        Returns
        -------
        float or None
            Seconds until the next call, if the waiting results came later; 0 if results have to be sent now; None if no
            results wait.
        """
        left = None if self._since is None else max(0.0, self._since + MAX_RESULT_DELAY_S - now)
        self._is_timed = bool(left)
        return left
