"""All uses of private names of Dask, as seen in distributed 2026.8.0.

Each is used in one function here. ``tests/cluster/test_dask_internals.py`` fails if one of them is renamed or removed.
"""

from __future__ import annotations

import threading
from collections.abc import Sequence
from types import FrameType
from typing import Any

from distributed import Scheduler, Worker
from distributed.threadpoolexecutor import thread_state, threads_lock
from distributed.utils import sync
from distributed.worker_state_machine import SecedeEvent


def pool_of_this_thread() -> Any:
    """Return the pool of the current thread (`thread_state.executor`); None if it is not a pool of Dask."""
    return getattr(thread_state, "executor", None)


def is_in_pool(pool: Any, thread: threading.Thread) -> bool:
    """Return whether a thread belongs to a pool (`ThreadPoolExecutor._threads`); False after `secede`."""
    return thread in pool._threads


def replace_thread(pool: Any, thread: threading.Thread) -> bool:
    """Replace a thread that hangs, as `secede` does; return False if the thread is not in the pool."""
    with threads_lock:
        if thread not in pool._threads:
            return False
        pool._threads.discard(thread)
        pool._adjust_thread_count()
        return True


def add_thread(pool: Any, beside: threading.Thread) -> bool:
    """Add a thread to a pool; return False if the thread `beside` is not in the pool."""
    with threads_lock:
        if beside not in pool._threads:
            return False
        pool._max_workers += 1
        pool._adjust_thread_count()
        return True


def end_this_thread(pool: Any, *, had_added: bool) -> None:
    """End the current thread after its task (`thread_state.proceed`), and undo `add_thread`."""
    with threads_lock:  # the function may have seceded and rejoined meanwhile
        pool._threads.discard(threading.current_thread())
        pool._max_workers -= had_added
    thread_state.proceed = False


def secede_task(worker: Worker, key: str, seconds: float, stimulus: str) -> None:
    """Tell a worker that a task has seceded after some seconds (`SecedeEvent`)."""
    worker.handle_stimulus(SecedeEvent(key=key, compute_duration=seconds, stimulus_id=stimulus))


def waits_for_dask(frame: FrameType | None) -> bool:
    """Return whether a stack waits for the cluster, in `distributed.utils.sync` or in Dask's client."""
    while frame is not None:
        if frame.f_code is sync.__code__ or frame.f_globals.get("__name__") == "distributed.client":
            return True
        frame = frame.f_back
    return False


def forget_sent(stream: Any) -> None:
    """Empty the log of messages that were sent to a peer (`BatchedSend.recent_message_log`)."""
    log = getattr(stream, "recent_message_log", None)
    if log is not None:
        log.clear()


def monitor_times(worker: Worker) -> tuple[Sequence[float], int]:
    """Return the times of a worker's `SystemMonitor`, and the number of earlier times that were discarded."""
    times = worker.monitor.quantities["time"]
    return times, worker.monitor.count - len(times)


def forget_submissions(span: Any) -> None:
    """Clear the records of submissions in a span (`Span._metadata`)."""
    span._metadata = None


def event_topics(scheduler: Scheduler) -> dict[str, Any]:
    """Return the scheduler's logs of events by topic (`Scheduler._broker._topics`)."""
    topics: dict[str, Any] = getattr(getattr(scheduler, "_broker", None), "_topics", {})
    return topics
