"""What every runner does, on executors of this process that cost nothing to start."""

from __future__ import annotations

import asyncio
import gc
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import CancelledError, Executor, Future, ThreadPoolExecutor
from functools import partial
from typing import Any

import pytest

import adaptive_dask as adaptive
from adaptive_dask.errors import FunctionError, LearnerError, WorkerLostError
from adaptive_dask.local.flight import Flight, LocalArrivals
from adaptive_dask.runner import SequentialExecutor

from ..fakes import CountingLearner
from ..patience import TIMEOUT, wait_until


def peak(x: float) -> float:
    return x + 0.01 / (0.01 + x * x)


def learner(function: Callable[[float], Any] = peak) -> adaptive.Learner1D:
    return adaptive.Learner1D(function, bounds=(-1, 1))


@pytest.fixture
def threads() -> Iterator[ThreadPoolExecutor]:
    with ThreadPoolExecutor(2) as executor:
        yield executor


@pytest.fixture(autouse=True)
def no_thread_stays() -> Iterator[None]:
    yield
    for thread in threading.enumerate():
        if thread.name.startswith("adaptive-run"):
            thread.join(TIMEOUT)
            assert not thread.is_alive(), f"{thread} goes on"


def test_where_points_are_evaluated(threads: ThreadPoolExecutor) -> None:
    used: set[int] = set()

    def function(x: float) -> float:
        used.add(threading.get_ident())
        return x

    adaptive.BlockingRunner(learner(function), npoints_goal=10, executor=SequentialExecutor())
    assert used == {threading.get_ident()}
    used.clear()
    adaptive.Runner(learner(function), npoints_goal=10, executor=SequentialExecutor()).result(TIMEOUT)
    assert len(used) == 1
    assert threading.get_ident() not in used
    used.clear()
    adaptive.BlockingRunner(learner(function), npoints_goal=10, executor=threads)
    assert used <= {thread.ident for thread in threads._threads}


@pytest.mark.parametrize("fails", [True, False])
def test_an_error_of_the_learner_here_does_not_hide_how_the_run_ended(threads: ThreadPoolExecutor, fails: bool) -> None:
    here = threading.main_thread()

    def loss(xs: tuple[float, float], ys: tuple[float, float]) -> float:
        if threading.current_thread() is here:
            raise ValueError("only here")
        return xs[1] - xs[0]

    def function(x: float) -> float:
        return x if not fails or abs(x) > 0.4 else 1 / 0.0

    runner = adaptive.Runner(adaptive.Learner1D(function, (-1, 1), loss), npoints_goal=20, executor=threads, retries=0)
    with runner._run.replica.lock:  # so that this thread applies the results
        wait_until(lambda: runner.info()["status"] in ("failed", "finished"))
        assert runner.wait(TIMEOUT)
    with pytest.raises(FunctionError if fails else ValueError, match="ZeroDivisionError" if fails else "only here"):
        runner.result(TIMEOUT)


def test_ctrl_c_in_the_function_ends_a_sequential_run() -> None:
    learned = learner()

    def function(x: float) -> float:
        if learned.npoints or abs(x) < 1:
            raise KeyboardInterrupt
        return x

    learned.function = function
    with pytest.raises(KeyboardInterrupt):
        adaptive.BlockingRunner(learned, npoints_goal=10, executor=SequentialExecutor())
    assert learned.pending_points == set()


def test_a_learner_with_ask_and_tell_only(threads: ThreadPoolExecutor) -> None:
    class Own:
        def __init__(self) -> None:
            self.asked = 0
            self.data: dict[int, int] = {}

        def ask(self, n: int, tell_pending: bool = True) -> tuple[list[int], list[float]]:
            self.asked += n
            return list(range(self.asked - n, self.asked)), [1.0] * n

        def tell(self, x: int, y: int) -> None:
            assert x not in self.data
            self.data[x] = y

        @staticmethod
        def function(x: int) -> int:
            return x * x

    own = Own()
    runner = adaptive.Runner(own, lambda own: len(own.data) >= 20, executor=threads)
    assert runner.result(TIMEOUT) is own
    assert own.data == {x: x * x for x in own.data}
    assert len(own.data) >= 20


def test_an_executor_of_ones_own() -> None:
    class Own:
        def submit(self, function: Callable[..., Any], *args: Any) -> Future[Any]:
            future: Future[Any] = Future()
            threading.Thread(target=lambda: future.set_result(function(*args))).start()
            return future

    runner = adaptive.Runner(learner(), npoints_goal=20, executor=Own(), ntasks=2)
    assert runner.result(TIMEOUT).npoints == 20
    with pytest.raises(ValueError, match="ntasks"):
        adaptive.Runner(learner(), npoints_goal=20, executor=Own())


@pytest.mark.parametrize("executor", ["tcp://127.0.0.1:8786", 4, ThreadPoolExecutor, object()])
def test_other_things_are_refused_and_what_is_accepted_is_said(executor: Any) -> None:
    with pytest.raises(TypeError, match=r"ThreadPoolExecutor.*loky.*ipyparallel.*MPIPoolExecutor"):
        adaptive.Runner(learner(), npoints_goal=20, executor=executor)


def test_a_list_of_learners_is_refused_and_run_many_is_named(threads: ThreadPoolExecutor) -> None:
    with pytest.raises(TypeError, match=r"run_many\(learners\).*BalancingLearner"):
        adaptive.Runner([learner(), learner()], npoints_goal=20, executor=threads)
    for other in (adaptive.Learner1D, peak, None):
        with pytest.raises(TypeError, match="ask, tell and function"):
            adaptive.Runner(other, npoints_goal=20, executor=threads)


def test_callbacks_that_nobody_could_call_or_await_are_refused(threads: ThreadPoolExecutor) -> None:
    async def later(learner: Any, xs: Any, ys: Any) -> None: ...

    runner = adaptive.Runner(learner(), npoints_goal=20, executor=threads)
    for callback, reason in ((5, "must be a function"), (later, "async def"), (partial(later, learner), "async def")):
        with pytest.raises(TypeError, match=reason):
            adaptive.Runner(learner(), npoints_goal=20, executor=threads, on_results=callback)
        with pytest.raises(TypeError, match=reason):
            runner.on_results(callback)
    runner.result(TIMEOUT)


def test_a_weight_needs_a_cluster(threads: ThreadPoolExecutor) -> None:
    with pytest.raises(ValueError, match=r"weight=, priority= needs a Dask cluster"):
        adaptive.Runner(learner(), npoints_goal=20, executor=threads, weight=2, priority=1)
    adaptive.BlockingRunner(learner(), npoints_goal=2, executor=threads, weight=1)


def test_an_executor_that_is_shut_down_meanwhile_fails_the_run() -> None:
    executor = ThreadPoolExecutor(2)
    begun = threading.Event()

    def function(x: float) -> float:
        begun.set()
        return x

    runner = adaptive.Runner(learner(function), executor=executor)
    assert begun.wait(TIMEOUT)
    executor.shutdown(cancel_futures=True)
    with pytest.raises(WorkerLostError, match="accepts no more points"):
        runner.result(TIMEOUT)


def test_the_runs_thread_sleeps_while_slow_points_outlast_a_time_goal(monkeypatch: pytest.MonkeyPatch) -> None:
    class Prompt(Executor):
        """Has begun what it was given."""

        def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
            future: Future[Any] = Future()
            future.set_running_or_notify_cancel()
            threading.Thread(target=lambda: future.set_result(fn(*args, **kwargs))).start()
            return future

    looks: list[float | None] = []
    draining, gate = threading.Event(), threading.Event()
    recall, collect = Flight.recall, Flight.collect

    def noted_recall(flight: Flight) -> list[int]:
        looks.clear()
        draining.set()
        return recall(flight)

    def noted_collect(flight: Flight, patience: float | None) -> LocalArrivals:
        looks.append(patience)
        if draining.is_set() and (patience is None or len(looks) > 10):
            gate.set()
        return collect(flight, patience)

    monkeypatch.setattr(Flight, "recall", noted_recall)
    monkeypatch.setattr(Flight, "collect", noted_collect)
    learned = learner(lambda x: float(gate.wait(TIMEOUT)))
    adaptive.Runner(learned, duration_goal=0.3, ntasks=2, executor=Prompt()).result(TIMEOUT)
    assert learned.npoints == 2
    assert len(looks) <= 10


def test_a_goal_that_raises_at_once_is_refused(threads: ThreadPoolExecutor) -> None:
    with pytest.raises(LearnerError, match="ZeroDivisionError"):
        adaptive.Runner(learner(), goal=lambda _: 1 / 0, executor=threads)


def test_a_point_that_vanishes_is_evaluated_again() -> None:
    class Forgetful(Executor):
        submitted = 0

        def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
            self.submitted += 1
            future: Future[Any] = Future()
            if self.submitted % 3 == 0:
                future.cancel()
                future.set_running_or_notify_cancel()
            else:
                future.set_result(fn(*args, **kwargs))
            return future

    runner = adaptive.Runner(CountingLearner(), npoints_goal=10, executor=Forgetful(), ntasks=2)
    assert runner.result(TIMEOUT).npoints == 10
    assert runner.failed == set()


def test_the_user_may_read_the_learner_while_the_run_goes_on(threads: ThreadPoolExecutor) -> None:
    gate = threading.Event()
    learned = learner(lambda x: peak(x) if abs(x) == 1 or gate.wait(TIMEOUT) else 0.0)
    runner = adaptive.Runner(learned, npoints_goal=30, executor=threads)
    while runner.learner.npoints < 2:
        runner.wait(0.01)
    assert learned.npoints == 2
    assert learned.pending_points == set()
    assert len(runner.pending_points) == 2
    gate.set()
    assert runner.result(TIMEOUT).npoints == 30


def test_a_script_waits_and_shuts_its_executor_down() -> None:
    executor = ThreadPoolExecutor(2)
    runner = adaptive.Runner(learner(), npoints_goal=20, executor=executor, shutdown_executor=True)
    loop = runner.ioloop
    loop.run_until_complete(runner.task)
    assert runner.learner.npoints == 20
    with pytest.raises(RuntimeError):
        executor.submit(int)
    assert runner.ioloop is loop
    del runner
    gc.collect()
    assert loop.is_closed()


def test_the_loop_to_wait_with_evaluates_no_coroutines() -> None:
    async def function(x: float) -> float:
        return peak(x)

    runner = adaptive.Runner(learner(function), npoints_goal=20)
    assert not runner.ioloop.is_running()
    assert runner.result(TIMEOUT).npoints == 20


async def test_task_on_a_running_loop(threads: ThreadPoolExecutor) -> None:
    runner = adaptive.Runner(learner(), npoints_goal=50, executor=threads)
    assert isinstance(runner.task, asyncio.Task)
    await runner.task
    assert runner.learner.npoints == 50
    runner = adaptive.Runner(learner(lambda x: 1 / 0), npoints_goal=50, executor=threads)
    with pytest.raises(FunctionError, match="ZeroDivisionError"):
        await runner.task
    runner = adaptive.Runner(learner(), executor=threads)
    runner.task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await runner.task
    with pytest.raises(CancelledError):
        runner.result(TIMEOUT)
    assert runner.status() == "cancelled"


async def test_an_error_that_was_raised_is_not_told_once_more(
    threads: ThreadPoolExecutor, caplog: pytest.LogCaptureFixture
) -> None:
    def start() -> None:
        with pytest.raises(FunctionError, match="ZeroDivisionError"):
            adaptive.BlockingRunner(learner(lambda x: 1 / 0), npoints_goal=5, executor=threads)

    start()
    for _ in range(5):  # turns of the loop, in which the task ends
        await asyncio.sleep(0)
    gc.collect()  # a task whose error nobody looked at complains when it goes
    assert [record for record in caplog.records if record.name == "asyncio"] == []
