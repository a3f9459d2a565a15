"""A function that belongs to one thread: SequentialExecutor on an event loop, in a script, and in a BlockingRunner."""

from __future__ import annotations

import asyncio
import sqlite3
import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest

import adaptive_dask as adaptive
from adaptive_dask.errors import FunctionError
from adaptive_dask.runner import SequentialExecutor

from ..patience import TIMEOUT


@pytest.fixture
def table() -> Iterator[Callable[[float], float]]:
    """A function that uses a connection which only this thread may use."""
    connection = sqlite3.connect(":memory:")
    connection.execute("create table calls (x real)")

    def function(x: float) -> float:
        connection.execute("insert into calls values (?)", (x,))
        return float(x**2)

    yield function
    connection.close()


def learner(function: Callable[[float], Any]) -> adaptive.Learner1D:
    return adaptive.Learner1D(function, bounds=(-1, 1))


async def test_it_evaluates_in_the_thread_of_the_loop(table: Callable[[float], float]) -> None:
    runner = adaptive.Runner(learner(table), npoints_goal=30, executor=SequentialExecutor())
    assert isinstance(runner.executor, SequentialExecutor)
    await asyncio.wait_for(runner.task, TIMEOUT)
    assert runner.learner.npoints == 30
    assert runner.status() == "finished"


async def test_the_loop_has_its_turn_between_two_points() -> None:
    seen: list[str] = []

    def function(x: float) -> float:
        assert threading.current_thread() is threading.main_thread()
        seen.append("point")
        return x

    runner = adaptive.Runner(learner(function), npoints_goal=20, executor=SequentialExecutor())
    while not runner.task.done():
        seen.append("turn")
        await asyncio.sleep(0)
    assert seen.count("point") == 20
    assert "point point" not in " ".join(seen)


async def test_who_blocks_the_loop_evaluates(table: Callable[[float], float]) -> None:
    runner = adaptive.Runner(learner(table), npoints_goal=30, executor=SequentialExecutor())
    assert runner.result(TIMEOUT).npoints == 30
    await runner.task
    runner = adaptive.Runner(learner(table), executor=SequentialExecutor())
    assert not runner.wait(0.05)
    assert runner.learner.npoints > 0
    runner.task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await asyncio.wait_for(runner.task, TIMEOUT)


async def test_a_blocking_runner_evaluates_where_it_is_made(table: Callable[[float], float]) -> None:
    assert adaptive.BlockingRunner(learner(table), npoints_goal=30, executor=SequentialExecutor()).learner.npoints == 30


def test_a_script_may_pass_a_loop(table: Callable[[float], float]) -> None:
    loop = asyncio.new_event_loop()
    try:
        for wait in (lambda r: loop.run_until_complete(r.task), lambda r: r.block_until_done(), lambda r: r.result()):
            runner = adaptive.Runner(learner(table), npoints_goal=30, executor=SequentialExecutor(), ioloop=loop)
            wait(runner)
            assert runner.learner.npoints == 30
    finally:
        loop.close()


def test_a_loop_that_is_closed_ends_the_run() -> None:
    async def leave() -> Any:
        return adaptive.Runner(learner(abs), executor=SequentialExecutor())

    runner = asyncio.run(leave())
    assert runner.wait(TIMEOUT)
    assert runner.status() in ("cancelled", "failed")


async def test_what_the_function_raises_fails_the_run() -> None:
    def function(x: float) -> float:
        raise SystemExit("not with me")

    runner = adaptive.Runner(learner(function), npoints_goal=5, executor=SequentialExecutor())
    with pytest.raises(FunctionError, match="not with me"):
        await asyncio.wait_for(runner.task, TIMEOUT)


async def test_ctrl_c_interrupts_who_waits_and_the_run_goes_on() -> None:
    interrupts = [KeyboardInterrupt]

    def function(x: float) -> float:
        if interrupts:
            raise interrupts.pop()
        return x

    runner = adaptive.Runner(learner(function), npoints_goal=10, executor=SequentialExecutor())
    with pytest.raises(KeyboardInterrupt):
        runner.result(TIMEOUT)
    await asyncio.wait_for(runner.task, TIMEOUT)
    assert runner.learner.npoints == 10
