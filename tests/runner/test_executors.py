"""What a runner does, on every kind of executor."""

from __future__ import annotations

import asyncio
import os
import re
import socket
import time
import traceback
from collections.abc import Callable
from concurrent.futures import CancelledError, ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any

import cloudpickle
import distributed
import numpy as np
import pytest

import adaptive_dask as adaptive
from adaptive_dask.errors import AdaptiveError, FunctionError, LearnerError
from adaptive_dask.plain import MAX_TRACEBACK_CHARS
from adaptive_dask.runner import SequentialExecutor

from ..fakes import CountingLearner
from ..patience import TIMEOUT, wait_until
from . import functions
from .functions import (
    fails_first,
    peak,
    raises_a_long_text,
    raises_control_characters,
    raises_on_the_right,
    randomly_slow_peak,
    slow_peak,
    waits_for,
)

cloudpickle.register_pickle_by_value(functions)


def learner(function: Callable[[float], Any] = peak) -> adaptive.Learner1D:
    return adaptive.Learner1D(function, bounds=(-1, 1))


def assert_equals_function(learned: adaptive.Learner1D, function: Callable[[float], Any] = peak) -> None:
    assert learned.npoints == len(learned.data)
    for x, y in learned.data.items():
        assert y == function(x)


def test_a_run_reaches_its_goal(executor: Any) -> None:
    learned = learner()
    # One by one, for what is told after the goal may well raise the loss again.
    runner = adaptive.Runner(learned, loss_goal=0.1, ntasks=1, executor=executor)
    assert runner.result(TIMEOUT) is learned
    assert runner.status() == "finished"
    assert runner.task.done()
    assert runner.task.result() is None
    assert learned.loss() <= 0.1
    assert learned.pending_points == set()
    assert_equals_function(learned)


def test_a_blocking_runner_meets_a_goal_in_points(executor: Any) -> None:
    learned = learner(lambda x: x**3)
    runner = adaptive.BlockingRunner(learned, npoints_goal=37, executor=executor)
    assert learned.npoints == 37
    assert_equals_function(learned, lambda x: x**3)
    info = runner.info()
    assert info["status"] == "finished"
    assert info["npoints"] == info["evaluated"] == 37
    assert info["in_flight"] == info["failed"] == info["slots"] == 0
    assert info["loss"] == pytest.approx(learned.loss())
    assert info["function_seconds"] > 0
    assert info["slot_seconds"] > 0
    assert runner.elapsed_time() > 0
    assert 0 <= runner.overhead() <= 100
    assert runner.start_time <= runner.end_time
    assert "37 points" in repr(runner)


def test_a_run_starts_from_the_learners_data(executor: Any) -> None:
    learned = learner()
    learned.tell_many([-1, 0, 1], [peak(-1), peak(0), peak(1)])
    runner = adaptive.BlockingRunner(learned, npoints_goal=20, executor=executor)
    assert learned.npoints == 20
    assert runner.info()["evaluated"] == 17
    adaptive.BlockingRunner(learned, npoints_goal=20, executor=executor)
    assert learned.npoints == 20


def test_a_function_that_raises(executor: Any) -> None:
    learned = learner(raises_on_the_right)
    runner = adaptive.Runner(learned, npoints_goal=100, executor=executor)
    with pytest.raises(FunctionError, match="cannot do") as caught:
        runner.result(TIMEOUT)
    assert caught.value.point > 0.5
    assert "raises_on_the_right" in caught.value.traceback_text
    assert "adaptive_dask" not in caught.value.traceback_text
    assert isinstance(caught.value.__cause__, ArithmeticError)
    assert runner.status() == "failed"
    with pytest.raises(RuntimeError, match="cannot do"):
        runner.task.result()
    assert runner.failed
    assert runner.tracebacks[0][0] > 0.5
    assert learned.pending_points == set()
    with pytest.raises(FunctionError, match="cannot do"):
        adaptive.BlockingRunner(learner(raises_on_the_right), npoints_goal=100, executor=executor)


def test_a_function_that_raises_may_be_put_up_with(executor: Any) -> None:
    runner = adaptive.BlockingRunner(
        learner(raises_on_the_right),
        npoints_goal=30,
        retries=1,
        raise_if_retries_exceeded=False,
        executor=executor,
    )
    assert runner.learner.npoints == 30
    assert max(runner.learner.data) <= 0.5
    assert len(runner.failed) == len(runner.tracebacks) > 0
    assert runner.info()["retries"] >= len(runner.failed)
    assert runner.info()["timeouts"] == runner.info()["lost"] == 0
    assert runner.to_retry == []
    assert runner.pending_points == []


def test_a_function_that_always_raises_fails_the_run_also_when_points_are_skipped(executor: Any) -> None:
    def fails(x: float) -> float:
        raise ArithmeticError("a typo")

    learned = learner(fails)
    runner = adaptive.Runner(learned, npoints_goal=1000, executor=executor, on_error="skip")
    with pytest.raises(FunctionError, match=r"None of the first 1.. points had a value") as caught:
        runner.result(TIMEOUT)
    assert "a typo" in str(caught.value)
    assert learned.npoints == 0
    assert runner.status() == "failed"
    assert runner.info()["failed"] < 200


def test_a_bound_that_fails_ends_a_run_whose_goal_is_a_loss(executor: Any) -> None:
    learned = learner(lambda x: 1 / (x < 1))
    runner = adaptive.Runner(learned, loss_goal=0.01, executor=executor, on_error="skip")
    with pytest.raises(FunctionError, match=r"needs points that failed: 1\.0\. .*(?s:.*)division by zero"):
        runner.result(TIMEOUT)
    assert learned.npoints >= 20


@pytest.mark.parametrize("vectorized", [False, True])
def test_a_failed_point_says_where(executor: Any, vectorized: bool) -> None:
    runner = adaptive.Runner(learner(lambda x: 1 / 0), ntasks=1, vectorized=vectorized, executor=executor)
    with pytest.raises(FunctionError, match="failed on worker") as caught:
        runner.result(TIMEOUT)
    (failed,) = runner.failures
    assert failed.worker == caught.value.worker
    if isinstance(executor, SequentialExecutor | ThreadPoolExecutor):
        assert failed.worker.startswith(("adaptive-run", "ThreadPoolExecutor"))
    elif not isinstance(executor, distributed.Client):
        pid = re.fullmatch(rf"process (\d+) on {re.escape(socket.gethostname())}", failed.worker)[1]
        assert int(pid) != os.getpid()


def test_points_are_tried_again(executor: Any, tmp_path: Path) -> None:
    learned = learner(partial(fails_first, folder=str(tmp_path)))
    adaptive.BlockingRunner(learned, npoints_goal=10, retries=1, executor=executor)
    assert learned.npoints == 10
    (tmp_path / "anew").mkdir()
    with pytest.raises(FunctionError, match="not yet"):
        adaptive.BlockingRunner(
            learner(partial(fails_first, folder=str(tmp_path / "anew"))), npoints_goal=10, executor=executor
        )


def test_pause_resume_and_cancel(executor: Any) -> None:
    runner = adaptive.Runner(learner(slow_peak), executor=executor)
    wait_until(lambda: runner.learner.npoints > 5)
    runner.pause()
    wait_until(lambda: runner.status() == "paused" and runner.info()["in_flight"] == 0)
    known = runner.actor.npoints
    assert runner.call(lambda learned, more: learned.npoints + more, 1) == known + 1
    runner.resume()
    wait_until(lambda: runner.learner.npoints > known + 5)
    assert runner.status() == "running"
    assert not runner.wait(0)
    runner.cancel()
    assert runner.status() == "cancelled"
    assert runner.task.cancelled()
    with pytest.raises(CancelledError):
        runner.result()
    assert runner.learner.pending_points == set()
    assert_equals_function(runner.learner)


def test_results_from_elsewhere(executor: Any) -> None:
    runner = adaptive.Runner(learner(slow_peak), executor=executor)
    runner.tell(0.3333, peak(0.3333))
    runner.tell_many([0.11, 0.22], [peak(0.11), peak(0.22)])
    wait_until(lambda: {0.11, 0.22, 0.3333} <= set(runner.learner.data))
    with pytest.raises(TypeError):
        runner.tell_many([0.77, 0.88], [None, peak(0.88)])
    wait_until(lambda: 0.88 in runner.learner.data)
    wait_until(lambda: {-1, 1} <= set(runner.learner.data))
    assert 0 < runner.actor.loss() < 10
    assert runner.actor.bounds == (-1, 1)
    runner.cancel()
    runner.wait(TIMEOUT)
    assert 0.77 not in runner.learner.data


def test_what_the_learner_is_told_by_others_is_seen(executor: Any) -> None:
    def tell_and_raise(learned: Any, x: float, y: float) -> None:
        learned.tell(x, y)
        raise KeyError("after telling")

    runner = adaptive.Runner(learner(slow_peak), executor=executor)
    wait_until(lambda: runner.learner.npoints > 5)
    runner.actor.tell(0.3333, peak(0.3333))
    runner.actor.tell_many([0.11, 0.22], [peak(0.11), peak(0.22)])
    runner.actor.tell_many([0.44], [peak(0.44)], force=False)
    runner.call(lambda learned, xs, ys: learned.tell_many(xs, ys), [0.55, 0.66], [peak(0.55), peak(0.66)])
    with pytest.raises(KeyError, match="after telling"):
        runner.call(tell_and_raise, 0.77, peak(0.77))
    wait_until(lambda: {0.11, 0.22, 0.3333, 0.44, 0.55, 0.66, 0.77} <= set(runner.learner.data))
    runner.cancel()
    runner.wait(TIMEOUT)
    assert runner.learner.npoints == runner.info()["npoints"]
    assert_equals_function(runner.learner)


def test_a_call_may_bring_a_run_to_its_goal(executor: Any) -> None:
    runner = adaptive.Runner(learner(slow_peak), goal=lambda learned: 0.3333 in learned.data, executor=executor)
    runner.call(lambda learned, y: learned.tell(0.3333, y), peak(0.3333))
    assert 0.3333 in runner.result(TIMEOUT).data


def test_the_log_replays(executor: Any) -> None:
    runner = adaptive.BlockingRunner(learner(), npoints_goal=25, log=True, executor=executor)
    assert runner.do_log
    again = learner()
    adaptive.runner.replay_log(again, runner.log)
    assert list(again.data.items()) == list(runner.learner.data.items())


def test_ordered_runs_are_the_same_everywhere(executor: Any) -> None:
    def run(where: Any, function: Callable[[float], float]) -> list[tuple[float, float]]:
        learned = learner(function)
        adaptive.BlockingRunner(learned, npoints_goal=40, ordered=True, ntasks=5, executor=where)
        return list(learned.data.items())

    with ThreadPoolExecutor(1) as one_thread:
        expected = run(one_thread, peak)
    assert len(expected) == 40
    for _ in range(2):
        assert run(executor, randomly_slow_peak) == expected


def test_at_the_goal_evaluations_under_way_are_told_or_dropped(executor: Any, tmp_path: Path) -> None:
    for drain in (True, False):
        gate = tmp_path / f"gate {drain}"
        learned = learner(partial(waits_for, name=str(gate)))
        learned.tell_many([-1, 1], [-1, 1])
        runner = adaptive.Runner(
            learned, goal=lambda learned: learned.npoints >= 4, executor=executor, ntasks=1, drain=drain
        )
        wait_until(Path(f"{gate} begun").exists)
        runner.tell_many([0.3, 0.4], [0.3, 0.4])
        if drain:
            assert not runner.wait(0.1)
        gate.touch()
        runner.result(TIMEOUT)
        assert (0.0 in learned.data) or not drain
        assert {0.3, 0.4} <= set(learned.data)
        assert learned.pending_points == set()


def test_time_goals(executor: Any) -> None:
    begin = time.time()
    runner = adaptive.BlockingRunner(learner(slow_peak), duration_goal=0.3, executor=executor)
    assert runner.status() == "finished"
    assert time.time() >= begin + 0.3
    assert runner.learner.pending_points == set()


def test_the_goal_may_be_changed(executor: Any) -> None:
    for goal in ({"npoints_goal": 10**9}, {"duration_goal": 1e4}, {}):
        runner = adaptive.Runner(learner(slow_peak), executor=executor, **goal)
        runner.goal = new = lambda learner: learner.npoints >= 20
        assert runner.goal is new
        assert 20 <= runner.result(TIMEOUT).npoints < 200
        assert runner.status() == "finished"
        assert runner.info()["goal"] == {}
        with pytest.raises(AdaptiveError, match="has ended"):
            runner.goal = None
        assert runner.goal is new


@pytest.mark.long
def test_a_goal_in_time_may_be_taken_back(executor: Any) -> None:
    runner = adaptive.Runner(learner(slow_peak), executor=executor, duration_goal=0.5)
    runner.goal = None
    assert not runner.wait(1)
    runner.goal = lambda learner: True
    assert runner.wait(TIMEOUT)
    assert runner.status() == "finished"


def test_a_changed_goal_that_makes_no_sense(executor: Any) -> None:
    runner = adaptive.Runner(learner(slow_peak), executor=executor)
    before = runner.goal
    with pytest.raises(TypeError, match="loss_goal"):
        runner.goal = 0.01
    assert runner.goal is before
    assert not runner.done()
    runner.goal = lambda learner: 1 / 0
    with pytest.raises(LearnerError, match="ZeroDivisionError"):
        runner.result(TIMEOUT)


def test_a_goal_that_raises_fails_the_run(executor: Any) -> None:
    runner = adaptive.Runner(learner(), goal=lambda learned: learned.npoints > 5 and 1 / 0, executor=executor)
    with pytest.raises(LearnerError, match="ZeroDivisionError"):
        runner.result(TIMEOUT)


class Stubborn(adaptive.Learner1D):
    def ask(self, n: int, tell_pending: bool = True) -> Any:
        raise ArithmeticError("not to be asked")


def test_a_learner_that_raises_at_once_fails_the_run(executor: Any) -> None:
    runner = adaptive.Runner(Stubborn(peak, (-1, 1)), npoints_goal=5, executor=executor)
    with pytest.raises(LearnerError, match="not to be asked"):
        runner.result(TIMEOUT)


def test_a_learner_without_points_ends_the_run(executor: Any) -> None:
    runner = adaptive.Runner(CountingLearner(supply=0), executor=executor)
    assert runner.wait(TIMEOUT)
    assert runner.status() == "finished"
    assert runner.info()["evaluated"] == 0


def test_callbacks_get_every_result_once(executor: Any, caplog: pytest.LogCaptureFixture) -> None:
    seen: list[tuple[float, float]] = []

    def note(learned: Any, xs: Any, ys: Any) -> None:
        assert set(xs) <= set(learned.data)
        seen.extend(zip(xs, ys, strict=True))

    def broken(learned: Any, xs: Any, ys: Any) -> None:
        raise LookupError("a callback is broken")

    learned = learner()
    runner = adaptive.Runner(learned, npoints_goal=30, executor=executor, on_results=broken)
    runner.cancel()
    runner.wait(TIMEOUT)
    learned = learner()
    runner = adaptive.BlockingRunner(learned, npoints_goal=30, executor=executor, on_results=note)
    assert sorted(seen) == sorted(learned.data.items())
    adaptive.BlockingRunner(learner(), npoints_goal=5, executor=executor, on_results=broken)
    assert "a callback is broken" in caplog.text


def test_periodic_saving(executor: Any, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    learned = learner(slow_peak)
    learned.fname = str(tmp_path / "scan.pickle")
    saved: list[int] = []
    runner = adaptive.Runner(learned, npoints_goal=60, executor=executor)
    saving = runner.start_periodic_saving({"compress": False}, interval=0.05)
    assert runner.saving_task is saving
    other = runner.start_periodic_saving(interval=0.05, method=lambda learned: saved.append(len(learned.data)))
    cancelled = runner.start_periodic_saving(interval=0.01, method=lambda learned: 1 / 0)
    wait_until(lambda: "ZeroDivisionError" in caplog.text)
    cancelled.cancel()
    runner.result(TIMEOUT)
    for each in (saving, other, cancelled):
        each.join(TIMEOUT)
        assert each.done()
    assert saving.result() is None
    assert saving.saves >= 2
    assert saved[-1] == 60
    assert saved == sorted(saved)
    assert isinstance(cancelled.error, ZeroDivisionError)
    assert cancelled.cancelled()
    again = learner()
    again.load(learned.fname)
    assert dict(again.data) == dict(learned.data)


def test_the_terminal_shows_how_it_goes(executor: Any, capsys: pytest.CaptureFixture[str]) -> None:
    runner = adaptive.Runner(learner(slow_peak), npoints_goal=30, executor=executor)
    info = runner.live_info_terminal(update_interval=0.02)
    runner.result(TIMEOUT)
    info.join(TIMEOUT)
    lines = capsys.readouterr().out.splitlines()
    assert "finished" in lines[-1]
    assert "30 points" in lines[-1]


def test_control_characters_reach_no_terminal(
    executor: Any, capsys: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    runner = adaptive.Runner(learner(raises_control_characters), executor=executor, name="\x1b]0;name\x07\x9b\u202e\n")
    runner.live_info_terminal(update_interval=0.02).join(TIMEOUT)
    with pytest.raises(FunctionError) as raised:
        runner.result(TIMEOUT)
    traceback_ = "".join(traceback.format_exception(raised.value))
    texts = [repr(runner), str(raised.value), traceback_, *(each.traceback_text for each in runner.failures)]
    printed = capsys.readouterr().out
    assert "]0;name" in printed
    for text in (*texts, printed, caplog.text):
        assert not set(text) & set("\x1b\x07\x9b\u202e")
    assert "]0;error" in str(raised.value)
    assert isinstance(raised.value.exception, ValueError)


def test_long_tracebacks_are_cut(executor: Any) -> None:
    runner = adaptive.Runner(learner(raises_a_long_text), executor=executor)
    with pytest.raises(FunctionError) as raised:
        runner.result(TIMEOUT)
    for text in (raised.value.traceback_text, *(failure.traceback_text for failure in runner.failures)):
        assert len(text) <= MAX_TRACEBACK_CHARS
        assert text.startswith("Traceback")
        assert text.rstrip().endswith("the end")
    assert raised.value.exception is None or len(str(raised.value.exception)) > MAX_TRACEBACK_CHARS


async def test_the_task_of_a_running_loop(executor: Any) -> None:
    runner = adaptive.Runner(learner(), npoints_goal=20, executor=executor)
    assert isinstance(runner.task, asyncio.Task)
    await runner.task
    assert runner.learner.npoints == 20
    runner = adaptive.Runner(learner(slow_peak), executor=executor)
    runner.task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await runner.task
    assert runner.wait(TIMEOUT)
    assert runner.status() == "cancelled"


async def give_up(task: Any, way: str) -> None:
    if way == "cancelled before it began":
        task.cancel()
    elif way == "cancelled":
        await asyncio.sleep(0)  # the task takes its first step
        task.cancel()
    elif way == "timeout":
        async with asyncio.timeout(0.05):
            await task
    else:
        await asyncio.wait_for(task, 0.05)
    await task


async def test_the_same_cell_again_and_again(executor: Any) -> None:
    """A task that was cancelled, or that nobody waited for any longer, is over when its run is."""
    for way in ("cancelled before it began", "cancelled", "timeout", "wait_for", "wait_for in a script"):
        ioloop = asyncio.new_event_loop() if "script" in way else None  # so that the task is none of this loop
        runner = adaptive.Runner(learner(slow_peak), executor=executor, name="cell", ioloop=ioloop)
        with pytest.raises((asyncio.CancelledError, TimeoutError)):
            await give_up(runner.task, way)
        assert runner.status() == "cancelled", way
        assert runner.task.done(), way
        if ioloop is not None:
            ioloop.close()


def test_a_script_waits_as_with_python_adaptive(executor: Any, tmp_path: Path) -> None:
    runner = adaptive.Runner(learner(), npoints_goal=30, executor=executor)
    saving = runner.start_periodic_saving({"fname": tmp_path / "scan.pickle"}, interval=1000)
    runner.ioloop.run_until_complete(runner.task)
    assert runner.learner.npoints == 30
    runner.ioloop.run_until_complete(saving)
    again = learner()
    again.load(tmp_path / "scan.pickle")
    assert dict(again.data) == dict(runner.learner.data)
    runner = adaptive.Runner(learner(raises_on_the_right), npoints_goal=30, executor=executor)
    with pytest.raises(FunctionError, match="cannot do"):
        runner.ioloop.run_until_complete(runner.task)


def test_a_balancing_learner(executor: Any) -> None:
    children = [adaptive.Learner1D(partial(pow, exp=n), (-1, 1)) for n in (2, 3)]
    both = adaptive.BalancingLearner(children)
    adaptive.BlockingRunner(both, npoints_goal=15, executor=executor)
    for n, child in zip((2, 3), children, strict=True):
        assert child.npoints >= 15
        assert_equals_function(child, partial(pow, exp=n))


@pytest.mark.parametrize("executor", [ThreadPoolExecutor, adaptive.runner.SequentialExecutor])
@pytest.mark.parametrize("kind", ["array", "masked", "list", "dict", "saver", "vectorized"])
def test_objects_that_the_function_uses_again_are_copied_at_once(executor: Any, kind: str) -> None:
    array = np.ma.zeros(2) if kind == "masked" else [0.0, 0.0] if kind == "list" else np.zeros(2)
    result = {"y": array} if kind in ("dict", "saver") else array
    rows = np.zeros((100, 2))

    def function(x: Any) -> Any:
        if kind == "vectorized":
            rows[: len(x)] = np.transpose([x, np.square(x)])
            return rows[: len(x)]
        array[:] = [x, x**2]
        return result

    learner: Any = adaptive.SequenceLearner(function, [i / 100 for i in range(100)])
    if kind == "saver":
        learner = adaptive.DataSaver(learner, learn="y")
    options = {"vectorized": True} if kind == "vectorized" else {}
    adaptive.BlockingRunner(learner, executor=executor(*[1] * (executor is ThreadPoolExecutor)), ntasks=8, **options)
    if kind == "saver":
        told = [result["y"] for result in learner.extra_data.values()]
    else:
        told = [value["y"] if kind == "dict" else value for value in learner.result()]
    assert sorted(list(map(float, value)) for value in told) == [[i / 100, (i / 100) ** 2] for i in range(100)]
