"""Threads that call functions for the event loop, and wake it once for several results."""

from __future__ import annotations

import asyncio
import queue
import threading
import time
from collections import deque
from collections.abc import Callable
from typing import Any

from adaptive_dask.logs import get_logger
from adaptive_dask.run.tracebacks import place_of
from adaptive_dask.user_code import as_exception

logger = get_logger(__name__)

# A call that takes longer than this time (seconds) is late, and its thread is replaced by another one.
CALL_TIMEOUT_S = 5.0

# The maximum number of threads that are replaced, in case that all calls hang.
MAX_LATE_CALLS = 256


class ThreadCall:
    """A call in a thread.

    Attributes
    ----------
    future : asyncio.Future
        Its result.
    begin : float or None
        The start of the call, on the monotonic clock.
    thread : threading.Thread or None
        The thread of the call.
    is_late : bool
        True if another thread has replaced this one, which ends with the call.
    """

    __slots__ = ("args", "begin", "call", "future", "is_late", "is_over", "on_late", "thread")

    def __init__(
        self,
        future: asyncio.Future[Any],
        call: Callable[..., Any],
        args: tuple[Any, ...],
        on_late: Callable[[ThreadCall], None] | None,
    ) -> None:
        self.future = future
        self.call: Callable[..., Any] | None = call
        self.args = args
        self.on_late = on_late
        self.begin: float | None = None
        self.thread: threading.Thread | None = None
        self.is_late = self.is_over = False

    def describe(self) -> str:
        """Describe the duration of the call so far, and its position in the code."""
        place = "" if self.thread is None else place_of(self.thread)
        seconds = 0.0 if self.begin is None else time.monotonic() - self.begin
        return f"{seconds:.0f} s" + (f" in {place}" if place else "")

    def make(self) -> tuple[Any, BaseException | None]:
        """Call the function in the current thread, and release it with its arguments."""
        call, args = self.call, self.args
        assert call is not None
        self.thread = threading.current_thread()
        self.begin = time.monotonic()
        try:
            return call(*args), None
        except BaseException as error:  # raised on the event loop, SystemExit and others would end it
            return None, as_exception(error)
        finally:
            self.call, self.args = None, ()


class CallThreads:
    """Threads for learners; lives on the event loop.

    Waking the event loop is the most expensive part of a call that takes 0.1 ms, because the thread releases the
    interpreter lock and has to wait for it. The loop is therefore woken once for all results that are available when it
    runs.

    Parameters
    ----------
    most : int
        The largest number of threads, not counting those whose calls are late.
    name : str, default: "learner"
        Used in the names of the threads.
    timeout : float, default: `CALL_TIMEOUT_S`
        The time after which a call is late, in seconds.
    """

    def __init__(self, most: int, name: str = "learner", timeout: float = CALL_TIMEOUT_S) -> None:
        self.timeout = timeout
        self._most = most
        self._name = name
        self._loop = asyncio.get_running_loop()
        self._calls: queue.SimpleQueue[ThreadCall | None] = queue.SimpleQueue()
        self._answers: deque[tuple[ThreadCall, Any, BaseException | None]] = deque()
        self._is_woken = False  # True if a call of `_deliver` is scheduled
        self._in_progress: dict[ThreadCall, None] = {}  # oldest first
        self._late = 0
        self._threads = 0  # waiting for a call
        self._numbers = 0
        self._lock = threading.Lock()  # guards the ends of calls and `is_late`
        self._timer: asyncio.TimerHandle | None = None

    async def call(self, call: Callable[..., Any], *args: Any) -> Any:
        """Call a function in a thread, and return its result."""
        return await self.begin(call, *args)

    def begin(
        self, call: Callable[..., Any], *args: Any, on_late: Callable[[ThreadCall], None] | None = None
    ) -> asyncio.Future[Any]:
        """Begin to call a function in a thread.

        Parameters
        ----------
        on_late : callable, optional
            Called on the event loop if the call takes longer than the timeout.

        Returns
        -------
        asyncio.Future
            If it is cancelled or resolved by others, the call continues and its result is dropped.
        """
        made = ThreadCall(self._loop.create_future(), call, args, on_late)
        self._in_progress[made] = None
        self._start_threads()
        self._calls.put(made)
        if self._timer is None:
            self._timer = self._loop.call_later(self.timeout / 4, self._look)
        return made.future

    def close(self) -> None:
        """Let the threads end after the calls that wait."""
        for _ in range(self._threads):
            self._calls.put(None)

    def _start_threads(self) -> None:
        while self._threads < min(len(self._in_progress) - self._late, self._most):
            name = f"adaptive-{self._name}_{self._numbers}"
            threading.Thread(target=self._work, name=name, daemon=True).start()
            self._threads += 1
            self._numbers += 1

    def _look(self) -> None:
        """Replace the threads of calls that are late, and check again while there are calls."""
        self._timer = None
        latest = time.monotonic() - self.timeout
        for call in [call for call in self._in_progress if call.begin is not None and call.begin < latest]:
            if not call.is_late and self._late < MAX_LATE_CALLS:
                self._replace(call)
        if len(self._in_progress) > self._late:
            self._timer = self._loop.call_later(self.timeout / 4, self._look)

    def _replace(self, call: ThreadCall) -> None:
        with self._lock:
            if call.is_over:
                return
            call.is_late = True
        self._late += 1
        self._threads -= 1
        self._start_threads()
        if self._late == MAX_LATE_CALLS:
            logger.warning("%d calls hang. Threads of further calls that hang are not replaced.", MAX_LATE_CALLS)
        if call.on_late is not None:
            call.on_late(call)

    def _deliver(self) -> None:
        self._is_woken = False  # first, because otherwise later results could be missed
        while self._answers:
            call, result, error = self._answers.popleft()
            del self._in_progress[call]
            self._late -= call.is_late
            if call.future.done():  # was given up
                continue
            if error is None:
                call.future.set_result(result)
            else:
                call.future.set_exception(error)

    # ---- in the threads

    def _work(self) -> None:
        while self._answer_one():
            pass

    def _answer_one(self) -> bool:
        """Make a call; return True if the thread may make more. Afterwards, no reference to the call is left."""
        call = self._calls.get()
        if call is None:
            return False
        result, error = call.make()
        with self._lock:
            call.is_over = True
        self._answers.append((call, result, error))
        if not self._is_woken:
            self._is_woken = True
            try:
                self._loop.call_soon_threadsafe(self._deliver)
            except RuntimeError:  # the event loop is closed
                return False
        return not call.is_late
