"""Runs that start when others have finished."""

from __future__ import annotations

import itertools
import time
from concurrent.futures import ThreadPoolExecutor
from functools import partial

import numpy as np
import pytest

import adaptive_dask as adaptive
from adaptive_dask.cluster import scheduler_after
from adaptive_dask.errors import FunctionError, PredecessorError, RunNotFoundError

from ..patience import TIMEOUT, wait_until
from .conftest import assert_clean, host_of
from .functions import raises_on_the_right


def note_time(x):
    import time

    return time.time()


def learner(function=note_time):
    return adaptive.SequenceLearner(function, [0.25, 0.5, 0.75])


def start(client, after, learners=3, **arguments):
    learners = [learner() for _ in range(learners)] if isinstance(learners, int) else learners
    return adaptive.run_many(learners, executor=client, name="after", after=after, **arguments)


def times(runner):
    return sorted(runner.learner.data.values())


def waits_for_file(x, path):
    import os
    import time

    while not os.path.exists(path):
        time.sleep(0.01)  # between two looks
    return time.time()


@pytest.fixture
def blocked(tmp_path):
    """A learner whose function waits for the test, and what lets it continue."""
    path = tmp_path / "go"
    yield adaptive.SequenceLearner(partial(waits_for_file, path=str(path)), [0.5]), path.touch
    path.touch()


@pytest.mark.parametrize(
    "after",
    [
        {1: 0, 2: 1},
        {"after-1": "after-0", "after-2": ["after-0", 1]},
        [None, 0, np.int64(1)],
        ([], {"after-0"}, ("after-1", 0, 0)),
    ],
    ids=range(4),
)
def test_a_chain(client, after):
    runs = start(client, after)
    assert runs.wait(TIMEOUT)
    assert runs.status() == {"finished": 3}
    assert times(runs[0])[-1] <= times(runs[1])[0] <= times(runs[1])[-1] <= times(runs[2])[0]
    assert all(runner.info()["busy"] == 0 for runner in runs)


@pytest.mark.long
def test_it_does_not_matter_in_which_order_the_learners_are_given(client):
    runs = start(client, {i: i + 1 for i in range(51)}, learners=52)
    assert runs.wait(TIMEOUT)
    assert runs.status() == {"finished": 52}
    ends = [times(runner) for runner in runs]
    assert all(later[-1] <= earlier[0] for earlier, later in itertools.pairwise(ends))


def test_a_run_that_waits_has_no_slot_and_says_for_what_it_waits(client, cluster, blocked):
    first, go = blocked
    runs = start(client, {1: 0, 2: [0, 1]}, [first, learner(), learner()], duration_goal=[None, None, 1000.0])
    wait_until(lambda: runs.status() == {"running": 1, "waiting": 2})
    wait_until(lambda: runs[1].info()["waits_for"] == "the end of the run 'after-0'")
    wait_until(lambda: runs[2].info()["waits_for"] == "the end of the run 'after-0' and of 1 more")
    assert [runs[i].info()["slots"] for i in (1, 2)] == [0, 0]
    assert [len(run.slots._evaluators or ()) for run in host_of(cluster).active][1:] == [0, 0]
    runs[1].tell((0, 0.25), -1.0)  # it can be used in the meantime
    runs[1].pause()
    begin = time.time()
    go()
    wait_until(lambda: runs[0].done())
    wait_until(lambda: runs.status() == {"finished": 1, "paused": 1, "waiting": 1})
    runs[1].resume()
    assert runs.wait(TIMEOUT)
    assert runs.status() == {"finished": 3}
    assert runs[1].learner.data[0] == -1.0
    assert runs[2].info()["started"] >= begin


def test_a_failure_is_passed_on(client):
    runs = start(client, [None, 0, 1, None], [learner(raises_on_the_right), learner(), learner(), learner()])
    assert runs.wait(TIMEOUT)
    assert runs.status() == {"failed": 3, "finished": 1}
    errors = runs.failures
    assert isinstance(errors["after-0"], FunctionError)
    assert isinstance(errors["after-1"], PredecessorError)
    assert "'after-1' was not started, because the run 'after-0', which it comes after, failed" in str(
        errors["after-1"]
    )
    assert "'after-2' was not started, because the run 'after-1', which it comes after, failed" in str(
        errors["after-2"]
    )
    assert not runs[2].learner.data


def test_a_run_that_cannot_be_started_is_a_failure_too(client):
    class Unloadable(adaptive.SequenceLearner):
        def __setstate__(self, state):
            raise ImportError("not here")

    runs = start(client, {0: 1}, [learner(), Unloadable(note_time, [1, 2])])
    assert runs.wait(TIMEOUT)
    assert runs.status() == {"failed": 2}
    assert "which it comes after, could not be started" in str(runs.failures["after-0"])


def test_cancelling_is_passed_on(client, blocked):
    first, go = blocked
    runs = start(client, {1: 0, 2: 1}, [first, learner(), learner()])
    wait_until(lambda: runs.status() == {"running": 1, "waiting": 2})
    runs[0].cancel()
    assert runs.wait(TIMEOUT)
    assert runs.status() == {"cancelled": 3}
    go()


def test_one_that_waits_can_be_cancelled(client, cluster, blocked):
    first, go = blocked
    runs = start(client, {1: 0, 2: 0}, [first, learner(), learner()])
    wait_until(lambda: runs.status() == {"running": 1, "waiting": 2})
    runs[1].cancel()
    wait_until(lambda: runs[1].done())
    go()
    assert runs.wait(TIMEOUT)
    assert runs.status() == {"finished": 2, "cancelled": 1}
    successors = host_of(cluster).table.successors
    wait_until(lambda: not successors._waiting and not successors._open)


def test_runs_that_were_started_before(client, blocked, monkeypatch):
    first, go = blocked
    before = adaptive.Runner(first, executor=client, name="before")
    runs = start(client, "before")
    others = adaptive.run_many([learner()], executor=client, after=runs, name="others")
    third = adaptive.run_many([learner()], executor=client, after={0: [before, "others-0"]}, name="third")
    wait_until(lambda: runs.status() == {"waiting": 3} and others.status() == {"waiting": 1})
    go()
    assert third.wait(TIMEOUT)
    assert max(times(runner)[-1] for runner in runs) <= times(others[0])[0] <= times(third[0])[0]
    monkeypatch.setattr(scheduler_after, "MAX_ENDS", 1)
    runs.forget()  # their end is known anyway, as long as there are not too many
    assert adaptive.run_many([learner()], executor=client, after=others[0]).wait(TIMEOUT)
    unknown = adaptive.run_many([learner()], executor=client, after="nobody", name="unknown")
    gone = adaptive.run_many([learner()], executor=client, after=runs[0], name="gone")
    assert unknown.wait(TIMEOUT)
    assert gone.wait(TIMEOUT)
    for failed in (unknown, gone):
        [error] = failed.failures.values()
        assert isinstance(error, RunNotFoundError)


@pytest.mark.parametrize(
    ("after", "message"),
    [
        ({0: 1, 1: 2, 2: 0}, r"cycle 'after-\d' → 'after-\d' → 'after-\d' → 'after-\d'"),
        ("after-0", "cycle 'after-0' → 'after-0'"),
        ({1: 1}, "cycle 'after-1' → 'after-1'"),
        ([None, 0], "after must have one entry for each of the 3 learners, got 2"),
        ({3: 0}, "from 0 to 2, got 3"),
        ([None, -1, 0], "from 0 to 2, got -1"),
        ({"nobody": 0}, "keys of after must be names or numbers of the new runs, got 'nobody'"),
        ({0: True}, "after must have names of runs, numbers of learners or runners, got True"),
        ({0: 1.0}, "after must have names of runs"),
        ({0: ""}, "name must be a string that is not empty"),
        (b"a", "after must have names of runs"),
    ],
    ids=range(11),
)
def test_what_makes_no_sense_is_refused(client, after, message):
    with pytest.raises((ValueError, TypeError), match=message):
        start(client, after)
    assert not [run for run in adaptive.runs(client) if run["status"] == "running"]


def test_a_run_on_an_executor_is_refused(client):
    with ThreadPoolExecutor(1) as pool:
        local = adaptive.BlockingRunner(learner(), executor=pool)
        with pytest.raises(ValueError, match="which is not on a cluster"):
            start(client, local)


def test_each_run_has_its_resources(client, cluster):
    runs = start(client, None, resources=[None, {"GPU": 1}, {"GPU": 2}])
    assert runs[0].wait(TIMEOUT)
    wait_until(lambda: "GPU" in (runs[1].info()["waits_for"] or ""))
    tasks = [run.spec.tasks.get("resources") for run in host_of(cluster).active]
    assert tasks == [{"GPU": 1.0}, {"GPU": 2.0}]
    runs.cancel()
    assert runs.wait(TIMEOUT)
    assert_clean(cluster)
