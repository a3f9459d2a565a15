"""Runs whose functions are evaluated in processes of their own, on threads of this process."""

from __future__ import annotations

import concurrent.futures
import signal
import subprocess
import sys
import threading

import pytest

import adaptive_dask as adaptive
from adaptive_dask.errors import FunctionError, PointTimeoutError, ProcessCrashError
from adaptive_dask.isolated.process_tree import descendants, list_processes
from adaptive_dask.runner import SequentialExecutor

from ..isolated.processes import note_others, processes_here
from ..patience import TIMEOUT, wait_until


@pytest.fixture(params=["threads", "sequential"])
def executor(request):
    if request.param == "sequential":
        yield SequentialExecutor()
        return
    with concurrent.futures.ThreadPoolExecutor(2) as pool:
        yield pool


@pytest.fixture(autouse=True)
def leaves_nothing():
    note_others()
    yield
    wait_until(lambda: not processes_here())


def learner(bad=None):
    def function(x):
        import os
        import time

        if abs(x) == 1.0 and bad == "hangs":
            time.sleep(1000)
        if abs(x) == 1.0 and bad == "crashes":
            os._exit(5)
        if abs(x) == 1.0 and bad == "raises":
            raise ValueError(x)
        return x**2 + (os.getpid() if bad == "pid" else 0)

    return adaptive.Learner1D(function, (-1, 1))


@pytest.mark.long
@pytest.mark.parametrize(
    ("bad", "error"), [("hangs", PointTimeoutError), ("crashes", ProcessCrashError), ("raises", ValueError)]
)
def test_a_bad_point_costs_itself(executor, bad, error):
    errors = []

    def note(x, failure):
        errors.append((abs(x), type(failure.exception)))
        return 1.0

    run = adaptive.BlockingRunner(
        learner(bad), executor=executor, isolate="process", npoints_goal=9, point_timeout=1, on_error=note
    )
    assert errors == [(1.0, error)] * 2
    assert run.learner.npoints == 9
    assert all(value == x**2 for x, value in run.learner.data.items())


def test_an_error_is_raised_as_without(executor):
    with pytest.raises(FunctionError, match="in function") as caught:
        adaptive.BlockingRunner(learner("raises"), executor=executor, isolate="process", npoints_goal=9)
    assert isinstance(caught.value.__cause__, ValueError)


@pytest.mark.parametrize("options", [{}, {"vectorized": True}], ids=["single", "vectorized"])
def test_cancel_ends_an_evaluation(executor, options):
    def function(x):
        import time

        print("begun", flush=True)
        time.sleep(1000)

    run = adaptive.Runner(
        adaptive.Learner1D(function, (-1, 1)), executor=executor, isolate="process", npoints_goal=9, **options
    )
    wait_until(lambda: len(processes_here()) >= 2)
    run.cancel()
    wait_until(lambda: run.status() == "cancelled")


def test_simple():
    tested = learner()
    adaptive.runner.simple(tested, npoints_goal=9, isolate="process", memory_limit="1 GB", point_timeout=1e300)
    assert all(value == x**2 for x, value in tested.data.items())
    with pytest.raises(ProcessCrashError, match="code 5"):
        adaptive.runner.simple(learner("crashes"), npoints_goal=9, isolate="process")
    with pytest.raises(PointTimeoutError):
        adaptive.runner.simple(learner("hangs"), npoints_goal=9, isolate="process", point_timeout=0.3)
    with pytest.raises(ValueError, match="isolate='process'"):
        adaptive.runner.simple(learner(), npoints_goal=9, point_timeout=0.3)


def test_vectorized(executor):
    run = adaptive.BlockingRunner(
        learner(), executor=executor, isolate="process", npoints_goal=30, vectorized=True, point_timeout=20
    )
    assert all(value == x**2 for x, value in run.learner.data.items())


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"isolate": "thread"}, "isolate must be None or 'process', got 'thread'"),
        ({"memory_limit": "1 GB"}, "pass isolate='process'"),
        ({"isolate": "process", "memory_limit": 0}, "memory_limit must be a positive number of bytes"),
        ({"isolate": "process", "memory_limit": True}, "memory_limit must be a positive number of bytes"),
    ],
    ids=str,
)
def test_arguments_that_make_no_sense(options, message):
    with pytest.raises(ValueError, match=message):
        adaptive.Runner(learner(), executor=SequentialExecutor(), npoints_goal=9, **options)


def test_executors_of_processes_are_refused():
    with concurrent.futures.ProcessPoolExecutor(1) as pool, pytest.raises(TypeError, match="ThreadPoolExecutor"):
        adaptive.Runner(learner(), executor=pool, isolate="process", npoints_goal=9)


def test_a_function_that_cannot_be_pickled(executor):
    lock = threading.Lock()
    with pytest.raises(TypeError, match=r"cannot be pickled.*isolate="):
        adaptive.Runner(
            adaptive.Learner1D(lambda x: lock, (-1, 1)), executor=executor, isolate="process", npoints_goal=9
        )


SCRIPT = """
import adaptive_dask as adaptive
from adaptive_dask.runner import SequentialExecutor

def function(x):
    import time
    print("begun", flush=True)
    time.sleep(1000)

adaptive.BlockingRunner(
    adaptive.Learner1D(function, (-1, 1)), executor=SequentialExecutor(), isolate="process", npoints_goal=9
)
"""


def test_ctrl_c(tmp_path):
    script = tmp_path / "script.py"
    script.write_text(SCRIPT)
    with subprocess.Popen(
        [sys.executable, str(script)], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout.readline() == "begun\n"
        family = {(each.pid, each.started) for each in descendants([process.pid], list_processes())}
        process.send_signal(signal.SIGINT)
        assert "KeyboardInterrupt" in process.communicate(timeout=TIMEOUT)[1]
    wait_until(lambda: not family & {(each.pid, each.started) for each in list_processes().values()})
