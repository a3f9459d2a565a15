"""The clock that calls what is to be kept up to date, and lets go of it."""

from __future__ import annotations

import logging
import threading
import time
import weakref
from concurrent.futures import Future

import pytest

from adaptive_dask.notebook.clock import Clock, check_interval, slowed

from ..patience import TIMEOUT, wait_until


def threads() -> list[str]:
    return [thread.name for thread in threading.enumerate() if thread.name == "ticking"]


def test_calls_come_again_and_again_until_they_say_so() -> None:
    clock = Clock("ticking")
    calls = {"three": 0, "one": 0}

    def call(name: str, times: int) -> float | None:
        calls[name] += 1
        return 0.01 if calls[name] < times else None

    clock.add(lambda: call("three", 3))
    clock.add(lambda: call("one", 1))
    wait_until(lambda: not clock.calls)
    assert calls == {"three": 3, "one": 1}
    wait_until(lambda: not threads())


def test_one_thread_serves_all_and_comes_back() -> None:
    clock = Clock("ticking")
    stop = threading.Event()
    for i in range(5):
        clock.add(lambda i=i: None if stop.is_set() else 0.01)  # type: ignore[misc]
    assert len(threads()) == 1
    stop.set()
    wait_until(lambda: not threads())
    called = threading.Event()
    clock.add(called.set)
    assert called.wait(60)
    wait_until(lambda: not threads())


def test_hurry_does_not_wait_for_the_interval() -> None:
    clock = Clock("ticking")
    called = threading.Semaphore(0)

    def call() -> float:
        called.release()
        return 3600.0

    clock.add(call)
    assert called.acquire(timeout=60)
    clock.hurry(call)
    assert called.acquire(timeout=60)
    clock.remove(call)
    wait_until(lambda: not threads())
    clock.hurry(call)
    assert not clock.calls


def test_what_raises_is_logged_and_called_no_more(caplog: pytest.LogCaptureFixture) -> None:
    clock = Clock("ticking")
    fine = threading.Semaphore(0)

    def fail() -> float:
        raise RuntimeError("this one")

    def go_on() -> float:
        fine.release()
        return 0.01

    with caplog.at_level(logging.ERROR):
        clock.add(fail)
        clock.add(go_on)
        for _ in range(3):
            assert fine.acquire(timeout=60)
    assert clock.calls == [go_on]
    assert "this one" in caplog.text
    clock.remove(go_on)
    wait_until(lambda: not threads())


def test_nothing_is_kept_alive_that_was_removed() -> None:
    class Thing:
        def call(self) -> float:
            return 0.01

    clock = Clock("ticking")
    thing = Thing()
    clock.add(thing.call)
    ref = weakref.ref(thing)
    clock.remove(thing.call)
    del thing
    wait_until(lambda: ref() is None)


def test_a_future_hurries_what_is_alive_and_keeps_nothing_alive() -> None:
    class Thing:
        def __init__(self) -> None:
            self.called = threading.Semaphore(0)

        def call(self) -> float:
            self.called.release()
            return 3600.0

    clock = Clock("ticking")
    done: Future[None] = Future()
    thing, other = Thing(), Thing()
    for each in (thing, other):
        clock.add(each.call)
        clock.hurry_when_done(each.call, done)
        assert each.called.acquire(timeout=TIMEOUT)
    ref = weakref.ref(other)
    clock.remove(other.call)
    del each, other
    wait_until(lambda: ref() is None)
    done.set_result(None)
    assert thing.called.acquire(timeout=TIMEOUT)
    clock.remove(thing.call)
    wait_until(lambda: not threads())


@pytest.mark.parametrize("value", [0, -1.0, float("inf"), float("nan"), "1", None])
def test_intervals_are_positive_numbers(value: object) -> None:
    with pytest.raises(ValueError, match="positive number of seconds"):
        check_interval(value)


def test_updates_of_long_runs_become_fewer() -> None:
    assert slowed(0.5, time.monotonic(), 1 / 5000) == 0.5
    assert slowed(0.5, time.monotonic() - 50_000, 1 / 5000) == pytest.approx(10, rel=0.01)
