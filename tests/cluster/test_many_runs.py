"""run_many: each run has its own status, results and failure, and nothing of them is left behind."""

from __future__ import annotations

import asyncio
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

import adaptive_dask as adaptive
from adaptive_dask.cluster import scheduler_resources
from adaptive_dask.errors import FunctionError, RunExistsError

from ..patience import TIMEOUT, wait_until
from .conftest import assert_clean, host_of
from .functions import peak, slow_peak


def steep(k):
    def line(x):
        if k == 3:
            raise ValueError("three is not for me")
        return k * x

    return line


def lines(count):
    return [adaptive.Learner1D(steep(k), (0, 1)) for k in range(count)]


def test_each_has_its_own_results_and_failure(client):
    learners = lines(60)
    runs = adaptive.run_many(learners, npoints_goal=[10 + k for k in range(60)], executor=client, name="line")
    assert runs.wait(2 * TIMEOUT)
    assert runs.status() == {"finished": 59, "failed": 1}
    assert list(runs.failures) == ["line-03"]
    assert isinstance(runs.failures["line-03"], FunctionError)
    with pytest.raises(FunctionError, match="three is not for me"):
        runs.result()
    for k, learner in enumerate(runs.learners):
        assert learner is learners[k]
        if k != 3:
            assert learner.npoints == 10 + k
            assert all(y == k * x for x, y in learner.data.items())
    assert runs["line-07"] is runs[7]
    assert [runner.name for runner in runs[2:4]] == ["line-02", "line-03"]
    with pytest.raises(KeyError, match="nobody"):
        runs["nobody"]
    assert "in the run 'line-03', called as line(" in str(runs.failures["line-03"])
    assert repr(runs) == "<Runs: 60; 1 failed, 59 finished>"
    table = runs._repr_html_()
    assert table.index("line-03") < table.index("line-00")
    assert "three is not for me" in table
    assert "40 more" in table
    assert runs.info()[5]["npoints"] == 15
    runs.forget()
    assert not [run for run in adaptive.runs(client) if run["name"].startswith("line-")]


def test_a_run_without_a_slot_is_waiting(client):
    learners = [adaptive.Learner1D(slow_peak, (-1, 1)) for _ in range(2)]
    runs = adaptive.run_many(learners, npoints_goal=5, executor=client, resources={"GPU": 1})
    wait_until(lambda: runs.status() == {"waiting": 2})
    assert repr(runs) == "<Runs: 2; 2 waiting>"
    assert "waiting" in runs._repr_html_()
    assert runs[0].status() == "running"
    runs.cancel()
    assert runs.wait(TIMEOUT)
    assert runs.status() == {"cancelled": 2}


def test_the_terminal_shows_how_they_go(client, capsys):
    learners = [adaptive.Learner1D(slow_peak, (-1, 1)) for _ in range(6)]
    runs = adaptive.run_many(learners, npoints_goal=20, executor=client)
    info = runs.live_info_terminal(update_interval=0.05)
    assert runs.wait(TIMEOUT)
    info.join(TIMEOUT)
    lines = capsys.readouterr().out.splitlines()
    assert runs.dashboard_link in lines[0]
    assert runs.dashboard_link.endswith("/adaptive")
    assert lines[1].startswith("6 runs: ")
    assert lines[-1].startswith("6 runs: 6 finished | ")
    assert "120 points" in lines[-1]
    with pytest.raises(ValueError, match="update_interval"):
        runs.live_info_terminal(update_interval=0)
    with pytest.raises(RuntimeError, match="live_info_terminal"):
        runs.live_info()


def test_no_run_needs_a_thread(client, cluster):
    before = threading.active_count()
    runs = adaptive.run_many([adaptive.Learner1D(slow_peak, (-1, 1)) for _ in range(100)], executor=client)
    wait_until(lambda: all(host_of(cluster).runs.get(runner.name) for runner in runs))
    # This process has client and scheduler, whose threads call learners, and load them.
    assert threading.active_count() <= before + 2 * scheduler_resources.MAX_LEARNER_THREADS + 4
    runs.pause()
    wait_until(lambda: runs.status() == {"paused": 100})
    runs.resume()
    wait_until(lambda: "paused" not in runs.status())
    assert not runs.wait(0.01)
    with pytest.raises(TimeoutError, match="100 of 100 runs have not ended"):
        runs.result(0)
    runs.cancel()
    assert runs.wait(TIMEOUT)
    assert runs.status() == {"cancelled": 100}
    assert runs.failures == {}
    assert_clean(cluster)


def test_they_come_as_they_end(client):
    learners = [adaptive.Learner1D(peak, (-1, 1)) for _ in range(10)]
    runs = adaptive.run_many(learners, npoints_goal=20, executor=client)
    seen = []
    for runner in runs.as_completed():
        assert runner.done()
        seen.append(runner)
    assert {id(runner) for runner in seen} == {id(runner) for runner in runs}
    assert {learner.npoints for learner in runs.result()} == {20}


def test_on_an_event_loop(client):
    async def go():
        runs = adaptive.run_many([adaptive.Learner1D(peak, (-1, 1)) for _ in range(5)], npoints_goal=20)
        seen = [runner.name async for runner in runs.as_completed()]
        assert sorted(seen) == [runner.name for runner in runs]
        assert await runs is runs
        return runs

    runs = asyncio.run(go())
    assert {learner.npoints for learner in runs.learners} == {20}


def test_what_cannot_start_is_that_runs_failure(client):
    going_on = adaptive.Runner(adaptive.Learner1D(slow_peak, (-1, 1)), executor=client, name="taken")
    learners = [adaptive.Learner1D(peak, (-1, 1)) for _ in range(3)]
    runs = adaptive.run_many(learners, npoints_goal=10, name=["first", "taken", "last"], executor=client)
    assert runs.wait(TIMEOUT)
    assert runs.status() == {"finished": 2, "failed": 1}
    assert isinstance(runs.failures["taken"], RunExistsError)
    assert going_on.status() == "running"
    going_on.cancel()
    going_on.wait(TIMEOUT)


def test_they_go_on_from_checkpoints(client, tmp_path):
    for goal in (10, 15):
        learners = [adaptive.Learner1D(peak, (-1, 1)) for _ in range(3)]
        runs = adaptive.run_many(learners, npoints_goal=goal, checkpoint=tmp_path, executor=client)
        runs.result(TIMEOUT)
        assert [learner.npoints for learner in learners] == [goal] * 3
    assert sorted(folder.name for folder in tmp_path.iterdir()) == ["0", "1", "2"]
    assert sum(runner.info()["evaluated"] for runner in runs) == 15


def test_bad_arguments(client):
    first, second = lines(2)
    with ThreadPoolExecutor(1) as pool, pytest.raises(ValueError, match="Dask cluster"):
        adaptive.run_many([first], npoints_goal=1, executor=pool)
    with pytest.raises(TypeError, match="list of learners"):
        adaptive.run_many(first, npoints_goal=1)
    with pytest.raises(ValueError, match="empty"):
        adaptive.run_many([], npoints_goal=1)
    with pytest.raises(ValueError, match="must be different objects"):
        adaptive.run_many([first, first], npoints_goal=1)
    with pytest.raises(ValueError, match="npoints_goal has 3 entries for 2 learners"):
        adaptive.run_many([first, second], npoints_goal=[1, 2, 3])
    with pytest.raises(ValueError, match="name must have a different name"):
        adaptive.run_many([first, second], npoints_goal=1, name=["a", "a"])
    with pytest.raises(ValueError, match="name must be a string"):
        adaptive.run_many([first, second], npoints_goal=1, name="")
    with pytest.raises(TypeError, match="shutdown_executor"):
        adaptive.run_many([first, second], npoints_goal=1, shutdown_executor=True)
    assert adaptive.runs(client) == [] or all(run["ended"] for run in adaptive.runs(client))
