"""User code that raises what ends threads and processes fails its point or run on any executor; Ctrl-C still ends."""

from __future__ import annotations

import asyncio
import concurrent.futures
import threading
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from typing import Any

import dask
import pytest

import adaptive_dask as adaptive
from adaptive_dask.errors import AdaptiveError, FunctionError, LearnerBusyError, LearnerError
from adaptive_dask.runner import SequentialExecutor

from ..patience import TIMEOUT, wait_until

KINDS = [
    SystemExit,
    KeyboardInterrupt,
    GeneratorExit,
    StopIteration,
    asyncio.CancelledError,
    concurrent.futures.CancelledError,
]


def raise_(kind: type[BaseException]) -> Any:
    raise kind()


class Value:
    """Cannot be unpickled."""

    def __init__(self, kind: type[BaseException]) -> None:
        self.kind = kind

    def __reduce__(self) -> Any:
        return raise_, (self.kind,)


class Function:
    """Raises at 1, and at 2 returns what cannot be unpickled."""

    def __init__(self, kind: type[BaseException]) -> None:
        self.kind = kind

    def __call__(self, i: int) -> Any:
        if i == 1:
            raise self.kind()
        return Value(self.kind) if i == 2 else float(i)


class Coroutine(Function):
    async def __call__(self, i: int) -> Any:  # type: ignore[override]
        return super().__call__(i)


def failed_points(runner: adaptive.Runner, count: int) -> list[int]:
    wait_until(lambda: len(runner.failures) == count)
    points = sorted(failed.point[0] for failed in runner.failures)
    runner.cancel()
    assert runner.wait(TIMEOUT)
    return points


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("executor", ["threads", "sequential", "coroutines"])
def test_a_function_that_raises_it_fails_its_point(executor: str, kind: type[BaseException]) -> None:
    function = (Coroutine if executor == "coroutines" else Function)(kind)
    learner = adaptive.SequenceLearner(function, range(5))
    with ThreadPoolExecutor(2) as threads:
        pools = {"threads": threads, "sequential": SequentialExecutor(), "coroutines": None}
        runner = adaptive.Runner(learner, executor=pools[executor], ntasks=2, on_error="skip")
        wait_until(lambda: runner.learner.npoints == 4)
        assert failed_points(runner, 1) == [1]


@pytest.mark.parametrize("kind", [SystemExit, asyncio.CancelledError])
def test_a_value_that_cannot_come_back_fails_its_point(kind: type[BaseException]) -> None:
    with ProcessPoolExecutor(1) as pool:
        learner = adaptive.SequenceLearner(Function(kind), range(5))
        runner = adaptive.Runner(learner, executor=pool, on_error="skip")
        wait_until(lambda: runner.learner.npoints == 3)
        assert failed_points(runner, 2) == [1, 2]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("where", ["ask", "goal", "on_error", "tell"])
def test_it_is_the_error_of_its_run(where: str, kind: type[BaseException]) -> None:
    class Learner(adaptive.Learner1D):
        def ask(self, *args: Any, **kwargs: Any) -> Any:
            return raise_(kind) if where == "ask" else super().ask(*args, **kwargs)

        def tell(self, x: float, y: Any) -> None:
            if where == "tell":
                raise_(kind)
            super().tell(x, y)

    def goal(learner: Any) -> bool:
        return learner.npoints > 3 and raise_(kind)

    function: Any = abs if where != "on_error" else lambda x: raise_(ValueError)
    options: dict[str, Any] = {"goal": goal} if where == "goal" else {"npoints_goal": 10}
    if where == "on_error":
        options["on_error"] = lambda point, error: raise_(kind)
    with ThreadPoolExecutor(2) as pool:
        runner = adaptive.Runner(Learner(function, (-1, 1)), executor=pool, **options)
        with pytest.raises(AdaptiveError, match=kind.__name__) as caught:
            runner.result(TIMEOUT)
    assert isinstance(caught.value, FunctionError if where == "tell" else LearnerError)
    assert type(caught.value.__cause__) is kind
    assert runner.status() == "failed"


@pytest.mark.parametrize("kind", KINDS)
def test_who_calls_gets_it_and_the_run_goes_on(kind: type[BaseException]) -> None:
    with ThreadPoolExecutor(2) as pool:
        runner = adaptive.Runner(adaptive.Learner1D(abs, (-1, 1)), executor=pool, goal=lambda learner: False)
        expected = KeyboardInterrupt if kind is KeyboardInterrupt else LearnerError  # in this thread it is Ctrl-C
        with pytest.raises(expected):
            runner.call(lambda learner: raise_(kind))
        before = runner.learner.npoints
        wait_until(lambda: runner.learner.npoints > before)
        runner.cancel()
        assert runner.wait(TIMEOUT)


@pytest.mark.parametrize("where", ["function", "ask"])
def test_ctrl_c_in_the_main_thread_cancels_and_is_raised(where: str) -> None:
    calls = []

    def interrupt() -> None:
        calls.append(1)
        if len(calls) > 5:
            raise KeyboardInterrupt

    class Learner(adaptive.Learner1D):
        def ask(self, *args: Any, **kwargs: Any) -> Any:
            if where == "ask":
                interrupt()
            return super().ask(*args, **kwargs)

    def function(x: float) -> float:
        if where == "function":
            interrupt()
        return abs(x)

    learner = Learner(function, (-1, 1))
    with pytest.raises(KeyboardInterrupt):
        adaptive.BlockingRunner(learner, npoints_goal=100, executor=SequentialExecutor())
    assert 0 < learner.npoints < 100
    with pytest.raises(KeyboardInterrupt):
        adaptive.runner.simple(learner, npoints_goal=100)


class Hangs(adaptive.SequenceLearner):
    """Waits when it is told the third result, until it is let go."""

    let_go = threading.Event()

    def tell(self, point: Any, value: Any) -> None:
        if point[0] == 2:
            self.let_go.wait(TIMEOUT)
        super().tell(point, value)


@pytest.mark.parametrize("executor", ["threads", "sequential", "coroutines"])
def test_a_learner_that_hangs_delays_neither_requests_nor_the_end(executor: str) -> None:
    async def coroutine(i: int) -> float:
        return float(i)

    function: Callable[[int], Any] = coroutine if executor == "coroutines" else float
    learner = Hangs(function, range(5))
    Hangs.let_go.clear()
    with ThreadPoolExecutor(2) as threads, dask.config.set({"adaptive-dask.learner-timeout": "0.05s"}):
        pools = {"threads": threads, "sequential": SequentialExecutor(), "coroutines": None}
        runner = adaptive.Runner(learner, executor=pools[executor], ntasks=1)
        try:
            wait_until(lambda: "its learner has been busy" in (runner.info()["waits_for"] or ""))
            assert "in Hangs.tell" in runner.info()["waits_for"]
            for request in (lambda: runner.failures, lambda: runner.tell((3, 3), 3.0), lambda: runner.call(repr)):
                with pytest.raises(LearnerBusyError, match=r"has been busy for .* in Hangs\.tell"):
                    request()
            assert runner.status() == "running"
            runner.cancel()
            assert runner.wait(TIMEOUT)
            assert runner.status() == runner.info()["status"] == "cancelled"
            known = dict(learner.data)
        finally:
            Hangs.let_go.set()
        wait_until(lambda: not any(t.name == f"adaptive-run-{runner.name}" for t in threading.enumerate()))
        runner.status()  # applies what has arrived
        assert dict(runner.learner.data) == known, "nothing is told after the end"
        assert runner.status() == runner.info()["status"] == "cancelled"
