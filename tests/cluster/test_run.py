"""A run from start to end, as a user sees it."""

from __future__ import annotations

import asyncio
import concurrent.futures
import datetime
import gc
import multiprocessing.spawn
import os
import signal
import subprocess
import sys
import threading
import time
import weakref
from functools import partial

import numpy as np
import pytest
from distributed import Client, LocalCluster, Worker

import adaptive_dask as adaptive
from adaptive_dask.cluster.protocol import Route
from adaptive_dask.errors import FunctionError, LearnerError, RunExistsError, RunNotFoundError
from adaptive_dask.runner import cluster as cluster_module
from adaptive_dask.runner import cluster_start, embedded
from adaptive_dask.runner.watcher import Watcher

from ..patience import HEARTBEAT, TIMEOUT, until, wait_until
from .conftest import assert_clean, host_of
from .functions import blocks_on, peak, raises_on_the_right, slow_peak


def learner(function=peak):
    return adaptive.Learner1D(function, bounds=(-1, 1))


def assert_equals_function(learner, function=peak):
    assert learner.npoints == len(learner.data)
    for x, y in learner.data.items():
        assert y == function(x)


def test_a_run_reaches_its_goal_and_the_learner_has_every_point(client):
    runner = adaptive.Runner(learner(), loss_goal=0.05)
    assert runner.result(TIMEOUT) is runner.learner
    assert runner.status() == "finished"
    assert runner.done()
    assert runner.task.done()
    assert runner.task.result() is None
    assert runner.learner.loss() <= 0.05
    assert runner.learner.pending_points == set()
    assert_equals_function(runner.learner)


@pytest.mark.parametrize("n", [1, 2, 3, 137])
def test_a_goal_in_points_is_met_exactly(client, n):
    runner = adaptive.BlockingRunner(learner(), npoints_goal=n)
    assert runner.learner.npoints == n
    assert_equals_function(runner.learner)


def test_a_goal_that_is_reached_already_evaluates_nothing(client):
    known = learner()
    known.tell_many([-1, 0, 1], [peak(-1), peak(0), peak(1)])
    runner = adaptive.BlockingRunner(known, npoints_goal=3)
    assert runner.info()["evaluated"] == 0
    assert known.npoints == 3


def test_a_run_starts_from_the_learners_data(client):
    known = learner()
    known.tell_many([-1, 0, 1], [peak(-1), peak(0), peak(1)])
    runner = adaptive.BlockingRunner(known, npoints_goal=50)
    assert known.npoints == 50
    assert runner.info()["evaluated"] == 47


def test_a_goal_may_be_a_lambda_a_closure_or_a_loss(client):
    limit = 40
    runner = adaptive.BlockingRunner(learner(lambda x: x**3), goal=lambda known: known.npoints >= limit)
    assert runner.learner.npoints >= limit
    assert_equals_function(runner.learner, lambda x: x**3)


def test_time_goals(client):
    begin = time.time()
    runner = adaptive.BlockingRunner(learner(slow_peak), duration_goal=0.5)
    assert runner.status() == "finished"
    assert 0.5 <= time.time() - begin < TIMEOUT
    assert 0.4 < runner.elapsed_time() < TIMEOUT
    end = datetime.datetime.now() + datetime.timedelta(seconds=0.5)
    runner = adaptive.BlockingRunner(learner(slow_peak), end_time_goal=end)
    assert datetime.datetime.now() >= end
    assert runner.learner.npoints > 2


def test_vector_output(client):
    def levels(x):
        return np.array([peak(x, offset) for offset in (-0.5, 0.1)])

    runner = adaptive.BlockingRunner(learner(levels), npoints_goal=60)
    assert runner.learner.vdim == 2
    for x, y in runner.learner.data.items():
        np.testing.assert_array_equal(y, levels(x))


def test_without_a_goal_a_run_goes_on_until_it_is_cancelled(client):
    runner = adaptive.Runner(learner(slow_peak))
    wait_until(lambda: runner.learner.npoints > 20)
    assert runner.status() == "running"
    assert not runner.wait(timeout=0)
    runner.cancel()
    assert runner.wait(TIMEOUT)
    assert runner.status() == "cancelled"
    assert runner.task.cancelled()
    with pytest.raises(asyncio.CancelledError):
        runner.task.result()
    assert_equals_function(runner.learner, lambda x: slow_peak(x, 0))


def test_pause_and_resume(client, cluster):
    runner = adaptive.Runner(learner(slow_peak))
    wait_until(lambda: runner.learner.npoints > 10)
    runner.pause()
    wait_until(lambda: runner.status() == "paused" and host_of(cluster).runs[runner.name].assignments.in_flight == 0)
    told = runner.actor.npoints
    assert runner.call(lambda learner: learner.npoints) == told
    runner.resume()
    wait_until(lambda: runner.learner.npoints > told + 10)
    assert runner.status() == "running"
    runner.cancel()
    runner.wait(TIMEOUT)


def test_the_actor_and_call_work_on_the_hosted_learner(client):
    runner = adaptive.Runner(learner(slow_peak))
    wait_until(lambda: runner.learner.npoints > 10)
    assert 0 < runner.actor.loss() < 10
    assert runner.actor.bounds == (-1, 1)
    assert runner.call(lambda learner, k: learner.npoints * 0 + k, 7) == 7
    with pytest.raises(ZeroDivisionError):
        runner.call(lambda learner: 1 / 0)
    with pytest.raises(TypeError, match="on the workers"):
        runner.actor.function(0.5)
    assert runner.status() == "running"
    runner.cancel()
    runner.wait(TIMEOUT)


def test_results_from_elsewhere(client):
    runner = adaptive.Runner(learner(slow_peak))
    runner.tell(0.3333, slow_peak(0.3333))
    wait_until(lambda: 0.3333 in runner.learner.data)
    runner.tell_many([0.11, 0.22], [slow_peak(0.11), slow_peak(0.22)])
    wait_until(lambda: {0.11, 0.22} <= set(runner.learner.data))
    with pytest.raises(TypeError):
        runner.tell_many([0.77, 0.88], [None, slow_peak(0.88)])
    wait_until(lambda: 0.88 in runner.learner.data)
    assert runner.status() == "running"
    runner.cancel()
    runner.wait(TIMEOUT)


def test_the_log_replays(client):
    runner = adaptive.BlockingRunner(learner(), npoints_goal=50, log=True)
    again = learner()
    adaptive.runner.replay_log(again, runner.log)
    assert dict(again.data) == dict(runner.learner.data)
    assert list(again.data) == list(runner.learner.data)
    assert adaptive.BlockingRunner(learner(), npoints_goal=5).log is None


def test_ordered_runs_are_the_same_every_time(client):
    def run():
        runner = adaptive.BlockingRunner(learner(), npoints_goal=60, ordered=True, ntasks=4)
        return list(runner.learner.data.items())

    first = run()
    assert len(first) == 60
    assert run() == first


def test_ntasks_bounds_the_points_that_are_out(client, cluster):
    runner = adaptive.Runner(learner(slow_peak), npoints_goal=30, ntasks=1)
    most = 0
    while not runner.done():
        run = host_of(cluster).runs[runner.name]
        most = max(most, run.assignments.in_flight)
        runner.wait(0.01)
    assert most == 1
    assert runner.learner.npoints == 30


def test_at_the_goal_evaluations_under_way_are_told(client, cluster, tmp_path):
    fifo = str(tmp_path / "gate")
    os.mkfifo(fifo)
    runner = adaptive.Runner(
        learner(partial(blocks_on, fifo=fifo)), goal=lambda learner: learner.npoints >= 2, ntasks=2
    )
    run = host_of(cluster).runs[runner.name]
    wait_until(lambda: run.assignments.in_flight == 2)
    runner.tell_many([0.3, 0.4], [0.3, 0.4])
    wait_until(lambda: run.state.is_stopping)
    assert runner.status() == "running"
    while not runner.wait(0.1):
        try:
            os.close(os.open(fifo, os.O_WRONLY | os.O_NONBLOCK))  # those who read see the end of the file
        except OSError:  # nobody reads yet, or any more
            continue
    assert runner.status() == "finished"
    assert dict(runner.learner.data) == {0.3: 0.3, 0.4: 0.4, -1.0: -1.0, 1.0: 1.0}


def test_two_runs_at_once(client):
    runners = [adaptive.Runner(learner(), npoints_goal=200, name=f"run {i}") for i in range(2)]
    assert {run["name"] for run in adaptive.runs()} >= {"run 0", "run 1"}
    for runner in runners:
        assert runner.result(TIMEOUT).npoints == 200
        assert_equals_function(runner.learner)


def test_the_same_name_twice_is_refused_and_harms_nothing(client):
    first = adaptive.Runner(learner(slow_peak), name="scan")
    with pytest.raises(RunExistsError, match="scan"):
        adaptive.Runner(learner(), name="scan", npoints_goal=10)
    wait_until(lambda: first.learner.npoints > 5)
    first.cancel()
    first.wait(TIMEOUT)
    assert adaptive.BlockingRunner(learner(), name="scan", npoints_goal=10).learner.npoints == 10


def test_a_goal_from_another_client(client, cluster):
    runner = adaptive.Runner(learner(slow_peak), npoints_goal=10**9, name="scan")
    runner.goal = lambda learner: learner.loss() < 1e-9
    with Client(cluster, set_as_default=False) as other:
        mirror = adaptive.attach("scan", other)
        assert not mirror.goal(mirror.learner)
        mirror.goal = lambda learner: learner.npoints >= 50
        assert 50 <= runner.result(TIMEOUT).npoints < 500
        assert mirror.wait(TIMEOUT)
        assert adaptive.attach("scan", other).goal(mirror.learner)


def test_a_goal_that_cannot_be_sent_is_refused_and_changes_nothing(client):
    runner = adaptive.Runner(learner(slow_peak), npoints_goal=10**9)
    lock = threading.Lock()
    with pytest.raises(TypeError, match="The goal cannot be pickled"):
        runner.goal = lambda learner: lock.locked()
    assert runner.status() == "running"
    runner.cancel()
    assert runner.wait(TIMEOUT)


def test_attach_from_another_client(client, cluster):
    runner = adaptive.Runner(learner(slow_peak), npoints_goal=150, name="shared")
    wait_until(lambda: runner.learner.npoints > 20)
    with Client(cluster, set_as_default=False) as other:
        mirror = adaptive.attach("shared", other)
        assert mirror.learner.npoints > 20
        assert mirror.learner.function(0.5) == slow_peak(0.5)
        assert [npoints for _, npoints, _ in mirror._run.losses_before][-1] > 10
        assert mirror.result(TIMEOUT).npoints == 150
    assert dict(runner.result(TIMEOUT).data) == dict(mirror.learner.data)
    late = adaptive.attach("shared")
    assert late.result(TIMEOUT).npoints == 150
    assert late.status() == "finished"
    late.forget()
    with pytest.raises(RunNotFoundError, match="shared"):
        adaptive.attach("shared")


def test_a_runner_that_nobody_holds_is_followed_no_more(client, cluster):
    mine = learner(slow_peak)
    adaptive.Runner(mine, executor=client, name="going")  # goes on, and the learner is the user's
    (started,) = watched(client)
    kept = adaptive.attach("going", client)
    told = []
    adaptive.attach("going", client).on_results(lambda learner, xs, ys: told.extend(xs))
    for _ in range(20):
        adaptive.attach("going", client)
    dropped = [weakref.ref(adaptive.attach("going", client).learner) for _ in range(3)]

    def three_are_left():
        gc.collect()
        return len(watched(client)) == 3

    wait_until(three_are_left)
    # The loop of the client can still hold the learner to which it has just told results.
    wait_until(lambda: gc.collect() is not None and not [ref for ref in dropped if ref() is not None])
    assert started in watched(client)

    def progress():
        return kept.learner.npoints, mine.npoints, len(told)

    before = progress()
    wait_until(lambda: all(now > then for now, then in zip(progress(), before, strict=True)))
    kept.cancel()
    assert kept.wait(TIMEOUT)
    wait_until(lambda: not watched(client))


async def test_an_asynchronous_runner_that_nobody_holds_is_followed_no_more(cluster, caplog):
    async with Client(cluster.scheduler_address, asynchronous=True) as client:
        runner = adaptive.Runner(learner(slow_peak), executor=client, name="going")
        await until(lambda: runner.info().get("npoints"))
        for _ in range(5):
            await adaptive.attach("going", client)

        def one_is_left():
            gc.collect()
            return len(watched(client)) == 1

        await until(one_is_left)
        await runner.cancel()
        with pytest.raises(asyncio.CancelledError):
            await runner.task
    assert not [record for record in caplog.records if record.name == "asyncio"]


def watched(client):
    watcher = Watcher._of.get(client)
    return [] if watcher is None else [run for _, run in watcher._held()]


def test_a_watcher_that_was_away_too_long_catches_up(client, cluster, monkeypatch):
    runner = adaptive.Runner(learner(slow_peak), name="gap")
    run = host_of(cluster).runs["gap"]
    wait_until(lambda: runner.learner.npoints > 5)
    cluster.loop.add_callback(run.feed._chunks.clear)
    wait_until(lambda: runner.learner.npoints > 60)
    runner.cancel()
    runner.wait(TIMEOUT)
    assert runner.learner.npoints == run.learner.npoints
    assert_equals_function(runner.learner, lambda x: slow_peak(x, 0))


def test_a_function_that_raises_fails_the_run(client):
    runner = adaptive.Runner(learner(raises_on_the_right), npoints_goal=100)
    with pytest.raises(FunctionError, match="cannot do") as caught:
        runner.result(TIMEOUT)
    assert caught.value.point > 0.5
    assert "raises_on_the_right" in caught.value.traceback_text
    assert caught.value.worker.startswith("tcp://127.0.0.1")
    assert isinstance(caught.value.__cause__, ArithmeticError)
    assert runner.status() == "failed"
    with pytest.raises(RuntimeError, match="cannot do"):
        runner.task.result()
    assert runner.failed
    assert runner.tracebacks[0][0] > 0.5


def test_a_function_that_raises_may_be_put_up_with(client):
    runner = adaptive.BlockingRunner(
        learner(raises_on_the_right), npoints_goal=60, retries=1, raise_if_retries_exceeded=False
    )
    assert runner.status() == "finished"
    assert runner.learner.npoints == 60
    assert max(runner.learner.data) <= 0.5
    assert len(runner.failed) == len(runner.tracebacks) > 0
    assert all(x > 0.5 and "ArithmeticError" in text for x, text in runner.tracebacks)
    assert runner.to_retry == []
    assert runner.pending_points == []


def test_a_goal_that_raises_fails_the_run(client):
    runner = adaptive.Runner(learner(), goal=lambda learner: learner.npoints > 5 and 1 / 0)
    with pytest.raises(LearnerError, match="ZeroDivisionError"):
        runner.result(TIMEOUT)


async def test_in_a_running_event_loop(cluster):
    with Client(cluster) as client:
        runner = adaptive.Runner(learner(), npoints_goal=100, executor=client)
        assert isinstance(runner.task, asyncio.Task)
        await runner.task
        assert runner.learner.npoints == 100
        runner = adaptive.Runner(learner(slow_peak), executor=client)
        runner.task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await runner.task
        assert runner.wait(TIMEOUT)
        assert runner.status() == "cancelled"
    await asyncio.to_thread(assert_clean, cluster)


async def test_with_an_asynchronous_client(cluster):
    async with Client(cluster.scheduler_address, asynchronous=True) as client:
        runner = adaptive.Runner(learner(slow_peak), npoints_goal=100, executor=client, log=True)
        assert 0 <= await runner.wait(0) < 1
        assert await runner.call(lambda learner: learner.bounds) == (-1, 1)
        assert await runner.actor.bounds == (-1, 1)
        assert (await runner.result(TIMEOUT)).npoints == 100
        assert runner.status() == "finished"
        assert runner.task.result() is None or runner.task.done()
        assert len(runner.log) > 2
        assert [run["status"] for run in await adaptive.runs(client)][-1] == "finished"
        mirror = await adaptive.attach(runner.name, client)
        assert (await mirror.result()).npoints == 100
        runner = adaptive.Runner(learner(slow_peak), executor=client)
        runner.cancel()
        assert await runner.wait(TIMEOUT)
        with pytest.raises(TypeError, match="BlockingRunner"):
            adaptive.BlockingRunner(learner(), npoints_goal=3, executor=client)
    await asyncio.to_thread(assert_clean, cluster)


async def test_runs_of_an_asynchronous_client_start_in_order_and_are_found_at_once(cluster):
    async with Client(cluster.scheduler_address, asynchronous=True) as client:
        large = adaptive.SequenceLearner(slow_peak, list(np.linspace(0, 1, 300_000)))  # takes a while to pickle
        first = adaptive.Runner(large, npoints_goal=3, executor=client, name="first")
        second = adaptive.run_many([learner()], npoints_goal=3, executor=client, name=["second"], after="first")
        third = adaptive.run_many([learner()], npoints_goal=3, executor=client, name=["third"], after="second")
        found = [await adaptive.attach(name, client) for name in ("third", "second", "first")]
        assert {"first", "second", "third"} <= {run["name"] for run in await adaptive.runs(client)}
        for runner in (first, *second, *third, *found):
            await runner.result(TIMEOUT)
            assert runner.status() == "finished"
    await asyncio.to_thread(assert_clean, cluster)


async def test_a_start_that_is_cancelled_while_it_waits_for_an_earlier_one_is_not_begun():
    class SomeClient:
        pass

    begun, is_first_begun = [], asyncio.Event()

    async def start(name):
        begun.append(name)
        is_first_begun.set()
        await asyncio.Event().wait()

    client = SomeClient()
    for name in ("first", "second"):
        cluster_start.start_later(client, partial(start, name))
    await is_first_begun.wait()
    starts = asyncio.all_tasks() - {asyncio.current_task()}
    for task in starts:
        task.cancel()
    await asyncio.wait(starts)
    gc.collect()  # a coroutine that nobody awaited would warn
    assert begun == ["first"]
    await cluster_start.wait_for_starts(client)


@pytest.mark.long
def test_without_a_client_a_cluster_is_embedded(tmp_path):
    script = tmp_path / "script.py"
    script.write_text(
        "import adaptive_dask as adaptive\n"
        "def f(x):\n"
        "    return x**2\n"
        "if __name__ == '__main__':\n"
        "    runner = adaptive.BlockingRunner(adaptive.Learner1D(f, (-1, 1)), npoints_goal=40)\n"
        "    assert all(y == f(x) for x, y in runner.learner.data.items())\n"
        "    runner = adaptive.BlockingRunner(adaptive.Learner1D(f, (-1, 1)), npoints_goal=41)\n"
        "    print(runner.learner.npoints, 'points')\n"
    )
    done = subprocess.run([sys.executable, str(script)], capture_output=True, text=True, timeout=TIMEOUT, check=False)
    assert done.returncode == 0, done.stderr
    assert "41 points" in done.stdout
    assert done.stdout.count("local cluster") == 1
    assert "http://127.0.0.1" in done.stdout
    assert HEARTBEAT.sub("", done.stderr) == ""


def run_one_of_many(learner, **goals):
    return adaptive.run_many([learner], **goals)


@pytest.mark.parametrize("start", [adaptive.Runner, adaptive.BlockingRunner, run_one_of_many])
def test_a_start_that_is_interrupted_leaves_no_run(client, monkeypatch, start):
    async def interrupted(client, route, **arguments):
        reply = await request(client, route, **arguments)
        if route in (Route.START, Route.START_MANY):
            signal.pthread_kill(threading.main_thread().ident, signal.SIGINT)
            await asyncio.wrap_future(interrupt_arrived)
        return reply

    interrupt_arrived = concurrent.futures.Future()

    def handler(number, frame):
        client.loop.add_callback(interrupt_arrived.set_result, None)
        raise KeyboardInterrupt

    request = cluster_module.request
    for module in (cluster_module, cluster_start):
        monkeypatch.setattr(module, "request", interrupted)
    before = signal.signal(signal.SIGINT, handler)
    try:
        with pytest.raises(KeyboardInterrupt):
            start(learner(slow_peak), npoints_goal=10**6)
    finally:
        signal.signal(signal.SIGINT, before)
    wait_until(lambda: adaptive.runs()[0]["status"] == "cancelled")


def test_a_blocking_runner_that_is_interrupted_cancels_its_run(client):
    turns = iter([threading.main_thread().ident])

    def interrupt(learner, xs, ys):
        for thread in turns:  # once
            signal.pthread_kill(thread, signal.SIGINT)

    with pytest.raises(KeyboardInterrupt):
        adaptive.BlockingRunner(learner(slow_peak), npoints_goal=10**6, on_results=interrupt)
    assert adaptive.runs()[0]["status"] == "cancelled"


@pytest.mark.long
def test_a_script_without_a_main_guard_runs_once(tmp_path):
    script = tmp_path / "script.py"
    script.write_text(
        "import adaptive_dask as adaptive\n"
        "print('top level')\n"
        "class Value:\n"
        "    def __init__(self, value):\n"
        "        self.value = value\n"
        "def f(x):\n"
        "    return Value(x**2)\n"
        "learner = adaptive.DataSaver(adaptive.Learner1D(f, (-1, 1)), lambda value: value.value)\n"
        "adaptive.BlockingRunner(learner, npoints_goal=40)\n"
        "assert all(isinstance(value, Value) for value in learner.extra_data.values())\n"
        "print(learner.npoints, 'points')\n"
    )
    done = subprocess.run([sys.executable, str(script)], capture_output=True, text=True, timeout=TIMEOUT, check=False)
    assert done.returncode == 0, done.stderr
    # Dask may warn of workers that it has to kill when it closes a busy machine's cluster.
    assert [line for line in HEARTBEAT.sub("", done.stderr).splitlines() if " - distributed." not in line] == []
    assert done.stdout.count("top level") == 1
    assert "40 points" in done.stdout


@pytest.mark.parametrize("is_embedded", [True, False])
def test_workers_of_other_clusters_import_the_main_script_as_ever(monkeypatch, is_embedded):
    monkeypatch.setattr(multiprocessing.spawn, "get_preparation_data", lambda name: {"init_main_from_path": "script"})
    embedded._spare_the_main_script.__wrapped__()

    def spawn(process_obj):  # as `multiprocessing` calls it
        return multiprocessing.spawn.get_preparation_data(process_obj.name)

    factory = partial(Worker, preload=[embedded.IGNORE_INTERRUPTS] if is_embedded else None)
    target = partial(print, worker_factory=factory)
    process = multiprocessing.Process(target=print, name=embedded.WORKER_PROCESS, args=(target, (), {}))
    assert spawn(process) == ({} if is_embedded else {"init_main_from_path": "script"})


@pytest.mark.parametrize(
    "arguments",
    [
        {"ntasks": 0},
        {"ntasks": -2},
        {"ntasks": 1.5},
        {"retries": -1},
        {"allowed_failures": -1},
        {"npoints_goal": 5, "loss_goal": 1},
        {"npoints_goal": -5},
        {"loss_goal": float("nan")},
        {"goal": 0.01},
        {"executor": "tcp://127.0.0.1:8786"},
        {"ordered": True},
        {"name": ""},
        {"duration_goal": -1},
    ],
)
def test_bad_arguments_are_refused_at_the_door(client, arguments):
    with pytest.raises((ValueError, TypeError)):
        adaptive.Runner(learner(), **arguments)
    assert adaptive.runs() == []


def test_a_client_that_is_closed_is_refused(cluster):
    with Client(cluster, set_as_default=False) as client:
        pass
    with pytest.raises(ValueError, match="client must be open"):
        adaptive.Runner(learner(), npoints_goal=5, executor=client)
    with pytest.raises(ValueError, match="client must be open"):
        adaptive.runs(client)


def test_a_blocking_runner_needs_a_goal(client):
    with pytest.raises(ValueError, match="goal"):
        adaptive.BlockingRunner(learner())


def test_the_terminal_shows_how_it_goes(client, capsys):
    runner = adaptive.Runner(learner(slow_peak), npoints_goal=50)
    info = runner.live_info_terminal(update_interval=0.05)
    runner.result(TIMEOUT)
    info.join(TIMEOUT)
    lines = capsys.readouterr().out.splitlines()
    assert runner.dashboard_link in lines[0]
    assert "running" in lines[1]
    assert "finished" in lines[-1]
    assert "50 points" in lines[-1]
    assert "50 points" in repr(runner)


@pytest.mark.long
def test_on_a_cluster_of_threads():
    with (
        LocalCluster(n_workers=2, threads_per_worker=1, processes=False, dashboard_address="127.0.0.1:0") as cluster,
        Client(cluster),
    ):
        assert adaptive.BlockingRunner(learner(), npoints_goal=100).learner.npoints == 100
        assert_clean(cluster)
