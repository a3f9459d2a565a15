"""A few threads that make calls for the event loop; it is woken once for several answers."""

from __future__ import annotations

import asyncio
import queue
import threading
import time
from collections import deque
from collections.abc import Callable
from typing import Any

from adaptive_dask.plain import get_logger
from adaptive_dask.run.tracebacks import place_of
from adaptive_dask.user_code import as_exception

logger = get_logger(__name__)

# A call that takes so long (seconds) does not keep a thread from others: another one takes its place.
CALL_TIMEOUT_S = 5.0

# So many threads are replaced at most, or calls that always hang would start threads without end.
MAX_LATE_CALLS = 256


class ThreadCall:
    """A call in a thread.

    Attributes
    ----------
    future : asyncio.Future
        Of what it returns.
    begin : float or None
        When it began, on the monotonic clock.
    thread : threading.Thread or None
        Where it is made.
    is_late : bool
        Whether another thread has taken the place of this one, which ends with the call.
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
        """For how long it has been made, and where it is."""
        place = "" if self.thread is None else place_of(self.thread)
        seconds = 0.0 if self.begin is None else time.monotonic() - self.begin
        return f"{seconds:.0f} s" + (f" in {place}" if place else "")

    def make(self) -> tuple[Any, BaseException | None]:
        """Make the call; in its thread. Then this holds nothing of it."""
        call, args = self.call, self.args
        assert call is not None
        self.thread = threading.current_thread()
        self.begin = time.monotonic()
        try:
            return call(*args), None
        except BaseException as error:  # on the event loop, some would end more than their caller
            return None, as_exception(error)
        finally:
            self.call, self.args = None, ()


class CallThreads:
    """Threads for learners; lives on the event loop.

    To wake the event loop is the dearest part of a call that takes a tenth of a millisecond: the thread gives Python's
    interpreter away for it, and has to wait for it again. So it is woken once for all answers that are there by then.

    Parameters
    ----------
    most : int
        How many threads there may be, without those whose calls are late.
    name : str, default: "learner"
        What they are called.
    timeout : float, default: `CALL_TIMEOUT_S`
        After how long a call is late, in seconds.
    """

    def __init__(self, most: int, name: str = "learner", timeout: float = CALL_TIMEOUT_S) -> None:
        self.timeout = timeout
        self._most = most
        self._name = name
        self._loop = asyncio.get_running_loop()
        self._calls: queue.SimpleQueue[ThreadCall | None] = queue.SimpleQueue()
        self._answers: deque[tuple[ThreadCall, Any, BaseException | None]] = deque()
        self._is_woken = False  # `_deliver` is going to be called
        self._under_way: dict[ThreadCall, None] = {}  # oldest first
        self._late = 0
        self._threads = 0  # that come back for another call
        self._numbers = 0
        self._lock = threading.Lock()  # of whether a call is over or late
        self._timer: asyncio.TimerHandle | None = None

    async def call(self, call: Callable[..., Any], *args: Any) -> Any:
        """Call something in a thread."""
        return await self.begin(call, *args)

    def begin(
        self, call: Callable[..., Any], *args: Any, on_late: Callable[[ThreadCall], None] | None = None
    ) -> asyncio.Future[Any]:
        """Have something called in a thread.

        Parameters
        ----------
        on_late : callable, optional
            Called on the event loop when the call has taken longer than the timeout.

        Returns
        -------
        asyncio.Future
            Whoever resolves it or cancels it gives the call up: it goes on, and what it returns is dropped.
        """
        made = ThreadCall(self._loop.create_future(), call, args, on_late)
        self._under_way[made] = None
        self._start_threads()
        self._calls.put(made)
        if self._timer is None:
            self._timer = self._loop.call_later(self.timeout / 4, self._look)
        return made.future

    def close(self) -> None:
        """Let the threads end, after the calls that wait."""
        for _ in range(self._threads):
            self._calls.put(None)

    def _start_threads(self) -> None:
        while self._threads < min(len(self._under_way) - self._late, self._most):
            name = f"adaptive-{self._name}_{self._numbers}"
            threading.Thread(target=self._work, name=name, daemon=True).start()
            self._threads += 1
            self._numbers += 1

    def _look(self) -> None:
        """Have other threads take the places of those whose calls are late, and look again while there are calls."""
        self._timer = None
        latest = time.monotonic() - self.timeout
        for call in [call for call in self._under_way if call.begin is not None and call.begin < latest]:
            if not call.is_late and self._late < MAX_LATE_CALLS:
                self._replace(call)
        if len(self._under_way) > self._late:
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
            logger.warning("%d calls hang; the next that does keeps its thread from others.", MAX_LATE_CALLS)
        if call.on_late is not None:
            call.on_late(call)

    def _deliver(self) -> None:
        self._is_woken = False  # first, or what is answered from now on could be missed
        while self._answers:
            call, result, error = self._answers.popleft()
            del self._under_way[call]
            self._late -= call.is_late
            if call.future.done():  # nobody waits for it any more
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
        """Make a call; says whether there may be more. When it returns, the thread holds nothing of it."""
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
            except RuntimeError:  # the loop is closed, and nobody waits
                return False
        return not call.is_late
