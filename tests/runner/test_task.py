"""The end of a run as something to await, ask and cancel."""

from __future__ import annotations

import asyncio
import gc
import threading
from concurrent.futures import Future
from typing import Any

import pytest

from adaptive_dask.errors import SchedulerLostError
from adaptive_dask.runner.task import RunTask, cancelling_task, wait

from ..patience import TIMEOUT


class Run:
    """A run that ends when it is told to."""

    def __init__(self) -> None:
        self.done: Future[None] = Future()
        self.cancels = 0
        self.task = RunTask(self.done, self.cancel)

    def cancel(self) -> None:
        self.cancels += 1

    def end_cancelled(self) -> None:
        self.done.cancel()
        self.done.set_running_or_notify_cancel()


@pytest.fixture
def run() -> Run:
    return Run()


async def turns(n: int = 5) -> None:
    """Let everything else on the loop go on for some turns."""
    for _ in range(n):
        await asyncio.sleep(0)


# ---- asked, without an event loop


def test_a_run_that_goes_on(run: Run) -> None:
    assert not run.task.done()
    assert not run.task.cancelled()
    with pytest.raises(asyncio.InvalidStateError):
        run.task.result()
    with pytest.raises(asyncio.InvalidStateError):
        run.task.exception()


def test_a_finished_run(run: Run) -> None:
    run.done.set_result(None)
    assert run.task.done()
    assert not run.task.cancelled()
    assert run.task.result() is None
    assert run.task.exception() is None


def test_a_failed_run(run: Run) -> None:
    error = RuntimeError("broken")
    run.done.set_exception(error)
    assert run.task.done()
    assert run.task.exception() is error
    with pytest.raises(RuntimeError) as caught:
        run.task.result()
    assert caught.value is error


def test_a_cancelled_run(run: Run) -> None:
    run.end_cancelled()
    assert run.task.done()
    assert run.task.cancelled()
    with pytest.raises(asyncio.CancelledError):
        run.task.result()
    with pytest.raises(asyncio.CancelledError):
        run.task.exception()


def test_cancel_asks_the_run_to_end(run: Run) -> None:
    assert run.task.cancel()
    assert run.cancels == 1
    assert not run.task.done(), "it is when the run has ended"
    run.end_cancelled()
    assert not run.task.cancel()
    assert run.cancels == 1


def test_callbacks_get_the_task(run: Run) -> None:
    called: list[Any] = []
    run.task.add_done_callback(called.append)
    assert called == []
    run.done.set_result(None)
    run.task.add_done_callback(called.append)
    assert called == [run.task, run.task]


# ---- awaited


def end_from_a_thread(end: Any, *args: Any) -> None:
    thread = threading.Thread(target=end, args=args)
    thread.start()
    thread.join(TIMEOUT)


async def test_await_a_finished_run(run: Run) -> None:
    waiting = asyncio.ensure_future(run.task)
    await turns()
    assert not waiting.done()
    end_from_a_thread(run.done.set_result, None)
    assert await asyncio.wait_for(waiting, TIMEOUT) is None
    assert await run.task is None, "as often as one likes"


async def test_await_a_failed_run(run: Run) -> None:
    waiting = asyncio.ensure_future(run.task)
    await turns()
    error = RuntimeError("broken")
    end_from_a_thread(run.done.set_exception, error)
    with pytest.raises(RuntimeError) as caught:
        await asyncio.wait_for(waiting, TIMEOUT)
    assert caught.value is error


async def test_await_a_cancelled_run(run: Run) -> None:
    waiting = asyncio.ensure_future(run.task)
    await turns()
    end_from_a_thread(run.end_cancelled)
    with pytest.raises(asyncio.CancelledError):
        await asyncio.wait_for(waiting, TIMEOUT)
    assert run.cancels == 0, "it has ended already"


async def test_who_cancels_the_waiting_cancels_the_run(run: Run) -> None:
    waiting = asyncio.ensure_future(run.task)
    await turns()
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    assert run.cancels == 1
    run.end_cancelled()
    await turns()  # the run's end finds nobody waiting any more


async def test_to_wait_without_responsibility_cancels_nothing(run: Run) -> None:
    waiting = asyncio.ensure_future(wait(run.done))
    await turns()
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    assert run.cancels == 0


async def test_several_may_wait(run: Run) -> None:
    waiting = [asyncio.ensure_future(run.task) for _ in range(3)]
    await turns()
    end_from_a_thread(run.done.set_result, None)
    assert await asyncio.wait_for(asyncio.gather(*waiting), TIMEOUT) == [None] * 3


@pytest.mark.parametrize(("error", "told"), [(SchedulerLostError("gone"), 0), (RuntimeError("broken"), 1)])
async def test_a_lost_scheduler_that_nobody_asks_for_is_no_complaint(run: Run, error: Exception, told: int) -> None:
    complaints: list[dict[str, Any]] = []
    loop = asyncio.get_running_loop()
    loop.set_exception_handler(lambda _, context: complaints.append(context))
    task = cancelling_task(loop, run.done, run.cancel)
    await turns()
    run.done.set_exception(error)
    await asyncio.wait([task], timeout=TIMEOUT)
    assert task.done()
    del task
    await turns()
    gc.collect()
    assert len(complaints) == told
    assert run.cancels == 0


def test_one_loop_after_another(run: Run) -> None:
    async def look_briefly() -> None:
        waiting = asyncio.ensure_future(wait(run.done))
        await turns()
        waiting.cancel()

    async def wait_for_it() -> None:
        await run.task

    asyncio.run(look_briefly())
    run.done.set_result(None)  # the first loop is closed by now
    asyncio.run(wait_for_it())
