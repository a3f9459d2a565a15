"""What is particular to executors of processes: what is pickled, and processes that die."""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from pathlib import Path
from typing import Any

import cloudpickle
import loky
import numpy as np
import pytest

import adaptive_dask as adaptive
from adaptive_dask.errors import FunctionError, WorkerLostError
from adaptive_dask.local.travelling import SMALL

from ..patience import TIMEOUT, wait_until
from . import functions
from .conftest import open_executor
from .functions import deadly, peak, returns_a_lock, slow_peak

pytestmark = pytest.mark.long

cloudpickle.register_pickle_by_value(functions)


def learner(function: Any = peak) -> adaptive.Learner1D:
    return adaptive.Learner1D(function, bounds=(-1, 1))


@pytest.fixture
def processes() -> Iterator[ProcessPoolExecutor]:
    with ProcessPoolExecutor(2, mp_context=multiprocessing.get_context("forkserver")) as executor:
        yield executor


def test_a_large_function_gets_to_every_process(processes: ProcessPoolExecutor) -> None:
    table = np.arange(SMALL, dtype=float)
    for _ in range(2):
        learned = learner(lambda x: x + float(table[1]))
        adaptive.BlockingRunner(learned, npoints_goal=30, ntasks=4, executor=processes)
        assert all(y == x + 1 for x, y in learned.data.items())


def test_what_cannot_be_pickled_is_refused(processes: ProcessPoolExecutor) -> None:
    lock = threading.Lock()

    def locked(x: float) -> float:
        with lock:
            return x

    with pytest.raises(TypeError, match=r"learner\.function cannot be pickled.*ThreadPoolExecutor"):
        adaptive.Runner(learner(locked), npoints_goal=5, executor=processes)
    with pytest.raises(FunctionError, match="can be pickled, got an object of type lock"):
        adaptive.BlockingRunner(learner(returns_a_lock), npoints_goal=5, executor=processes)
    adaptive.BlockingRunner(learner(), npoints_goal=5, executor=processes)  # nothing broke


def test_a_pool_that_broke_fails_the_run_and_its_data_stay(processes: ProcessPoolExecutor) -> None:
    learned = learner(deadly)
    runner = adaptive.Runner(learned, npoints_goal=100, executor=processes)
    with pytest.raises(WorkerLostError, match=r"accepts no more points.*start a run with a new executor"):
        runner.result(TIMEOUT)
    assert runner.status() == "failed"
    assert learned.npoints >= 2
    assert learned.pending_points == set()
    with pytest.raises(RuntimeError):
        adaptive.Runner(learned, npoints_goal=100, executor=processes)


def test_loky_goes_on_without_the_deadly_points() -> None:
    executor = loky.get_reusable_executor(2)
    learned = learner(deadly)
    learned.tell_many([-1, 1], [deadly(-1), deadly(1)])
    runner = adaptive.Runner(learned, npoints_goal=40, executor=executor, allowed_failures=1, name="deadly")
    runner.result(TIMEOUT)
    assert learned.npoints == 40
    assert all(not -0.3 < x < -0.2 for x in learned.data)
    assert all(-0.3 < failed.point < -0.2 for failed in runner.failures)
    assert runner.failures
    runner.executor.shutdown()


def test_an_engine_that_is_killed_loses_nothing() -> None:
    with open_executor("ipyparallel") as client:
        process, _ = client[:].apply_sync(os.getpid)
        learned = learner(slow_peak)
        runner = adaptive.Runner(learned, npoints_goal=200, executor=client, name="engines")
        wait_until(lambda: runner.learner.npoints > 20)
        os.kill(process, signal.SIGKILL)
        runner.result(TIMEOUT)
        assert learned.npoints == 200
        assert runner.failures == []


def test_shutdown_executor() -> None:
    for kind in (ThreadPoolExecutor, ProcessPoolExecutor):
        executor = kind(1)
        adaptive.BlockingRunner(learner(), npoints_goal=5, executor=executor, shutdown_executor=True)
        with pytest.raises(RuntimeError):
            executor.submit(int)
    with ThreadPoolExecutor(1) as executor:
        adaptive.BlockingRunner(learner(), npoints_goal=5, executor=executor)
        assert executor.submit(int).result(TIMEOUT) == 0


async def test_a_blocked_loop_stops_neither_the_run_nor_saving(tmp_path: Path) -> None:
    learned = learner(slow_peak)
    with ThreadPoolExecutor(2) as executor:
        runner = adaptive.Runner(learned, npoints_goal=80, executor=executor)
        saving = runner.start_periodic_saving({"fname": str(tmp_path / "scan.pickle")}, interval=0.02)
        wait_until(lambda: saving.saves >= 3)  # no await: the loop is blocked
        wait_until(lambda: runner.info()["status"] == "finished")
        assert learned.npoints == 0, "nobody changes it under the user's hands"
        again = learner()
        again.load(tmp_path / "scan.pickle")
        assert again.npoints > 0
        await runner.task
        assert learned.npoints == 80
        await saving
    again.load(tmp_path / "scan.pickle")
    assert again.npoints == 80
