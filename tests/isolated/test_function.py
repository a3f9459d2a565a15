"""Functions in processes of their own: what they may do, and that nothing of them is left."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import cloudpickle
import pytest

import adaptive_dask.isolated
from adaptive_dask.errors import PointTimeoutError, ProcessCrashError
from adaptive_dask.isolated.function import IsolatedFunction
from adaptive_dask.isolated.process_tree import descendants, list_processes
from adaptive_dask.isolated.supervisor import Evaluation, EvaluationCancelledError, EvaluationFailedError

from ..patience import wait_until
from .processes import note_others, processes_here

FOLDER = str(Path(adaptive_dask.isolated.__file__).parent)


def make_function():
    """A function that does what it is told; made here, because it travels by value."""

    def function(task):
        import ctypes
        import os
        import signal
        import subprocess
        import sys
        import time

        if task == "exit":
            os._exit(3)
        if task == "segfault":
            os.write(2, b"about to fail\n")
            ctypes.string_at(0)
        if task == "kill":
            os.kill(os.getpid(), signal.SIGKILL)
        if task == "SystemExit":
            raise SystemExit(4)
        if task == "close files":
            os.closerange(3, 200)
        if task == "fork":
            os.fork()
        if task == "print":
            os.write(1, b"raw \xff\n")
            print("text \udc80", file=sys.stderr)
        if task == "memory":
            return len(bytearray(400_000_000))
        if task == "unpicklable":
            return time.sleep, (x for x in ())
        if task == "get_worker":
            from distributed import get_worker

            return get_worker()
        if task == "hang":
            # Programs that ignore SIGTERM, have a session of their own, or whose parent has ended.
            subprocess.Popen("trap '' TERM; sleep 1000; true", shell=True, start_new_session=True)
            if os.fork() == 0:
                os.setsid()
                if os.fork():
                    os._exit(0)
                time.sleep(1000)
            time.sleep(1000)
        if task == "hang in forked processes":

            def forked():
                signal.pause()

            for _ in range(8):
                if os.fork() == 0:
                    forked()
            signal.pause()
        if task == "pid":
            return os.getpid()
        if task == "large":
            return b"x" * 30_000_000
        if task == "coroutine":

            async def coroutine():
                return "awaited"

            return coroutine()
        return task

    return function


@pytest.fixture(autouse=True)
def counts_its_own_processes():
    note_others()


@pytest.fixture(scope="module")
def function():
    isolated = IsolatedFunction(cloudpickle.dumps(make_function()), timeout=20.0, memory_limit=200_000_000)
    yield isolated
    isolated.close()


@pytest.mark.parametrize(
    ("task", "value"),
    [(0.5, 0.5), ((1, 2.5), (1, 2.5)), ("fork", "fork"), ("coroutine", "awaited"), ("large", b"x" * 30_000_000)],
    ids=str,
)
def test_values(function, task, value):
    assert function(task) == value


@pytest.mark.parametrize(
    ("task", "expected"),
    [
        ("exit", "exited with code 3 before the function returned"),
        ("segfault", r"signal 11 \(SIGSEGV.*\n\nLast lines of standard error:\n\nabout to fail\n(.|\n)*in function"),
        ("kill", "signal 9 .*not enough memory"),
        ("close files", "has closed files of its process"),
        ("SystemExit", "SystemExit: 4"),
        ("memory", r"MemoryError\n.*memory_limit=200,000,000 bytes"),
        ("unpicklable", "must return an object that can be pickled, got an object of type tuple"),
        ("get_worker", "get_worker, get_client and worker_client are not available"),
    ],
)
def test_failures_cost_one_evaluation(function, task, expected):
    with pytest.raises(EvaluationFailedError, match=expected) as caught:
        function(task)
    assert (task in ("exit", "segfault", "kill", "close files")) == isinstance(
        caught.value.exception, ProcessCrashError
    )
    assert FOLDER not in caught.value.text, "frames of this package are left out"
    assert function(1.0) == 1.0


def test_output_is_passed_on(function, capsys):
    function("print")
    assert capsys.readouterr() == ("raw \ufffd\n", "text \\udc80\n")


def test_the_process_is_used_again(function):
    assert function("pid") == function("pid") != os.getpid()


def test_threads_have_processes_of_their_own(function):
    with function.reserved():
        other = []
        thread = threading.Thread(target=lambda: other.append(function("pid")))
        thread.start()
        thread.join()
        assert function("pid") not in other


def test_time_limit_ends_everything_that_was_started():
    before = set(processes_here())
    function = IsolatedFunction(cloudpickle.dumps(make_function()), timeout=0.3)
    function(1.0)
    begin = time.monotonic()
    with pytest.raises(EvaluationFailedError, match="in function") as caught:
        function("hang")
    assert isinstance(caught.value.exception, PointTimeoutError)
    assert time.monotonic() - begin >= 0.3
    left = {each.pid for each in processes_here()} - {each.pid for each in before}
    assert len(left) <= 1, "only the launcher, if this is the first function"
    files = len(os.listdir("/proc/self/fd"))
    for _ in range(3):
        with pytest.raises(EvaluationFailedError, match="exited with code 3"):
            function("exit")
    assert len(os.listdir("/proc/self/fd")) == files
    function.close()
    wait_until(lambda: {each.pid for each in processes_here()} <= {each.pid for each in before})


def test_the_error_has_the_stack_of_the_function_only():
    function = IsolatedFunction(cloudpickle.dumps(make_function()), timeout=0.3)
    with pytest.raises(EvaluationFailedError) as caught:
        function("hang in forked processes")
    function.close()
    assert caught.value.text.count("in function") == 1
    assert "in forked" not in caught.value.text


def test_cancel_is_for_one_evaluation(function):
    with function.reserved() as child:
        first, second = Evaluation(child), Evaluation(child)
        assert first.call(1.0) == 1.0
        timer = threading.Timer(0.1, lambda: (first.cancel(), second.cancel()))
        timer.start()
        with pytest.raises(EvaluationCancelledError):
            second.call(cloudpickle.dumps("hang"))
        first.cancel()
    assert function(1.0) == 1.0


def test_close_ends_busy_processes():
    function = IsolatedFunction(cloudpickle.dumps(make_function()))
    function(1.0)
    timer = threading.Timer(0.1, function.close)
    timer.start()
    with pytest.raises(EvaluationCancelledError):
        function("hang")
    with pytest.raises(EvaluationCancelledError):
        function(1.0)


def test_a_function_that_cannot_be_loaded():
    class Needs:
        def __reduce__(self):
            return __import__, ("no_such_module",)

    needs = Needs()
    function = IsolatedFunction(cloudpickle.dumps(lambda x: needs))
    with pytest.raises(EvaluationFailedError, match="no_such_module") as caught:
        function(1.0)
    assert isinstance(caught.value.exception, ModuleNotFoundError)
    function.close()


SCRIPT = """
import cloudpickle, sys, subprocess
from adaptive_dask.isolated.function import IsolatedFunction
assert __name__ == "__main__", "the script is not run again"

def function(x):
    import subprocess, time
    print(subprocess.Popen("trap '' TERM; sleep 1000; true", shell=True, start_new_session=True).pid, flush=True)
    time.sleep(1000)

IsolatedFunction(cloudpickle.dumps(function))(0.5)
"""


def test_nothing_outlives_a_process_that_is_killed(tmp_path):
    script = tmp_path / "script.py"
    script.write_text(SCRIPT)
    with subprocess.Popen([sys.executable, str(script)], stdout=subprocess.PIPE, text=True) as process:
        program = int(process.stdout.readline())
        family = descendants([process.pid], list_processes())
        assert program in [each.pid for each in family]
        process.send_signal(signal.SIGKILL)
    wait_until(
        lambda: (
            not {(each.pid, each.started) for each in list_processes().values()}.intersection(
                (each.pid, each.started) for each in family
            )
        )
    )
