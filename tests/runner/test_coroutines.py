"""Functions that are `async def`, on the user's event loop and on one of the run's own."""

from __future__ import annotations

import asyncio
import threading
from concurrent.futures import CancelledError, ThreadPoolExecutor
from typing import Any

import pytest

import adaptive_dask as adaptive
from adaptive_dask.errors import FunctionError, WorkerLostError
from adaptive_dask.local.coroutines import is_asynchronous

from ..patience import TIMEOUT


class Crowd:
    """A function that notes how many evaluations go on at a time, and where."""

    def __init__(self) -> None:
        self.now = self.most = 0
        self.threads: set[int] = set()

    async def __call__(self, x: float) -> float:
        self.threads.add(threading.get_ident())
        self.now += 1
        self.most = max(self.most, self.now)
        await asyncio.sleep(0.001)
        self.now -= 1
        return x**2


def learner(function: Any) -> adaptive.Learner1D:
    return adaptive.Learner1D(function, bounds=(-1, 1))


async def raises(x: float) -> float:
    raise ArithmeticError("cannot do that")


async def never(x: float) -> float:
    await asyncio.Event().wait()
    return x


async def test_on_the_running_loop() -> None:
    crowd = Crowd()
    runner = adaptive.Runner(learner(crowd), npoints_goal=60, ntasks=7)
    await runner.task
    assert runner.learner.npoints == 60
    assert all(y == x**2 for x, y in runner.learner.data.items())
    assert crowd.threads == {threading.get_ident()}
    assert 1 < crowd.most <= 7
    assert runner.status() == "finished"


async def test_to_wait_on_that_loop_is_refused() -> None:
    runner = adaptive.Runner(learner(never))
    with pytest.raises(RuntimeError, match=r"await runner\.task"):
        runner.wait()
    runner.task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await runner.task
    async with asyncio.timeout(TIMEOUT):
        while [task for task in asyncio.all_tasks() if "_evaluate" in repr(task.get_coro())]:
            await asyncio.sleep(0.001)  # the run's thread cancels them


@pytest.mark.parametrize("kind", [adaptive.Runner, adaptive.BlockingRunner])
def test_on_a_loop_of_its_own(kind: Any) -> None:
    crowd = Crowd()
    runner = kind(learner(crowd), npoints_goal=40, ntasks=4)
    assert runner.result(TIMEOUT).npoints == 40
    assert threading.get_ident() not in crowd.threads
    assert len(crowd.threads) == 1
    assert 1 < crowd.most <= 4


def test_on_a_loop_that_is_passed() -> None:
    with asyncio.Runner() as loop_runner:
        loop = loop_runner.get_loop()
        crowd = Crowd()
        runner = adaptive.Runner(learner(crowd), npoints_goal=20, ntasks=3, ioloop=loop)
        runner.block_until_done()
        assert runner.learner.npoints == 20
        assert crowd.threads == {threading.get_ident()}


def test_an_executor_says_how_many_go_on_at_a_time() -> None:
    crowd = Crowd()
    with ThreadPoolExecutor(3) as executor:
        adaptive.BlockingRunner(learner(crowd), npoints_goal=40, executor=executor)
    assert 1 < crowd.most <= 3


def test_failures_and_cancelling() -> None:
    with pytest.raises(FunctionError, match="cannot do that") as caught:
        adaptive.BlockingRunner(learner(raises), npoints_goal=3)
    assert "adaptive_dask" not in caught.value.traceback_text
    runner = adaptive.Runner(learner(never))
    runner.cancel()
    assert runner.wait(TIMEOUT)
    assert runner.status() == "cancelled"
    assert runner.learner.pending_points == set()


def test_the_end_of_the_loop_is_the_end_of_the_run() -> None:
    async def start() -> adaptive.Runner:
        return adaptive.Runner(learner(never), ntasks=2)

    runner = asyncio.run(start())
    # Its tasks were cancelled, and so the run; unless the run's thread saw first that the loop is closed.
    with pytest.raises((CancelledError, WorkerLostError)):
        runner.result(TIMEOUT)
    assert runner.status() in ("cancelled", "failed")


def test_ordered_coroutines_are_the_same_every_time() -> None:
    import random

    async def late(x: float) -> float:
        await asyncio.sleep(random.SystemRandom().choice([0.0, 0.001, 0.003]))
        return x**3

    def run() -> list[tuple[float, float]]:
        learned = learner(late)
        adaptive.BlockingRunner(learned, npoints_goal=40, ordered=True, ntasks=5)
        return list(learned.data.items())

    assert run() == run()


def test_learners_of_learners() -> None:
    async def square(x: float) -> float:
        return x**2

    children = adaptive.BalancingLearner([learner(square), learner(square)])
    assert is_asynchronous(children)
    adaptive.BlockingRunner(children, npoints_goal=10)
    assert all(child.npoints >= 10 for child in children.learners)
    sequence = adaptive.SequenceLearner(square, [1, 2, 3])
    assert is_asynchronous(sequence)
    adaptive.BlockingRunner(sequence)
    assert sequence.result() == [1, 4, 9]
    assert not is_asynchronous(learner(abs))
