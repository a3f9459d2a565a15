"""All private names of Dask that this package uses, as seen in distributed 2026.8.0.

Each is used in one function here. ``tests/cluster/test_dask_internals.py`` fails if one of them is renamed or removed.
"""

from __future__ import annotations

import threading
from collections.abc import Sequence
from types import FrameType
from typing import TYPE_CHECKING, Any

from distributed.threadpoolexecutor import thread_state, threads_lock
from distributed.utils import sync
from distributed.worker_state_machine import SecedeEvent

if TYPE_CHECKING:
    from distributed import Scheduler, Worker


def pool_of_this_thread() -> Any:
    """The pool of the current thread, as `thread_state.executor`; None if the pool is not one of Dask's."""
    return getattr(thread_state, "executor", None)


def is_in_pool(pool: Any, thread: threading.Thread) -> bool:
    """Whether a pool counts a thread among its own (`ThreadPoolExecutor._threads`): False after `secede`."""
    return thread in pool._threads


def replace_thread(pool: Any, thread: threading.Thread) -> bool:
    """Start another thread in the place of one that hangs, as `secede` does; False if the thread is not in the pool."""
    with threads_lock:
        if thread not in pool._threads:
            return False
        pool._threads.discard(thread)
        pool._adjust_thread_count()
        return True


def add_thread(pool: Any, beside: threading.Thread) -> bool:
    """Start one more thread beside one that waits; False if that one is not in the pool."""
    with threads_lock:
        if beside not in pool._threads:
            return False
        pool._max_workers += 1
        pool._adjust_thread_count()
        return True


def end_this_thread(pool: Any, *, had_added: bool) -> None:
    """End the current thread after its task (`thread_state.proceed`), and undo `add_thread` if it was called."""
    with threads_lock:  # the function may have seceded and rejoined meanwhile
        pool._threads.discard(threading.current_thread())
        pool._max_workers -= had_added
    thread_state.proceed = False


def secede_task(worker: Worker, key: str, seconds: float, stimulus: str) -> None:
    """Let a worker treat a task as one that has seceded after some seconds (`SecedeEvent`)."""
    worker.handle_stimulus(SecedeEvent(key=key, compute_duration=seconds, stimulus_id=stimulus))


def waits_for_dask(frame: FrameType | None) -> bool:
    """Whether a stack is inside of `distributed.utils.sync` or Dask's client, so that it waits for the cluster."""
    while frame is not None:
        if frame.f_code is sync.__code__ or frame.f_globals.get("__name__") == "distributed.client":
            return True
        frame = frame.f_back
    return False


def forget_sent(worker: Worker) -> None:
    """Empty the log of messages that a worker has sent (`BatchedSend.recent_message_log`)."""
    log = getattr(worker.batched_stream, "recent_message_log", None)
    if log is not None:
        log.clear()


def monitor_times(worker: Worker) -> tuple[Sequence[float], int]:
    """Times of measurements of a worker's `SystemMonitor`, and the number of earlier ones that it has discarded."""
    times = worker.monitor.quantities["time"]
    return times, worker.monitor.count - len(times)


def forget_submissions(span: Any) -> None:
    """Forget what a span stores of each submission (`Span._metadata`)."""
    span._metadata = None


def event_topics(scheduler: Scheduler) -> dict[str, Any]:
    """The scheduler's logs of events by topic (`Scheduler._broker._topics`)."""
    topics: dict[str, Any] = getattr(getattr(scheduler, "_broker", None), "_topics", {})
    return topics
