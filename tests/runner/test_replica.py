"""The learner of the user's is kept current in the right thread and in the right order."""

from __future__ import annotations

import asyncio
import concurrent.futures
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest

import adaptive_dask as adaptive
from adaptive_dask.learner import reading
from adaptive_dask.run.pickling import dumps
from adaptive_dask.runner.replica import Replica

from ..fakes import CountingLearner
from ..patience import TIMEOUT


class ThreadLearner(CountingLearner):
    """Notes by which thread it was told."""

    def __init__(self) -> None:
        super().__init__()
        self.threads: list[str] = []

    def tell(self, x: int, y: Any) -> None:
        super().tell(x, y)
        self.threads.append(threading.current_thread().name)


def by_name(a: float, b: float = 0.0) -> float:
    return a + b


def packed(**results: float) -> bytes:
    return dumps((tuple(results), tuple(results.values())))


def in_another_thread(call: Callable[[], Any]) -> None:
    thread = threading.Thread(target=call)
    thread.start()
    thread.join(TIMEOUT)
    assert not thread.is_alive()


def is_free_elsewhere(lock: Any) -> bool:
    found = []

    def check() -> None:
        found.append(lock.acquire(blocking=False))
        if found[0]:
            lock.release()

    in_another_thread(check)
    return found[0]


def test_nothing_is_applied_until_somebody_asks() -> None:
    replica = Replica(CountingLearner(), None)
    replica.tell_packed(packed(a=1.0))
    assert replica.learner.data == {}
    replica.apply()
    assert replica.learner.data == {"a": 1.0}


@pytest.mark.parametrize("space", [[(0, 1), (0, 1)], adaptive.Space(a=adaptive.Log(1, 10), b=(0, 1))])
def test_failures_that_were_forgotten_are_not_kept(space: Any) -> None:
    first, second, third = adaptive.Learner2D(by_name, space).ask(3)[0]
    replica = Replica(adaptive.Learner2D(by_name, space), None)
    replica.tell([first, second], [adaptive.Infeasible("away"), 1.0])
    replica.apply()
    other = adaptive.Learner2D(by_name, space)
    other.tell_many([second, third], [1.0, adaptive.Infeasible("no")])
    before = replica.received
    replica.copy_from(lambda: other)
    assert replica.received > before
    assert dict(replica.ahead().infeasible) == {third: "no"}
    replica.apply()
    assert dict(replica.learner.infeasible) == {third: "no"}
    assert replica.learner.data.keys() == {second, third}


def test_results_are_applied_in_the_order_of_arrival() -> None:
    replica = Replica(CountingLearner(), None)
    other = CountingLearner()
    other.tell_many(["b", "c"], [2.0, 3.0])
    seen: list[dict[str, float]] = []
    replica.tell_packed(packed(a=1.0))
    replica.copy_from(lambda: other)
    replica.tell_packed(packed(d=4.0, c=99.0))
    replica._queue(call=lambda: seen.append(dict(replica.learner.data)))
    replica.tell_packed(packed(e=5.0))
    replica.apply()
    assert seen == [{"a": 1.0, "b": 2.0, "c": 3.0, "d": 4.0}]
    assert list(replica.learner.data) == ["a", "b", "c", "d", "e"]
    replica.apply()
    assert [call[1] for call in replica.learner.calls] == ["a", "b", "c", "d", "e"], "each was applied once"


def test_apply_works_in_the_callers_thread() -> None:
    replica = Replica(ThreadLearner(), None)
    replica.tell_packed(packed(a=1.0))
    replica.apply()
    assert replica.learner.threads == [threading.current_thread().name]


def test_without_a_loop_a_thread_of_its_own_applies() -> None:
    replica = Replica(ThreadLearner(), None)
    applied = threading.Event()
    replica.tell_packed(packed(a=1.0))
    replica.then(applied.set)
    assert applied.wait(TIMEOUT)
    [name] = replica.learner.threads
    assert name.startswith("adaptive-updates")


async def test_with_a_loop_the_loop_applies() -> None:
    loop = asyncio.get_running_loop()
    replica = Replica(ThreadLearner(), loop)
    applied = asyncio.Event()
    replica.tell_packed(packed(a=1.0))
    in_another_thread(lambda: replica.then(applied.set))
    assert replica.learner.data == {}, "no cell sees the learner while it changes"
    assert replica.arrived.is_set()
    await asyncio.wait_for(applied.wait(), TIMEOUT)
    assert replica.learner.threads == [threading.current_thread().name]
    assert not replica.arrived.is_set()


async def test_who_cannot_wait_for_the_loop_applies_himself() -> None:
    replica = Replica(ThreadLearner(), asyncio.get_running_loop())
    called: list[str] = []
    replica.tell_packed(packed(a=1.0))
    replica.then(lambda: called.append(threading.current_thread().name))
    replica.apply()
    assert called == replica.learner.threads == [threading.current_thread().name]
    await asyncio.sleep(0)
    assert len(called) == 1


def test_a_loop_that_was_closed_is_not_waited_for() -> None:
    loop = asyncio.new_event_loop()
    loop.close()
    replica = Replica(ThreadLearner(), loop)
    applied = threading.Event()
    replica.tell_packed(packed(a=1.0))
    replica.then(applied.set)
    assert applied.wait(TIMEOUT)
    assert replica.learner.data == {"a": 1.0}


def test_what_waits_may_apply_and_queue_more() -> None:
    replica = Replica(CountingLearner(), None)
    seen: list[int] = []

    def look() -> None:
        replica.tell_packed(packed(c=3.0))
        replica.apply()
        seen.append(replica.learner.npoints)

    replica.tell_packed(packed(a=1.0))
    replica._queue(call=look)
    replica.tell_packed(packed(b=2.0))
    replica.apply()
    assert seen == [3]


def test_what_arrives_meanwhile_waits_for_the_next_time() -> None:
    replica = Replica(CountingLearner(), None)

    def arrive(learner: Any, points: Any, values: Any) -> None:
        replica.tell([f"after {point}" for point in points], values)

    replica.callbacks.append(arrive)
    replica.tell(["a"], [1.0])
    replica.apply()
    assert list(replica.learner.data) == ["a"]
    replica.apply()
    assert list(replica.learner.data) == ["a", "after a"]


def test_the_lock_keeps_results_out() -> None:
    replica = Replica(CountingLearner(), None)
    applied = threading.Event()
    with replica.lock:
        replica.tell_packed(packed(a=1.0))
        replica.then(applied.set)
        assert not applied.is_set()
        assert replica.learner.data == {}
    assert applied.wait(TIMEOUT)


# ---- a learner that raises


def test_an_error_is_raised_when_the_rest_is_applied() -> None:
    replica = Replica(CountingLearner(), None)
    replica.tell_packed(packed(a=1.0))
    replica.tell_packed(dumps((("b",), ("text",))))
    replica.tell_packed(dumps((("c",), ("also text",))))
    replica.tell_packed(packed(d=4.0))
    with pytest.raises(TypeError, match="'text'"):
        replica.apply()
    assert replica.learner.data == {"a": 1.0, "d": 4.0}
    replica.apply()


def test_an_error_does_not_keep_the_end_of_a_run_from_being_noticed(caplog: pytest.LogCaptureFixture) -> None:
    replica = Replica(CountingLearner(), None)
    ended = threading.Event()
    replica.tell_packed(dumps((("b",), ("text",))))
    replica.then(ended.set)
    assert ended.wait(TIMEOUT)
    done = threading.Event()
    replica.then(done.set)  # behind the first, in the same thread
    assert done.wait(TIMEOUT)
    assert "not a number: 'text'" in caplog.text


async def test_an_error_on_the_loop_goes_to_its_handler() -> None:
    loop = asyncio.get_running_loop()
    errors: list[Any] = []
    loop.set_exception_handler(lambda _, context: errors.append(context["exception"]))
    replica = Replica(CountingLearner(), loop)
    ended = asyncio.Event()
    replica.tell_packed(dumps((("b",), ("text",))))
    replica.then(ended.set)
    await asyncio.wait_for(ended.wait(), TIMEOUT)
    assert [type(error) for error in errors] == [TypeError]


class CheckingLearner(adaptive.Learner1D):
    """Checks that no other thread can change it while its interpolator is made."""

    check: Callable[[], None]

    def interpolator(self, **options: Any) -> Any:
        self.check()
        return super().interpolator(**options)


def test_callbacks_of_two_runs_can_export_both_learners() -> None:
    learners = [adaptive.Learner1D(by_name, (0, 1)) for _ in range(2)]
    replicas = [Replica(learner, None) for learner in learners]
    is_free = []

    def callback(*_: Any) -> None:
        for learner, replica in zip(learners, replicas, strict=True):
            is_free.append(is_free_elsewhere(replica.lock))
            learner.to_dataframe()

    for replica in replicas:
        replica.callbacks.append(callback)
        replica.tell([0.5], [1.0])
        replica.apply()
    assert is_free == [False] * 4  # otherwise, another callback could wait for this one


def test_no_result_is_applied_during_an_export() -> None:
    child = CheckingLearner(by_name, (0, 1))
    learner = adaptive.DataSaver(adaptive.BalancingLearner([child]), arg_picker=float)
    replica = Replica(learner, None)
    replica.tell([(0, 0.0), (0, 0.5), (0, 1.0)], [1.0, 2.0, 3.0])
    replica.apply()
    checked = []

    def failures() -> Iterator[Any]:
        checked.append(is_free_elsewhere(replica.lock))
        yield from ()

    CheckingLearner.check = lambda self: list(failures())  # type: ignore[assignment]  # mypy takes it for a method
    for each in (learner, learner.learner, child):
        each.to_dataframe(failures=failures())
        each.to_xarray(failures=failures())
        each.to_xarray(3)
    assert checked == [False] * 9
    learner.to_dataframe(failures=failures(), load_extra=True)  # may need the thread that waits for the lock
    assert checked.pop() is True


def test_a_callback_may_wait_for_a_thread_that_exports_the_learner(monkeypatch):
    monkeypatch.setattr(reading, "PATIENCE_S", 0.05)
    learner = adaptive.Learner1D(abs, (-1, 1))
    with concurrent.futures.ThreadPoolExecutor(1) as other:

        def callback(learner: adaptive.Learner1D, xs: Any, ys: Any) -> None:
            lengths.append(len(other.submit(learner.to_dataframe).result(TIMEOUT)))

        lengths: list[int] = []
        replica = Replica(learner, None)
        replica.callbacks.append(callback)
        replica.tell([0.5], [0.5])
        replica.apply()
    assert lengths == [1]


FORK_DURING_UPDATE = """
import os, threading
from adaptive_dask.learner.reading import UPDATING

def update():
    with UPDATING:
        is_held.set()
        has_forked.wait()

is_held, has_forked = threading.Event(), threading.Event()
threading.Thread(target=update).start()
is_held.wait()
child = os.fork()
if not child:
    os._exit(0 if UPDATING.acquire(timeout=10) else 3)
status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
has_forked.set()
raise SystemExit(status)
"""


def test_a_process_that_is_forked_during_an_update_can_read_learners():
    command = [sys.executable, "-W", "ignore", "-c", FORK_DURING_UPDATE]
    assert subprocess.run(command, check=False, timeout=TIMEOUT).returncode == 0
