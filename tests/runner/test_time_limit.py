"""Points that take too long, and points that are not wanted any more, on executors of this process."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any

import cloudpickle
import numpy as np
import pytest

import adaptive_dask as adaptive
from adaptive_dask.errors import FunctionError, PointTimeoutError
from adaptive_dask.runner import SequentialExecutor

from ..cluster.gate import Gate
from ..fakes import CountingLearner
from ..patience import TIMEOUT, until, wait_until
from . import functions
from .conftest import open_executor
from .functions import waits_for, waits_in_range

cloudpickle.register_pickle_by_value(functions)


def learner(function: Any) -> adaptive.Learner1D:
    return adaptive.Learner1D(function, bounds=(-1, 1))


@pytest.fixture
def gate() -> Iterator[Gate]:
    gate = Gate(lambda x: x > 0.9)
    yield gate
    gate.opened.set()


@pytest.fixture
def threads(gate: Gate) -> Iterator[ThreadPoolExecutor]:
    with ThreadPoolExecutor(3) as executor:
        yield executor
        gate.opened.set()  # or the threads would be waited for


def test_a_hung_thread_is_reported(threads: ThreadPoolExecutor, gate: Gate) -> None:
    runner = adaptive.Runner(learner(gate.function), npoints_goal=200, executor=threads, point_timeout=0.8)
    with pytest.raises(FunctionError, match=r"given up after .* for point_timeout=0.8 s") as caught:
        runner.result(TIMEOUT)
    error = caught.value
    assert isinstance(error.exception, PointTimeoutError)
    assert error.point == 1.0
    assert error.worker in {thread.name for thread in threads._threads}
    assert "gate.opened.wait(" in error.traceback_text
    assert runner.info()["hung"] == {"ThreadPoolExecutor": 1}
    assert runner.info()["in_flight"] == 0


def test_other_threads_go_on(threads: ThreadPoolExecutor, gate: Gate) -> None:
    gate.holds = lambda x: x == 1
    runner = adaptive.Runner(
        learner(gate.function), npoints_goal=60, executor=threads, point_timeout=0.8, on_error="skip"
    )
    data = runner.result(TIMEOUT).data
    assert len(data) == 60
    assert 1 not in data
    assert [failed.point for failed in runner.failures] == [1]
    assert gate.entered == 61


def test_when_every_thread_hangs_the_run_waits_for_one(threads: ThreadPoolExecutor, gate: Gate) -> None:
    gate.holds = lambda x: True
    runner = adaptive.Runner(
        learner(gate.function), npoints_goal=20, executor=threads, point_timeout=0.5, on_error="skip"
    )
    wait_until(lambda: runner.info()["hung"] == {"ThreadPoolExecutor": 3})
    assert not runner.wait(0.3)
    assert gate.entered == 3
    gate.opened.set()
    data = runner.result(TIMEOUT).data
    assert len(data) == 20
    assert len(runner.failed) == 3
    assert not {point for point in data if point in {failed.point for failed in runner.failures}}
    wait_until(lambda: runner.info()["hung"] == {})


def test_a_point_that_hung_is_tried_again(threads: ThreadPoolExecutor, gate: Gate) -> None:
    gate.holds = lambda x: x == 1 and gate.entered < 10
    runner = adaptive.Runner(
        learner(gate.function), npoints_goal=60, executor=threads, point_timeout=0.8, retries=3, on_error="skip"
    )
    data = runner.result(TIMEOUT).data
    assert len(data) == 60
    assert all(y == x**2 for x, y in data.items())


def test_in_order(threads: ThreadPoolExecutor, gate: Gate) -> None:
    gate.holds = lambda x: x == 1
    runner = adaptive.Runner(
        learner(gate.function),
        npoints_goal=30,
        executor=threads,
        point_timeout=0.5,
        on_error="skip",
        ordered=True,
        ntasks=3,
    )
    assert len(runner.result(TIMEOUT).data) == 30
    assert [failed.point for failed in runner.failures] == [1]


@pytest.mark.long
def test_waiting_for_a_thread_is_no_evaluation(gate: Gate) -> None:
    def slow(x: float) -> float:
        gate.opened.wait(0.05)
        return x

    with ThreadPoolExecutor(1) as executor:
        runner = adaptive.Runner(learner(slow), npoints_goal=40, executor=executor, ntasks=30, point_timeout=1.0)
        assert runner.result(TIMEOUT).npoints == 40


@pytest.mark.long
@pytest.mark.parametrize("kind", ["processes", "loky"])
def test_a_hung_process_is_reported(kind: str, tmp_path: Path) -> None:
    with open_executor(kind) as executor:
        adaptive.BlockingRunner(learner(abs), npoints_goal=10, executor=executor)  # its processes have started
        function = partial(waits_in_range, low=0.9, name=str(tmp_path / "gate"))
        runner = adaptive.Runner(
            learner(function), npoints_goal=40, executor=executor, point_timeout=2.0, on_error="skip"
        )
        try:
            # The other worker's points go on, until it gets to the range as well.
            wait_until(lambda: runner.failures)
            assert runner.failures[0].point == 1.0
            assert "another process" in runner.failures[0].traceback_text
            wait_until(lambda: runner.learner.npoints > 2)
        finally:
            (tmp_path / "gate").touch()
        data = runner.result(TIMEOUT).data
        assert len(data) == 40
        assert 1.0 not in data


async def test_coroutines_are_cancelled() -> None:
    gate = Gate(lambda x: x > 0.8)
    runner = adaptive.Runner(learner(gate.coroutine), npoints_goal=100, ntasks=4, point_timeout=0.5, on_error="skip")
    await runner.task
    data = runner.learner.data
    assert len(data) == 100
    assert all(x <= 0.8 for x in data)
    assert gate.cancelled == len(runner.failed) > 0
    assert runner.info()["hung"] == {}


@pytest.mark.long
def test_in_a_batch_only_what_hangs_fails(threads: ThreadPoolExecutor, gate: Gate) -> None:
    gate.holds = lambda x: np.any(x == 300)
    runner = adaptive.Runner(
        CountingLearner(gate.function),
        npoints_goal=1000,
        executor=threads,
        vectorized=True,
        point_timeout=0.8,
        on_error="skip",
    )
    data = runner.result(TIMEOUT).data
    assert len(data) == 1000
    assert [failed.point for failed in runner.failures] == [300]
    assert 300 not in data


def test_nobody_could_look_at_the_clock() -> None:
    with pytest.raises(ValueError, match=r"point_timeout=.*ThreadPoolExecutor\(1\)"):
        adaptive.Runner(learner(abs), npoints_goal=3, executor=SequentialExecutor(), point_timeout=1)


# ---- cancel_points


def test_points_of_threads_are_cancelled(threads: ThreadPoolExecutor, gate: Gate) -> None:
    gate.holds = lambda x: gate.entered <= 5
    runner = adaptive.Runner(learner(gate.function), npoints_goal=30, executor=threads, ntasks=5)
    wait_until(lambda: gate.inside == 3 and len(runner.pending_points) == 5)
    pending = runner.pending_points
    under_way, waiting = pending[:3], pending[3:]
    assert runner.cancel_points([point for _, point in waiting]) == waiting
    assert runner.cancel_points([waiting[0][1], 77.7]) == []
    # What nobody has begun is taken from the executor, and others come instead.
    wait_until(lambda: len(runner.pending_points) == 5)
    assert runner.cancel_points(ids=[under_way[0][0]]) == under_way[:1]
    wait_until(lambda: runner.info()["hung"] == {"ThreadPoolExecutor": 1})
    gate.opened.set()
    data = runner.result(TIMEOUT).data
    assert len(data) == 30
    assert not set(data) & {point for _, point in [under_way[0], *waiting]}
    assert gate.entered == 31
    assert runner.failed == set()
    assert runner.learner.pending_points == set()


def test_of_a_batch_the_others_count(threads: ThreadPoolExecutor, gate: Gate) -> None:
    gate.holds = lambda x: np.any(x == 300)
    runner = adaptive.Runner(CountingLearner(gate.function), npoints_goal=1000, executor=threads, vectorized=True)
    wait_until(lambda: gate.inside == 1 and runner.info()["npoints"] > 300)
    (pid,) = [pid for pid, point in runner.pending_points if point == 300]
    assert runner.cancel_points([300]) == [(pid, 300)]
    gate.opened.set()
    assert set(runner.result(TIMEOUT).data) == set(range(1001)) - {300}


async def test_coroutines_that_are_not_wanted_are_cancelled() -> None:
    gate = Gate(lambda x: x in (-1, 1))
    runner = adaptive.Runner(learner(gate.coroutine), npoints_goal=30, ntasks=2)
    await until(lambda: gate.inside == 2)
    runner.cancel_points([-1, 1])
    await runner.task
    assert gate.cancelled == 2
    assert len(runner.learner.data) == 30
    assert not {-1, 1} & set(runner.learner.data)


def test_in_order_others_wait_no_longer(threads: ThreadPoolExecutor, gate: Gate) -> None:
    gate.holds = lambda x: x == -1
    runner = adaptive.Runner(learner(gate.function), npoints_goal=30, executor=threads, ordered=True, ntasks=3)
    wait_until(lambda: gate.entered == 3 and gate.inside == 1)
    assert runner.learner.npoints == 0
    runner.cancel_points([-1])
    assert len(runner.result(TIMEOUT).data) == 30
    assert -1 not in runner.learner.data


@pytest.mark.parametrize("kind", ["processes", "loky"])
def test_points_of_processes_are_cancelled(kind: str, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    gate = tmp_path / "gate"
    with open_executor(kind) as executor:
        learned = learner(partial(waits_for, name=str(gate)))
        runner = adaptive.Runner(learned, npoints_goal=20, executor=executor, ntasks=2)
        wait_until(lambda: Path(f"{gate} begun").exists() and any(abs(x) < 1 for _, x in runner.pending_points))
        inside = next(x for _, x in runner.pending_points if abs(x) < 1)
        assert [point for _, point in runner.cancel_points([inside])] == [inside]
        gate.touch()
        data = runner.result(TIMEOUT).data
        assert len(data) == 20
        assert inside not in data
    assert not [record for record in caplog.records if record.levelno >= logging.ERROR and "adaptive" in record.name]
