"""The private names of Dask that this package uses still exist and mean the same."""

from __future__ import annotations

import sys
import threading

from distributed import Client, Event, get_worker
from distributed.threadpoolexecutor import ThreadPoolExecutor
from distributed.utils_test import gen_cluster, inc

from adaptive_dask.cluster import dask_internals
from adaptive_dask.run.waits import waiting_for_run, waits_for_run

from ..patience import OPTIONS, TIMEOUT, until

HINT = "Dask has changed: see adaptive_dask/cluster/dask_internals.py"


def blocked(pool, leave, **kwargs):
    """Submit a call that is in the pool until `leave` is set; returns its future, pool and thread."""
    entered, found = threading.Event(), []

    def call():
        found.extend([dask_internals.pool_of_this_thread(), threading.current_thread()])
        entered.set()
        assert leave.wait(TIMEOUT)
        if kwargs:
            dask_internals.end_this_thread(pool, **kwargs)

    future = pool.submit(call)
    assert entered.wait(TIMEOUT)
    return future, *found


def test_a_pool_replaces_a_thread_that_hangs():
    leave = threading.Event()
    with ThreadPoolExecutor(1) as pool:
        future, found, thread = blocked(pool, leave, had_added=False)
        assert found is pool, HINT
        assert dask_internals.is_in_pool(pool, thread), HINT
        assert dask_internals.replace_thread(pool, thread)
        assert not dask_internals.is_in_pool(pool, thread), HINT
        assert not dask_internals.replace_thread(pool, thread)
        assert pool.submit(inc, 1).result(TIMEOUT) == 2, HINT
        leave.set()
        future.result(TIMEOUT)
        thread.join(TIMEOUT)
        assert not thread.is_alive(), HINT


def test_a_pool_gets_one_more_thread_until_the_one_that_waited_ends():
    leave = threading.Event()
    with ThreadPoolExecutor(1) as pool:
        future, _, thread = blocked(pool, leave, had_added=True)
        assert dask_internals.add_thread(pool, thread)
        assert pool.submit(inc, 1).result(TIMEOUT) == 2, HINT
        leave.set()
        future.result(TIMEOUT)
        thread.join(TIMEOUT)
        assert not thread.is_alive(), HINT
        assert pool._max_workers == 1
        assert not dask_internals.add_thread(pool, thread)


def test_a_thread_outside_of_a_pool_has_none():
    assert dask_internals.pool_of_this_thread() is None
    assert not dask_internals.waits_for_dask(sys._getframe())


def test_waits_are_marked_in_their_thread_until_the_outermost_ends():
    this = threading.current_thread()
    assert not waits_for_run(this)
    with waiting_for_run():
        with waiting_for_run():
            assert waits_for_run(this)
        assert waits_for_run(this)
        assert not waits_for_run(threading.Thread())
    assert not waits_for_run(this)


def waits_for_an_event(name):
    get_worker().thread_of_test = threading.current_thread()
    return Event(name).wait()


@gen_cluster(**{**OPTIONS, "nthreads": [("127.0.0.1", 1)]})
async def test_whoever_waits_for_dask_is_seen_and_its_task_can_be_seceded(c: Client, s, w):
    future = c.submit(waits_for_an_event, "of-this-test")

    def is_seen():
        thread = getattr(w, "thread_of_test", None)
        return thread and dask_internals.waits_for_dask(sys._current_frames().get(thread.ident))

    await until(is_seen)
    dask_internals.secede_task(w, future.key, 1.0, "test")
    assert w.state.tasks[future.key].state == "long-running", HINT
    await Event("of-this-test").set()
    assert await future


@gen_cluster(**{**OPTIONS, "nthreads": [("127.0.0.1", 1)]})
async def test_logs_times_and_events_are_where_they_were(c: Client, s, w):
    assert await c.submit(inc, 1) == 2
    assert w.batched_stream.recent_message_log, HINT
    dask_internals.forget_sent(w.batched_stream)
    assert not w.batched_stream.recent_message_log, HINT

    times, discarded = dask_internals.monitor_times(w)
    assert len(times) >= 1, HINT
    assert discarded == 0, HINT

    s.log_event("a-topic-of-this-test", {"action": "none"})
    assert "a-topic-of-this-test" in dask_internals.event_topics(s), HINT

    spans = s.extensions["spans"].spans
    for span in spans.values():
        assert hasattr(span, "_metadata"), HINT
        dask_internals.forget_submissions(span)
    assert spans
