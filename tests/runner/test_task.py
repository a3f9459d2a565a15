"""The end of a run as something to await, ask and cancel."""

from __future__ import annotations

import asyncio
import contextvars
import gc
import io
import threading
from concurrent.futures import Future
from typing import Any

import pytest

from adaptive_dask.errors import FunctionError, SchedulerLostError
from adaptive_dask.runner.task import LoopTask, RunTask, wait

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
    await turns()
    assert run.cancels == 1
    assert not waiting.done(), "it is when the run has ended"
    end_from_a_thread(run.end_cancelled)
    with pytest.raises(asyncio.CancelledError):
        await asyncio.wait_for(waiting, TIMEOUT)


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
    task = LoopTask(loop, run.done, run.cancel)
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


# ---- a task on a running loop


async def test_a_task_that_is_cancelled_ends_with_its_run(run: Run) -> None:
    for has_begun in (False, True):
        run = Run()
        task = LoopTask(asyncio.get_running_loop(), run.done, run.cancel, "scan")
        if has_begun:
            await turns()
        assert task.cancel()
        await turns()
        assert run.cancels == 1
        assert not task.done()
        end_from_a_thread(run.end_cancelled)
        await asyncio.wait([task], timeout=TIMEOUT)
        assert task.cancelled()
        assert not task.cancel()
        assert run.cancels == 1


@pytest.mark.parametrize("has_loop", [True, False])
async def test_a_timeout_is_over_when_the_run_is(run: Run, has_loop: bool) -> None:
    task: Any = LoopTask(asyncio.get_running_loop(), run.done, run.cancel) if has_loop else run.task
    waiting = asyncio.ensure_future(asyncio.wait_for(task, 0.01))
    while not run.cancels:
        await asyncio.sleep(0.001)
    await turns()
    assert not waiting.done()
    end_from_a_thread(run.end_cancelled)
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(waiting, TIMEOUT)
    assert run.cancels == 1


@pytest.mark.parametrize("has_loop", [True, False])
async def test_who_is_cancelled_stops_even_if_the_run_was_faster(run: Run, has_loop: bool) -> None:
    task: Any = LoopTask(asyncio.get_running_loop(), run.done, run.cancel) if has_loop else run.task

    async def main() -> None:
        await task
        raise AssertionError("must not go on")

    waiting = asyncio.ensure_future(main())
    await turns()
    waiting.cancel()
    await turns()
    end_from_a_thread(run.done.set_result, None)
    await asyncio.wait([waiting], timeout=TIMEOUT)
    assert waiting.cancelled()


@pytest.mark.parametrize("has_loop", [True, False])
async def test_a_run_that_cannot_be_asked_holds_up_nobody(run: Run, has_loop: bool) -> None:
    def cancel() -> None:
        raise RuntimeError("the client is closed")

    task: Any = LoopTask(asyncio.get_running_loop(), run.done, cancel) if has_loop else RunTask(run.done, cancel)
    waiting = asyncio.ensure_future(asyncio.wait_for(task, 0.01))
    await asyncio.wait([waiting], timeout=TIMEOUT)
    with pytest.raises(TimeoutError):
        waiting.result()


async def test_asyncio_waits_for_tasks_of_either_kind(run: Run) -> None:
    other = Run()
    tasks: Any = [run.task, LoopTask(asyncio.get_running_loop(), other.done, other.cancel)]
    waiting = asyncio.ensure_future(asyncio.wait(tasks, timeout=TIMEOUT, return_when=asyncio.FIRST_COMPLETED))
    await turns()
    end_from_a_thread(run.done.set_result, None)
    done, pending = await waiting
    assert (done, pending) == ({tasks[0]}, {tasks[1]})
    end_from_a_thread(other.done.set_result, None)
    assert await asyncio.wait_for(asyncio.gather(*tasks), TIMEOUT) == [None, None]


# ---- the other methods of asyncio.Task


def failed(run: Run) -> RunTask:
    try:
        raise ZeroDivisionError("boom")
    except ZeroDivisionError as error:
        run.done.set_exception(FunctionError(0.5, "Traceback:\n  line\nZeroDivisionError: boom", "here", error))
    return run.task


def printed(task: Any, **arguments: Any) -> str:
    file = io.StringIO()
    assert task.print_stack(file=file, **arguments) is None
    return file.getvalue()


def test_it_has_the_methods_of_a_task() -> None:
    of_futures = {"set_result", "set_exception"}  # of which a task makes no use
    assert {name for name in dir(asyncio.Task) if not name.startswith("_")} - set(dir(RunTask)) == of_futures


def test_the_stack_of_a_failed_run_shows_the_error(run: Run, capsys: pytest.CaptureFixture[str]) -> None:
    task = failed(run)
    text = printed(task)
    assert text.startswith("Traceback for <RunTask finished")
    assert "learner.function(0.5) failed" in text
    assert "ZeroDivisionError: boom" in text
    assert printed(task, limit=1) == text
    (frame,) = task.get_stack()
    assert frame.f_code.co_name == "failed"
    assert task.get_stack(limit=0) == []
    task.print_stack()
    assert capsys.readouterr().err == text


def test_a_run_that_did_not_fail_has_no_stack(run: Run) -> None:
    assert printed(run.task) == f"No stack for {run.task!r}\n"
    assert run.task.get_stack() == []
    assert "pending" in repr(run.task)
    run.end_cancelled()
    assert "No stack" in printed(run.task)
    assert "cancelled" in repr(run.task)


async def test_the_stack_of_a_task_shows_the_error(run: Run) -> None:
    task = LoopTask(asyncio.get_running_loop(), run.done, run.cancel)
    assert printed(task).startswith(("Stack for", "No stack for"))
    failed(run)
    await asyncio.wait([task], timeout=TIMEOUT)
    assert "ZeroDivisionError: boom" in printed(task)
    assert task.exception() is run.done.exception()


def test_names_counts_and_callbacks(run: Run) -> None:
    task = RunTask(run.done, run.cancel, "scan")
    assert task.get_name() == "scan"
    task.set_name(1)
    assert task.get_name() == "1"
    assert task.get_coro() is None
    called: list[Any] = []
    variable: contextvars.ContextVar[int] = contextvars.ContextVar("variable", default=0)
    context = task.get_context().copy()
    context.run(variable.set, 5)
    task.add_done_callback(called.append)
    task.add_done_callback(called.append)
    task.add_done_callback(lambda _: called.append(variable.get()), context=context)
    assert task.remove_done_callback(called.append) == 2
    assert task.remove_done_callback(called.append) == 0
    assert task.cancelling() == 0
    task.cancel("enough")
    assert (task.cancelling(), task.uncancel(), task.uncancel()) == (1, 0, 0)
    run.end_cancelled()
    assert called == [5]


def test_it_has_a_loop_to_wait_with() -> None:
    run = Run()
    loop = run.task.get_loop()
    assert loop is run.task.get_loop()
    run.done.set_result(None)
    loop.run_until_complete(run.task)
    del run
    gc.collect()
    assert loop.is_closed()


async def test_callbacks_are_called_on_the_loop_that_added_them(run: Run) -> None:
    called: asyncio.Future[threading.Thread] = asyncio.get_running_loop().create_future()
    run.task.add_done_callback(lambda _: called.set_result(threading.current_thread()))
    end_from_a_thread(run.done.set_result, None)
    assert await asyncio.wait_for(called, TIMEOUT) is threading.current_thread()


@pytest.mark.parametrize("how", ["fails", "is cancelled"])
def test_a_task_ends_although_the_scheduler_cannot_be_asked_to_cancel(how: str) -> None:
    async def refused() -> None:
        raise OSError("the connection is closed") if how == "fails" else asyncio.CancelledError

    async def main() -> None:
        done: Future[None] = Future()
        task = LoopTask(asyncio.get_running_loop(), done, lambda: asyncio.ensure_future(refused()))
        await asyncio.sleep(0)
        task.cancel()
        async with asyncio.timeout(TIMEOUT):
            with pytest.raises(asyncio.CancelledError):
                await task

    asyncio.run(main())
