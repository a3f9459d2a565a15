"""What goes wrong on a cluster, and what a run makes of it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import textwrap
from collections import Counter
from functools import partial

import pytest
from distributed import Client, LocalCluster

import adaptive_dask as adaptive
from adaptive_dask.cluster import scheduler_evaluators
from adaptive_dask.errors import AdaptiveError, FunctionError, ModuleMissingError, WorkerLostError

from ..patience import TIMEOUT, wait_until
from .conftest import assert_clean, host_of, pid_of
from .functions import Unpicklable, deadly, logged, peak, raises_on_the_right, returns_unpicklable, slow_peak

pytestmark = pytest.mark.long


def learner(function=peak, bounds=(-1, 1)):
    return adaptive.Learner1D(function, bounds=bounds)


def evaluations(path):
    """How often each point was evaluated, from the notes of `logged`."""
    return Counter(float(line.split()[1]) for line in path.read_text().splitlines())


def test_a_function_that_cannot_be_pickled_is_refused_at_the_door(client):
    thing = Unpicklable()
    with pytest.raises(TypeError, match=r"learner\.function cannot be pickled.*not me"):
        adaptive.Runner(learner(lambda x: (x, thing)), npoints_goal=5)
    with pytest.raises(TypeError, match="goal cannot be pickled"):
        adaptive.Runner(learner(), goal=lambda learner: bool(thing))
    assert adaptive.runs() == []


def test_a_value_that_cannot_be_pickled_fails_its_point(client):
    runner = adaptive.Runner(learner(returns_unpicklable), npoints_goal=5)
    with pytest.raises(FunctionError, match="can be pickled, got an object of type Unpicklable"):
        runner.result(TIMEOUT)


def test_a_value_that_the_learner_cannot_take_fails_its_point(client):
    runner = adaptive.Runner(learner(lambda x: None), npoints_goal=5)
    with pytest.raises(FunctionError, match="refused the value None"):
        runner.result(TIMEOUT)


def test_a_function_that_exits_fails_its_point_not_the_worker(client):
    def leaves(x):
        sys.exit(f"bye {x}")

    workers = set(client.scheduler_info()["workers"])
    runner = adaptive.Runner(learner(leaves), npoints_goal=5)
    with pytest.raises(FunctionError, match="SystemExit"):
        runner.result(TIMEOUT)
    assert set(client.scheduler_info()["workers"]) == workers


def make_module(tmp_path, monkeypatch, name):
    """A module that this process can import, and the workers, which started before, cannot."""
    (tmp_path / f"{name}.py").write_text("def f(x):\n    return x\n\ndef goal(learner):\n    return False\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    return __import__(name)


def test_a_module_that_workers_lack_is_named(client, tmp_path, monkeypatch):
    module = make_module(tmp_path, monkeypatch, "only_here_for_workers")
    runner = adaptive.Runner(learner(module.f), npoints_goal=5)
    with pytest.raises(ModuleMissingError, match=r"Worker tcp://127.*'only_here_for_workers' is missing") as caught:
        runner.result(TIMEOUT)
    assert runner.status() == "failed"
    assert_says_how_to_send(caught.value, tmp_path / "only_here_for_workers.py")
    client.upload_file(str(tmp_path / "only_here_for_workers.py"))
    assert adaptive.BlockingRunner(learner(module.f), npoints_goal=5).learner.npoints == 5


def assert_says_how_to_send(error, path):
    """A file of the user's is to be sent: PyPI may have a package of that name, which is a stranger's."""
    assert f"client.upload_file({str(path)!r})" in str(error)
    assert "PipInstall" not in str(error)
    assert "pip install" not in str(error)


def test_a_name_that_a_module_of_the_workers_lacks_is_no_missing_module(client, tmp_path, monkeypatch):
    """As after `upload_file` of an older version of the file."""
    module = make_module(tmp_path, monkeypatch, "older_on_workers")
    client.upload_file(str(tmp_path / "older_on_workers.py"))
    exec("def g(x):\n    return x\n", vars(module))  # newer than what the workers have
    runner = adaptive.Runner(learner(module.g), npoints_goal=5)
    with pytest.raises(AdaptiveError, match=r"cannot load the function") as caught:
        runner.result(TIMEOUT)
    assert not isinstance(caught.value, ModuleMissingError)
    assert "another version" in str(caught.value)
    assert "upload_file" in str(caught.value)


def test_an_import_error_is_no_missing_module(client, tmp_path, monkeypatch):
    path = tmp_path / "asks_for_more.py"
    path.write_text(
        "import sys\nif 'pytest' not in sys.modules: from sys import no_such_name\ndef f(x):\n    return x\n"
    )
    monkeypatch.syspath_prepend(str(tmp_path))
    module = __import__("asks_for_more")
    client.upload_file(str(path), load=False)
    runner = adaptive.Runner(learner(module.f), npoints_goal=5)
    with pytest.raises(AdaptiveError, match=r"cannot import name 'no_such_name'") as caught:
        runner.result(TIMEOUT)
    assert not isinstance(caught.value, ModuleMissingError)


SCHEDULER = """
    import asyncio, sys
    from distributed import Scheduler, Worker
    async def main():
        async with Scheduler(host="127.0.0.1", port=0, dashboard_address="127.0.0.1:0") as scheduler:
            async with Worker(scheduler.address, nthreads=2):
                print(scheduler.address, flush=True)
                await asyncio.to_thread(sys.stdin.read)
    asyncio.run(main())
"""


@pytest.fixture
def remote_scheduler():
    """A scheduler with a worker in another process; gives its address."""
    process = subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(SCHEDULER)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    try:
        yield process.stdout.readline().strip()
    finally:
        process.stdin.close()
        process.wait(TIMEOUT)
        process.stdout.close()


def test_a_module_that_the_scheduler_lacks_is_named(remote_scheduler, tmp_path, monkeypatch):
    module = make_module(tmp_path, monkeypatch, "only_here_for_scheduler")
    with Client(remote_scheduler) as client:
        with pytest.raises(ModuleMissingError, match=r"scheduler cannot load.*only_here_for_scheduler") as caught:
            adaptive.Runner(learner(), goal=module.goal, executor=client)
        assert_says_how_to_send(caught.value, tmp_path / "only_here_for_scheduler.py")
        runner = adaptive.Runner(learner(slow_peak))
        with pytest.raises(ModuleMissingError, match=r"scheduler cannot load the goal.*only_here_for_scheduler"):
            runner.goal = module.goal
        with pytest.raises(ModuleMissingError, match=r"scheduler cannot load the function.*only_here_for_scheduler"):
            runner.call(module.goal)
        runner.cancel()
        assert runner.wait(TIMEOUT)
        runner.forget()
        assert adaptive.runs() == []
        assert adaptive.BlockingRunner(learner(), npoints_goal=20).learner.npoints == 20


def test_a_worker_that_is_killed_loses_nothing(own_client, own_cluster, tmp_path, monkeypatch):
    monkeypatch.setattr(scheduler_evaluators, "MAX_FRUITLESS_ERRORS", 0)  # nor are those that died with a worker
    path = tmp_path / "log"
    path.touch()
    runner = adaptive.Runner(learner(partial(logged, path=str(path), seconds=0.01)), npoints_goal=600)
    for i in range(4):
        wait_until(lambda i=i: runner.info().get("npoints", 0) > 100 * (i + 1))
        own_client.wait_for_workers(2, timeout=TIMEOUT)
        os.kill(pid_of(own_cluster, i % 2), signal.SIGKILL)
    data = dict(runner.result(TIMEOUT).data)
    assert len(data) == runner.learner.npoints == 600
    assert all(y == x**2 for x, y in data.items())
    assert runner.failed == set()
    run = host_of(own_cluster).runs[runner.name]
    assert run.feed.position == 600  # none told twice
    counts = evaluations(path)
    assert set(counts) == set(data)
    assert max(counts.values()) <= 3
    own_client.wait_for_workers(2, timeout=TIMEOUT)


def test_a_point_that_kills_its_worker_fails_alone(own_client):
    runner = adaptive.Runner(learner(deadly), npoints_goal=150, allowed_failures=2)
    data = runner.result(3 * TIMEOUT).data
    assert len(data) == 150
    assert runner.status() == "finished"
    deadly_points = [x for x, text in runner.tracebacks if "died" in text]
    assert len(deadly_points) == len(runner.failed) > 0
    assert all(-0.52 < x < -0.48 for x in deadly_points)
    own_client.wait_for_workers(2, timeout=TIMEOUT)


def test_when_every_point_kills_its_worker_the_run_fails(own_client):
    runner = adaptive.Runner(
        learner(partial(deadly, below=9, above=-9)), npoints_goal=10, allowed_failures=0, name="fatal"
    )
    with pytest.raises(WorkerLostError, match="memory"):
        runner.result(TIMEOUT)
    own_client.wait_for_workers(2, timeout=TIMEOUT)


def test_all_workers_go_and_new_ones_come(own_client, own_cluster):
    runner = adaptive.Runner(learner(slow_peak), npoints_goal=300)
    wait_until(lambda: runner.learner.npoints > 50)
    own_cluster.scale(0)
    wait_until(lambda: not own_cluster.scheduler.workers)
    assert runner.status() == "running"
    own_cluster.scale(1)
    assert runner.result(TIMEOUT).npoints == 300
    assert runner.failed == set()


def test_a_run_waits_for_the_first_worker():
    with (
        LocalCluster(n_workers=0, host="127.0.0.1", dashboard_address="127.0.0.1:0", threads_per_worker=1) as cluster,
        Client(cluster),
    ):
        runner = adaptive.Runner(learner(), npoints_goal=30)
        wait_until(lambda: cluster.scheduler.queued or cluster.scheduler.unrunnable)  # it asks for workers
        cluster.scale(1)
        assert runner.result(TIMEOUT).npoints == 30
        assert_clean(cluster)


def test_a_worker_that_joins_gets_work_at_once(own_client, own_cluster):
    own_cluster.scale(1)
    wait_until(lambda: len(own_cluster.scheduler.workers) == 1)
    runner = adaptive.Runner(learner(slow_peak))
    wait_until(lambda: runner.learner.npoints > 20)
    own_cluster.scale(2)
    run = host_of(own_cluster).runs[runner.name]
    wait_until(lambda: len([load for load in run.assignments.loads.values() if load.slots and load.ids]) == 2)
    runner.cancel()
    runner.wait(TIMEOUT)


def test_retired_workers_give_their_points_back(own_client, own_cluster):
    runner = adaptive.Runner(learner(slow_peak), npoints_goal=300)
    wait_until(lambda: runner.learner.npoints > 50)
    own_client.retire_workers([next(iter(own_cluster.scheduler.workers))])
    assert runner.result(TIMEOUT).npoints == 300
    assert runner.failed == set()


def test_a_restart_of_the_cluster_is_survived(own_client, monkeypatch):
    monkeypatch.setattr(scheduler_evaluators, "MAX_FRUITLESS_ERRORS", 0)  # tasks that are cancelled are no errors
    runner = adaptive.Runner(learner(slow_peak), npoints_goal=400)
    wait_until(lambda: runner.learner.npoints > 50)
    own_client.restart(timeout=TIMEOUT)
    assert runner.result(TIMEOUT).npoints == 400
    assert runner.failed == set()


def test_cancel_at_any_moment(client, cluster):
    for npoints in (0, 1, 2, 17, 100):
        runner = adaptive.Runner(learner(slow_peak))
        wait_until(lambda runner=runner, npoints=npoints: runner.info().get("npoints", 0) >= npoints)
        runner.cancel()
        assert runner.wait(TIMEOUT)
        assert runner.status() == "cancelled"
        assert_clean(cluster)


def test_cancel_while_the_function_hangs(client, cluster, tmp_path):
    from .functions import blocks_on

    fifo = str(tmp_path / "gate")
    os.mkfifo(fifo)
    runner = adaptive.Runner(learner(partial(blocks_on, fifo=fifo)), ntasks=1)
    wait_until(lambda: os.path.exists(fifo + ".begun"))
    runner.cancel()
    assert runner.wait(TIMEOUT)
    with open(fifo, "w"):  # let go; opens when the function has opened its end
        pass


def test_without_drain_a_run_ends_at_its_goal(client, cluster, tmp_path):
    from .functions import blocks_on

    fifo = str(tmp_path / "gate")
    os.mkfifo(fifo)
    runner = adaptive.Runner(
        learner(partial(blocks_on, fifo=fifo)), goal=lambda learner: learner.npoints >= 1, ntasks=1, drain=False
    )
    wait_until(lambda: os.path.exists(fifo + ".begun"))
    runner.tell(0.5, 0.5)
    assert runner.result(TIMEOUT).npoints == 1
    with open(fifo, "w"):
        pass


CLIENT = """
    import sys, time
    from distributed import Client
    import adaptive_dask as adaptive
    def f(x):
        import time
        time.sleep(0.01)
        return x**3
    client = Client(sys.argv[1])
    runner = adaptive.Runner(adaptive.Learner1D(f, (-1, 1)), npoints_goal=400, name="orphan")
    while runner.learner.npoints < 50:
        runner.wait(0.01)
    print("ready", flush=True)
    runner.wait()
"""


def test_the_client_is_killed_and_another_attaches(client, cluster):
    process = subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(CLIENT), cluster.scheduler_address], stdout=subprocess.PIPE, text=True
    )
    assert process.stdout.readline() == "ready\n"
    process.kill()
    process.wait(TIMEOUT)
    process.stdout.close()
    runner = adaptive.attach("orphan")
    assert runner.status() == "running"
    data = runner.result(TIMEOUT).data
    assert len(data) == 400
    assert all(y == x**3 for x, y in data.items())


def test_a_client_that_closes_leaves_the_run_alone(client, cluster):
    with Client(cluster, set_as_default=False) as other:
        adaptive.Runner(learner(slow_peak), npoints_goal=200, executor=other, name="left")
    assert adaptive.attach("left").result(TIMEOUT).npoints == 200


def test_failures_are_seen_by_whoever_attaches(client):
    runner = adaptive.Runner(learner(raises_on_the_right), npoints_goal=100, name="fails")
    runner.wait(TIMEOUT)
    late = adaptive.attach("fails")
    with pytest.raises(FunctionError, match="cannot do"):
        late.result(TIMEOUT)
    assert late.tracebacks == runner.tracebacks


WITHOUT_US = "import sys; sys.modules['adaptive_dask'] = None\n"


@pytest.fixture
def worker_without_us(own_cluster):
    """A worker process on which adaptive_dask is not installed."""
    own_cluster.scale(0)
    wait_until(lambda: not own_cluster.scheduler.workers)
    code = WITHOUT_US + textwrap.dedent("""
        import asyncio
        from distributed import Worker
        async def main():
            async with Worker(sys.argv[1], nthreads=1) as worker:
                await worker.finished()
        asyncio.run(main())
    """)
    process = subprocess.Popen([sys.executable, "-c", code, own_cluster.scheduler_address])
    wait_until(lambda: own_cluster.scheduler.workers)
    yield process
    process.terminate()
    process.wait(TIMEOUT)


def test_a_worker_without_the_package_is_told_of(own_client, own_cluster, worker_without_us):
    runner = adaptive.Runner(learner(), npoints_goal=5)
    with pytest.raises(ModuleMissingError, match="adaptive_dask"):
        runner.result(TIMEOUT)
    assert worker_without_us.poll() is None  # it lives


def test_a_scheduler_without_the_package_is_told_of():
    process = subprocess.Popen(
        [sys.executable, "-c", WITHOUT_US + textwrap.dedent(SCHEDULER)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    try:
        with Client(process.stdout.readline().strip()) as client:
            with pytest.raises(ModuleMissingError, match="Install adaptive_dask, the same version"):
                adaptive.Runner(learner(), npoints_goal=5)
            assert client.submit(sum, [1, 2]).result(TIMEOUT) == 3  # it lives
    finally:
        process.stdin.close()
        process.wait(TIMEOUT)
        process.stdout.close()
