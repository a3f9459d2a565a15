"""Threads that make calls for an event loop: each call is answered, whatever the others do."""

from __future__ import annotations

import asyncio
import gc
import threading
import weakref
from concurrent.futures import CancelledError as FuturesError

import pytest

from adaptive_dask.cluster.scheduler_threads import CallThreads
from adaptive_dask.errors import LearnerError

from ..patience import TIMEOUT, until, wait_until


def run(coroutine):
    async def limited():
        async with asyncio.timeout(TIMEOUT):
            return await coroutine

    before = threading.active_count()
    result = asyncio.run(limited())
    wait_until(lambda: threading.active_count() <= before)
    return result


def test_results_and_errors_go_to_their_callers():
    async def go():
        threads = CallThreads(3)
        replies = await asyncio.gather(*(threads.call(divmod, 10, i % 5) for i in range(500)), return_exceptions=True)
        threads.close()
        return replies

    for i, reply in enumerate(run(go())):
        assert isinstance(reply, ZeroDivisionError) if i % 5 == 0 else reply == divmod(10, i % 5)


def test_whatever_is_raised():
    async def go():
        threads = CallThreads(1)
        for kind in (StopIteration, SystemExit, KeyboardInterrupt, GeneratorExit, asyncio.CancelledError, FuturesError):
            # Raised on the event loop, these would end more than their caller.
            with pytest.raises(LearnerError, match=kind.__name__) as caught:
                await threads.call(raise_, kind())
            assert type(caught.value.__cause__) is kind
        with pytest.raises(KeyError):
            await threads.call(raise_, KeyError())
        threads.close()

    run(go())


def raise_(error):
    raise error


def test_no_more_threads_than_said_nor_than_needed():
    async def go():
        threads = CallThreads(2)
        for _ in range(10):
            await threads.call(int)
        one = threading.active_count()
        await asyncio.gather(*(threads.call(int) for _ in range(10)))
        two = threading.active_count()
        threads.close()
        return two - one

    assert run(go()) == 1


def test_a_long_call_keeps_no_answer_back():
    """Of what the same thread was at before."""

    async def go():
        threads = CallThreads(1)
        gate = threading.Event()
        short = asyncio.ensure_future(threads.call(int))
        long = asyncio.ensure_future(threads.call(gate.wait, TIMEOUT))
        assert await short == 0
        assert not long.done()
        gate.set()
        await long
        threads.close()

    run(go())


def test_a_caller_that_is_gone_disturbs_nobody():
    async def go():
        threads = CallThreads(1)
        gate = threading.Event()
        waiting = asyncio.ensure_future(threads.call(gate.wait, TIMEOUT))
        await asyncio.sleep(0)
        waiting.cancel()
        gate.set()
        assert await threads.call(int) == 0
        with pytest.raises(asyncio.CancelledError):
            await waiting
        threads.close()

    run(go())


def test_nothing_of_a_call_is_held():
    class Learner:
        def step(self):
            return 1

    async def go():
        threads = CallThreads(2)
        learner = Learner()
        ref = weakref.ref(learner)
        assert await threads.call(learner.step) == 1
        del learner
        gc.collect()
        await until(lambda: ref() is None)
        threads.close()

    run(go())
