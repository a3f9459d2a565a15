"""Learners, losses and goals that hang keep nobody else waiting, and their runs can be cancelled and forgotten."""

from __future__ import annotations

import sys
import threading
from types import ModuleType
from typing import Any

import dask
import pytest

import adaptive_dask as adaptive
from adaptive_dask.cluster.scheduler_resources import MAX_LEARNER_THREADS
from adaptive_dask.errors import LearnerBusyError

from ..patience import TIMEOUT, wait_until
from .conftest import host_of
from .functions import peak, slow_peak

pytestmark = pytest.mark.long

# Code travels by value, so it finds what it hangs on where both sides look; the scheduler is in this process.
_shelf: Any = sys.modules.setdefault("hanging_of_adaptive_tests", ModuleType("hanging_of_adaptive_tests"))


@pytest.fixture
def opened(client):
    """Lets go what hangs, at the end at the latest; a call is late after a moment."""
    opened = _shelf.opened = threading.Event()
    _shelf.inside = 0
    with dask.config.set({"adaptive-dask.learner-timeout": "200ms"}):
        yield opened
        opened.set()
        for run in adaptive.runs():
            if run["status"] == "running":
                adaptive.attach(run["name"]).cancel()
    wait_until(lambda: not [thread for thread in threading.enumerate() if thread.name.startswith("adaptive-l")])


def hang_here():
    import sys

    shelf = sys.modules["hanging_of_adaptive_tests"]
    shelf.inside += 1
    shelf.opened.wait(120)


def hangs_in_loss(xs, ys):
    hang_here()
    return 1.0


class HangsInAsk(adaptive.Learner1D):
    def ask(self, *args, **kwargs):
        hang_here()
        return super().ask(*args, **kwargs)


class HangsInFinish(adaptive.Learner1D):
    def remove_unfinished(self):
        hang_here()


class HangsInLoading(adaptive.Learner1D):
    def __setstate__(self, state):
        import threading

        if threading.current_thread().name.startswith("adaptive-loading"):
            hang_here()
        super().__setstate__(state)


def hanging(where, **kwargs):
    name = kwargs.pop("name", where)
    if where == "loss":
        return adaptive.Runner(adaptive.Learner1D(peak, (-1, 1), loss_per_interval=hangs_in_loss), name=name, **kwargs)
    if where == "ask":
        return adaptive.Runner(HangsInAsk(peak, (-1, 1)), name=name, **kwargs)
    assert where == "goal"

    def goal(learner):
        if learner.npoints >= 5:
            hang_here()
        return learner.npoints >= 50

    return adaptive.Runner(adaptive.Learner1D(peak, (-1, 1)), name=name, goal=goal, **kwargs)


def wait_until_late(runner):
    return wait_until(lambda: "learner has been busy for" in (runner.info().get("waits_for") or ""))


@pytest.mark.parametrize("where", ["loss", "ask", "goal"])
def test_others_start_attach_and_are_cancelled_meanwhile(opened, where):
    hung = [hanging(where, name=f"hung-{i}") for i in range(MAX_LEARNER_THREADS + 2)]
    for runner in hung:
        wait_until_late(runner)
    place = {"loss": "in hangs_in_loss", "ask": "in HangsInAsk.ask", "goal": "in hanging.<locals>.goal"}[where]
    assert place in hung[0].info()["waits_for"]
    assert adaptive.BlockingRunner(adaptive.Learner1D(peak, (-1, 1)), npoints_goal=50).learner.npoints == 50
    other = adaptive.Runner(adaptive.Learner1D(slow_peak, (-1, 1)), name="other")
    assert adaptive.attach("other").call(lambda learner: 3) == 3
    other.cancel()
    assert other.wait(TIMEOUT)
    for runner in hung:
        runner.cancel()
        assert runner.wait(TIMEOUT)
        assert runner.status() == "cancelled"
        runner.forget()
    assert not opened.is_set()
    assert {run["name"] for run in adaptive.runs()}.isdisjoint(runner.name for runner in hung)


def test_what_returns_late_is_told(opened):
    runner = hanging("loss", npoints_goal=50)
    wait_until_late(runner)
    assert runner.info()["status"] == "running"
    opened.set()
    assert runner.result(TIMEOUT).npoints == 50
    assert runner.info()["waits_for"] is None


def test_requests_do_not_wait_for_ever(opened):
    runner = hanging("loss")
    wait_until_late(runner)
    for ask in (
        lambda: adaptive.attach(runner.name),
        lambda: runner.call(lambda learner: 3),
        lambda: runner.tell(0.5, 0.5),
        lambda: runner.pending_points,
        lambda: runner.cancel_points(ids=[0]),
    ):
        with pytest.raises(LearnerBusyError, match=r"busy for .* s in hangs_in_loss"):
            ask()
    runner.cancel()
    assert runner.wait(TIMEOUT)
    with pytest.raises(LearnerBusyError):
        adaptive.attach(runner.name)


def test_who_waits_for_his_own_call_is_told_of_the_end(opened):
    runner = adaptive.Runner(adaptive.Learner1D(slow_peak, (-1, 1)))
    caught = []

    def call():
        try:
            runner.call(lambda learner: hang_here())
        except Exception as error:
            caught.append(error)

    thread = threading.Thread(target=call)
    thread.start()
    wait_until_late(runner)
    runner.cancel()
    assert runner.wait(TIMEOUT)
    thread.join(TIMEOUT)
    assert [type(error) for error in caught] == [LearnerBusyError]


def test_a_run_whose_end_hangs_can_be_cancelled(opened):
    runner = adaptive.Runner(HangsInFinish(peak, (-1, 1)), npoints_goal=20)
    wait_until_late(runner)
    runner.cancel()
    assert runner.wait(TIMEOUT)
    assert runner.learner.npoints == 20


@pytest.mark.parametrize("checkpoint", [False, True])
def test_learners_that_do_not_load_keep_no_others(opened, tmp_path, checkpoint):
    learners = [HangsInLoading(peak, (-1, 1)) for _ in range(2 * MAX_LEARNER_THREADS)]
    learners.insert(1, adaptive.Learner1D(peak, (-1, 1)))
    where: dict[str, Any] = {"checkpoint": str(tmp_path / "many")} if checkpoint else {}
    caught = []

    def start():
        try:
            caught.append(adaptive.run_many(learners, npoints_goal=20, name="many", **where))
        except Exception as error:
            caught.append(error)

    thread = threading.Thread(target=start)
    thread.start()
    wait_until(lambda: "many-1" in {run["name"] for run in adaptive.runs()})
    one: dict[str, Any] = {"checkpoint": str(tmp_path / "one")} if checkpoint else {}
    assert adaptive.BlockingRunner(adaptive.Learner1D(peak, (-1, 1)), npoints_goal=20, **one).learner.npoints == 20
    thread.join(TIMEOUT)
    (runs,) = caught
    assert runs["many-1"].result(TIMEOUT).npoints == 20
    assert runs.wait(TIMEOUT)
    errors = [runs[i].task.exception() for i in range(len(learners)) if i != 1]
    assert all("could not be loaded" in str(error) for error in errors)


def test_the_checkpoint_of_a_run_that_was_given_up_can_be_used_again(opened, tmp_path):
    path = str(tmp_path / "checkpoint")
    runner = hanging("goal", checkpoint=path)
    wait_until_late(runner)
    runner.cancel()
    assert runner.wait(TIMEOUT)
    again = adaptive.BlockingRunner(adaptive.Learner1D(peak, (-1, 1)), npoints_goal=30, checkpoint=path)
    assert again.learner.npoints == 30


def test_no_thread_stays(opened, cluster):
    hung = [hanging("loss", name=f"hung-{i}") for i in range(MAX_LEARNER_THREADS + 1)]
    for runner in hung:
        wait_until_late(runner)
    host = host_of(cluster)
    assert host.resources.threads._late == len(hung)
    opened.set()
    wait_until(lambda: host.resources.threads._late == 0)
    assert host.resources.threads._threads <= MAX_LEARNER_THREADS
    for runner in hung:
        runner.cancel()
        assert runner.wait(TIMEOUT)
