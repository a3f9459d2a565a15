"""The threads and the client of the host, which exist only while they are needed."""

from __future__ import annotations

import asyncio
import contextlib
import copy
import sys
import threading
from collections.abc import Callable, Iterator
from typing import Any, cast

from distributed import Client, Scheduler
from tornado.ioloop import PeriodicCallback

from adaptive_dask import config
from adaptive_dask.cluster.scheduler_memory import HOST_CLIENT
from adaptive_dask.cluster.scheduler_threads import CallThreads
from adaptive_dask.errors import AdaptiveError
from adaptive_dask.run.pickling import PackedError, pack_error

# The number of threads; learners are mostly Python code, so more threads would wait for each other.
MAX_LEARNER_THREADS = 4

# The number of checkpoints that are opened or closed at a time; they wait for locks or disks.
MAX_CHECKPOINT_THREADS = 64

# The smallest value of the setting for the time limit of a learner's call (seconds).
MIN_LEARNER_TIMEOUT_S = 0.01

# The event loop waits this time for the interpreter lock of a learner that computes (seconds). Python's default of 5 ms
# would be added to every message of the scheduler.
SWITCH_INTERVAL_S = 0.0005

_switch_lock = threading.Lock()
_switch_users = 0  # hosts with runs in this process, which may have several schedulers
_switch_before = 0.0


class HostResources:
    """Creates threads and a client when they are needed, and closes them without runs and requests.

    Lives on the scheduler's event loop.

    Parameters
    ----------
    scheduler : Scheduler
    is_hosting : callable
        Returns True if there are runs that have not ended.
    """

    def __init__(self, scheduler: Scheduler, is_hosting: Callable[[], bool]) -> None:
        self.client: Client | None = None
        self.threads: CallThreads | None = None
        self.checkpoint_threads: CallThreads | None = None
        self.load_threads: CallThreads | None = None
        self._scheduler = scheduler
        self._is_hosting = is_hosting
        self._client_lock = asyncio.Lock()
        self._requests = 0  # in progress
        self._closing: set[asyncio.Future[Any]] = set()
        # idle_timeout must not close the scheduler while a run waits.
        self.keep_open = PeriodicCallback(self._note_activity, 500)

    def learner_threads(self) -> CallThreads:
        """Return the threads of the learners."""
        if self.threads is None:
            timeout = max(config.get("learner-timeout"), MIN_LEARNER_TIMEOUT_S)
            self.threads = CallThreads(MAX_LEARNER_THREADS, timeout=timeout)
        return self.threads

    def loading_threads(self) -> CallThreads:
        """Return the threads in which learners are loaded."""
        if self.load_threads is None:
            self.load_threads = CallThreads(MAX_LEARNER_THREADS, "loading", self.learner_threads().timeout)
        return self.load_threads

    async def apart(self, call: Callable[..., Any], *args: Any) -> Any:
        """Call a function that may wait, in a thread that no learner needs."""
        if self.checkpoint_threads is None:
            self.checkpoint_threads = CallThreads(MAX_CHECKPOINT_THREADS, "checkpoints")
        return await self.checkpoint_threads.call(call, *args)

    async def pack(self, error: BaseException) -> PackedError:
        """Pack an error in a thread, because this calls user code; if it does not end, return an error that says so."""
        packing = asyncio.ensure_future(self.apart(pack_error, error))
        await asyncio.wait([packing], timeout=self.learner_threads().timeout)
        if packing.done():
            return cast(PackedError, packing.result())
        packing.cancel()
        return pack_error(AdaptiveError(f"A {type(error).__name__} was raised, whose pickling does not end."))

    async def get_client(self) -> Client:
        """Return an asynchronous client of this scheduler."""
        async with self._client_lock:
            if self.client is None:
                self.client = await Client(
                    self._scheduler.address,
                    asynchronous=True,
                    set_as_default=False,
                    security=_as_client(self._scheduler.security),
                    name=HOST_CLIENT,
                )
                # Do not show output that workers send with Dask's `print` and `warn`; the user's client does.
                for topic in ("print", "warn"):
                    with contextlib.suppress(ValueError):  # not subscribed to
                        self.client.unsubscribe_topic(topic)
            return self.client

    @contextlib.contextmanager
    def in_use(self) -> Iterator[None]:
        """Keep the threads during a request."""
        self._requests += 1
        try:
            yield
        finally:
            self._requests -= 1
            self.rest_if_idle()

    def rest_if_idle(self) -> None:
        """Close client and threads if there are no runs and no requests."""
        busy = self._is_hosting()
        if busy and not self.keep_open.is_running():
            self.keep_open.start()
            _share_interpreter(1)
        if not busy and self.keep_open.is_running():
            self.keep_open.stop()
            _share_interpreter(-1)
        if not busy and self._requests == 0:
            task = asyncio.ensure_future(self.close())
            self._closing.add(task)
            task.add_done_callback(self._closing.discard)

    async def close(self) -> None:
        """Close client and threads; they are created again if they are needed."""
        client, self.client = self.client, None
        pools = self.threads, self.checkpoint_threads, self.load_threads
        self.threads = self.checkpoint_threads = self.load_threads = None
        for threads in pools:
            if threads is not None:
                threads.close()
        if client is not None and client.status != "closed":
            await client.close()

    async def shut_down(self, timeout: float) -> None:
        """Close everything, and wait up to `timeout` seconds for clients that are closing."""
        await self.close()
        if self._closing:
            await asyncio.wait(self._closing, timeout=timeout)

    def _note_activity(self) -> None:
        self._scheduler.idle_since = None


def _as_client(security: Any) -> Any:
    """Return the scheduler's `distributed.Security` with its own certificate for clients, if they have none.

    ``dask scheduler --tls-cert`` and Dask Gateway configure only the certificate of the scheduler.
    """
    if security.tls_client_cert is not None or security.tls_scheduler_cert is None:
        return security
    security = copy.copy(security)
    security.tls_client_cert, security.tls_client_key = security.tls_scheduler_cert, security.tls_scheduler_key
    return security


def _share_interpreter(change: int) -> None:
    """Count hosts with runs; while there are some, threads switch more often."""
    global _switch_users, _switch_before
    with _switch_lock:
        if _switch_users == 0:
            _switch_before = sys.getswitchinterval()
            sys.setswitchinterval(min(SWITCH_INTERVAL_S, _switch_before))
        _switch_users += change
        if _switch_users == 0:
            sys.setswitchinterval(_switch_before)
