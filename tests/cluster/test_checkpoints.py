"""Runs with a checkpoint, on a cluster whose scheduler may die, and on local executors."""

from __future__ import annotations

import concurrent.futures
import itertools
import json
import os
import pickle
import shutil
import socket
import subprocess
import sys
import textwrap
import threading
import traceback
import urllib.request
from functools import partial

import pytest
from distributed import Client, LocalCluster

import adaptive_dask as adaptive
from adaptive_dask.errors import CheckpointError, CheckpointInUseError, SchedulerLostError
from adaptive_dask.runner import SequentialExecutor

from ..patience import TIMEOUT, wait_until
from .conftest import assert_clean, host_of
from .functions import peak, slow_peak


def learner(function=peak, bounds=(-1, 1)):
    return adaptive.Learner1D(function, bounds=bounds)


def saved(runner):
    """How many results are in the checkpoint."""
    info = runner.info()
    return info["npoints"] - info["checkpoint"]["unsaved"] if info else 0


CLUSTER = """
    import asyncio, sys
    from distributed import Nanny, Scheduler
    async def main():
        async with Scheduler(host="127.0.0.1", port=0, dashboard_address="127.0.0.1:0") as scheduler:
            async with Nanny(scheduler.address, nthreads=2, dashboard_address="127.0.0.1:0"):
                print(scheduler.address, flush=True)
                await asyncio.to_thread(sys.stdin.read)
    if __name__ == "__main__":
        asyncio.run(main())
"""


class Remote:
    """A scheduler with a worker, in processes that can be killed."""

    def __init__(self, folder):
        script = folder / "cluster.py"
        script.write_text(textwrap.dedent(CLUSTER))
        self.process = subprocess.Popen(
            [sys.executable, str(script)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        self.address = self.process.stdout.readline().strip()

    def kill(self):
        self.process.kill()
        self.process.wait(TIMEOUT)

    def close(self):
        self.process.stdin.close()
        self.process.wait(TIMEOUT)
        self.process.stdout.close()


@pytest.fixture
def start(tmp_path):
    """Starts such clusters."""
    clusters = []

    def start():
        clusters.append(Remote(tmp_path))
        return clusters[-1]

    yield start
    for cluster in clusters:
        cluster.close()


@pytest.mark.long
def test_after_the_scheduler_was_killed_the_same_call_goes_on(start, tmp_path):
    place = tmp_path / "scan"
    seen = {}
    for npoints in (60, 120):
        cluster = start()
        with Client(cluster.address) as client:
            runner = adaptive.Runner(learner(slow_peak), npoints_goal=250, checkpoint=place, executor=client)
            wait_until(lambda runner=runner, npoints=npoints: runner.learner.npoints >= npoints)
            assert seen.items() <= dict(runner.learner.data).items()
            wait_until(lambda runner=runner, npoints=npoints: saved(runner) >= npoints)
            cluster.kill()
        runner.wait(TIMEOUT)
        with pytest.raises(SchedulerLostError):
            runner.result(TIMEOUT)
        seen = dict(adaptive.load(place).data)
        assert len(seen) >= npoints
    with Client(start().address) as client:
        runner = adaptive.Runner(learner(slow_peak), npoints_goal=250, checkpoint=place, executor=client)
        data = dict(runner.result(TIMEOUT).data)
        assert len(data) == 250
        assert seen.items() <= data.items()
        assert all(y == slow_peak(x, 0) for x, y in data.items())
        assert runner.info()["evaluated"] == 250 - len(seen)
        # a finished run goes on to a further goal
        fresh = learner(slow_peak)
        adaptive.BlockingRunner(fresh, npoints_goal=270, checkpoint=place, executor=client)
        assert fresh.npoints == 270
        assert data.items() <= dict(fresh.data).items()
    assert dict(adaptive.load(place).data) == dict(fresh.data)


def test_a_checkpoint_is_used_by_one_run(client, cluster, tmp_path):
    first = adaptive.Runner(learner(slow_peak), checkpoint=tmp_path, name="first")
    with pytest.raises(CheckpointInUseError, match="'first'"):
        adaptive.Runner(learner(), npoints_goal=20, checkpoint=tmp_path)
    wait_until(lambda: first.learner.npoints > 10)
    first.cancel()
    first.wait(TIMEOUT)
    again = adaptive.BlockingRunner(learner(), npoints_goal=200, checkpoint=tmp_path)
    assert dict(first.learner.data).items() <= dict(again.learner.data).items()
    assert again.info()["checkpoint"] == {"path": str(tmp_path), "unsaved": 0, "problem": None}


def test_the_checkpoint_of_another_learner_is_refused(client, cluster, tmp_path):
    adaptive.BlockingRunner(learner(), npoints_goal=20, checkpoint=tmp_path)
    with pytest.raises(CheckpointError, match=r"must be the checkpoint of a Learner1D\(bounds=\[0\.0, 1\.0\]\)"):
        adaptive.Runner(learner(bounds=(0, 1)), npoints_goal=20, checkpoint=tmp_path)
    for nonsense in ("", 17, b"scan"):
        with pytest.raises(ValueError, match="checkpoint must be"):
            adaptive.Runner(learner(), checkpoint=nonsense)
    assert not host_of(cluster).table.active


def test_a_folder_that_cannot_be_written_is_refused(client, cluster, tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(CheckpointError, match="file"):
        adaptive.Runner(learner(), npoints_goal=20, checkpoint=tmp_path / "file" / "scan")


def test_a_goal_that_raises_lets_go_of_the_checkpoint(client, cluster, tmp_path):
    with pytest.raises(adaptive.errors.LearnerError):
        adaptive.Runner(learner(), goal=lambda learner: 1 / 0, checkpoint=tmp_path)
    assert not os.path.exists(tmp_path / "lock")
    assert adaptive.BlockingRunner(learner(), npoints_goal=20, checkpoint=tmp_path).learner.npoints == 20


def test_a_full_disk_is_told_and_stops_nothing(client, cluster, tmp_path, monkeypatch):
    from adaptive_dask.storage.checkpoint_folder import GrowingFile

    append = GrowingFile.append

    def fails(self, content):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(GrowingFile, "append", fails)  # the scheduler is in this process
    runner = adaptive.Runner(learner(slow_peak), npoints_goal=400, checkpoint=tmp_path)
    wait_until(lambda: (runner.info().get("checkpoint") or {}).get("problem"))
    assert "No space left" in runner.info()["checkpoint"]["problem"]
    monkeypatch.setattr(GrowingFile, "append", append)
    assert runner.result(TIMEOUT).npoints == 400
    wait_until(lambda: not runner.info()["checkpoint"]["problem"])
    assert dict(adaptive.load(tmp_path).data) == dict(runner.learner.data)


def test_locks_of_another_machine_are_waited_for_together_and_keep_nobody_waiting(
    client, cluster, tmp_path, monkeypatch
):
    """A node died, and all its runs are submitted again."""
    from adaptive_dask.storage import checkpoint_lock

    places = [tmp_path / str(number) for number in range(6)]
    for place in places:
        adaptive.BlockingRunner(learner(), npoints_goal=20, checkpoint=place)
        owner = {"id": "far", "run": "x", "host": "far", "pid": 1, "place": "far", "begun": "0", "beats": 0}
        (place / "lock").write_text(json.dumps(owner))
    watched = threading.Barrier(len(places) + 1)
    watch = checkpoint_lock.Lock._watch

    def watch_together(self, found):
        watched.wait(TIMEOUT)  # all wait at a time, or this breaks
        watched.wait(TIMEOUT)  # the test has seen the other run go on
        monkeypatch.setattr(checkpoint_lock, "STALE_AFTER_S", 0.0)
        watch(self, found)

    monkeypatch.setattr(checkpoint_lock.Lock, "_watch", watch_together)  # the scheduler is in this process
    other = adaptive.Runner(learner(slow_peak), name="other")
    with concurrent.futures.ThreadPoolExecutor(1) as thread:
        starting = thread.submit(
            adaptive.run_many,
            [learner() for _ in places],
            npoints_goal=40,
            executor=client,
            checkpoint=[str(place) for place in places],
        )
        watched.wait(TIMEOUT)
        npoints = other.learner.npoints
        wait_until(lambda: other.learner.npoints > npoints + 50)
        watched.wait(TIMEOUT)
        runs = starting.result(TIMEOUT)
        assert runs.wait(TIMEOUT)
    assert runs.status() == {"finished": 6}
    other.cancel()
    other.wait(TIMEOUT)


def test_a_disk_that_is_slow_at_the_end_keeps_nobody_waiting(client, cluster, tmp_path, monkeypatch):
    from adaptive_dask.storage.checkpoint_writer import CheckpointWriter

    closing, go_on = threading.Barrier(7), threading.Event()
    close = CheckpointWriter.close

    def close_slowly(self):
        closing.wait(TIMEOUT)
        go_on.wait(TIMEOUT)
        close(self)

    monkeypatch.setattr(CheckpointWriter, "close", close_slowly)
    other = adaptive.Runner(learner(slow_peak), name="other")
    places = [str(tmp_path / str(number)) for number in range(6)]
    runs = adaptive.run_many([learner() for _ in places], npoints_goal=20, executor=client, checkpoint=places)
    closing.wait(TIMEOUT)
    npoints = other.learner.npoints
    wait_until(lambda: other.learner.npoints > npoints + 50)
    assert not runs.wait(0)  # a run that has ended has all in its checkpoint
    go_on.set()
    assert runs.wait(TIMEOUT)
    assert [adaptive.load(place).npoints for place in places] == [20] * 6
    other.cancel()
    other.wait(TIMEOUT)


def test_results_of_the_past_reach_every_watcher(client, cluster, tmp_path):
    adaptive.BlockingRunner(learner(), npoints_goal=300, checkpoint=tmp_path)
    runner = adaptive.Runner(learner(slow_peak), npoints_goal=400, checkpoint=tmp_path, name="again")
    wait_until(lambda: runner.learner.npoints >= 300)
    with Client(cluster, set_as_default=False) as other:
        attached = adaptive.attach("again", other)
        assert attached.learner.npoints >= 300
        assert dict(attached.result(TIMEOUT).data) == dict(runner.result(TIMEOUT).data)
    assert runner.learner.npoints == 400


@pytest.mark.parametrize("pool", [concurrent.futures.ThreadPoolExecutor, concurrent.futures.ProcessPoolExecutor])
def test_local_executors_have_checkpoints_too(tmp_path, pool):
    data = {}
    for npoints in (20, 50):
        with pool(2) as executor:
            one = learner(partial(pow, 3.0))
            adaptive.BlockingRunner(one, npoints_goal=npoints, executor=executor, checkpoint=tmp_path)
        assert one.npoints == npoints
        assert data.items() <= dict(one.data).items()
        data = dict(one.data)
    loaded = adaptive.load(tmp_path)
    assert dict(loaded.data) == data
    assert loaded.function(2.0) == 9.0


@pytest.mark.long
def test_a_session_of_local_processes_that_is_killed(tmp_path):
    script = tmp_path / "script.py"
    script.write_text(
        textwrap.dedent(
            """
            import os, sys, threading, time
            import concurrent.futures
            import adaptive_dask as adaptive

            def f(x):
                time.sleep(0.01)
                return x * x

            executor = concurrent.futures.ThreadPoolExecutor(2)
            learner = adaptive.Learner1D(f, (-1, 1))
            runner = adaptive.Runner(learner, npoints_goal=300, executor=executor, checkpoint=sys.argv[1])
            start = runner.learner.npoints
            print(start, flush=True)
            def saved():
                info = runner.info()
                return info["npoints"] - info["checkpoint"]["unsaved"]

            while runner.learner.npoints < 300 and saved() < start + 60:
                time.sleep(0.001)
            if runner.learner.npoints < 300:
                os._exit(9)
            runner.result()
            executor.shutdown()
            """
        )
    )
    place = tmp_path / "scan"
    starts = []
    for _ in itertools.repeat(None, 20):
        done = subprocess.run(
            [sys.executable, str(script), str(place)], stdout=subprocess.PIPE, text=True, timeout=TIMEOUT, check=False
        )
        starts.append(int(done.stdout))
        if done.returncode == 0:
            break
        assert done.returncode == 9
    assert starts == sorted(starts)
    assert len(starts) > 1
    loaded = adaptive.load(place)
    assert loaded.npoints == 300
    assert all(y == x * x for x, y in loaded.data.items())


def test_a_scheduler_that_closes_keeps_what_was_under_way(tmp_path):
    place = tmp_path / "scan"
    with (
        LocalCluster(
            n_workers=1, threads_per_worker=2, processes=True, host="127.0.0.1", dashboard_address="127.0.0.1:0"
        ) as cluster,
        Client(cluster) as client,
    ):
        runner = adaptive.Runner(learner(slow_peak), checkpoint=place, executor=client)
        wait_until(lambda: runner.learner.npoints > 50)
        host = host_of(cluster)
    assert not host.table.active
    assert not (place / "lock").exists()
    assert adaptive.load(place).npoints >= 50


def test_no_thread_is_left(client, cluster, tmp_path):
    adaptive.BlockingRunner(learner(), npoints_goal=50, checkpoint=tmp_path)
    assert_clean(cluster)
    assert not [thread for thread in threading.enumerate() if thread.name == "adaptive-checkpoint"]


@pytest.mark.long
def test_results_that_the_learner_has_no_time_for_are_written(client, cluster, tmp_path):
    """A learner that is busy keeps nobody's results from the disk."""
    from adaptive_dask.storage.checkpoint import Checkpoint

    gate = tmp_path / "gate"
    runner = adaptive.Runner(learner(slow_peak), ntasks=4, checkpoint=tmp_path / "scan", name="busy")
    wait_until(lambda: saved(runner) > 10)

    def blocks(learner, gate):
        import os
        import time

        while not os.path.exists(gate):
            time.sleep(0.01)  # the learner is busy until the test says so

    waiting = concurrent.futures.ThreadPoolExecutor(1).submit(runner.call, blocks, str(gate))
    try:
        run = host_of(cluster).runs["busy"]
        wait_until(lambda: sum(len(ids) for ids, _ in run.reports.inbox.outcomes) == 4)
        told = run.learner.npoints
        copy = tmp_path / "copy"

        def written():
            shutil.rmtree(copy, ignore_errors=True)
            shutil.copytree(tmp_path / "scan", copy, ignore=shutil.ignore_patterns("lock"))
            again = Checkpoint(copy, "look")
            resumed = again.begin(learner(slow_peak), [])
            again.close()
            return resumed.told == told and len(resumed.held) == len(resumed.asked) == 4

        wait_until(written)
    finally:
        gate.touch()
    waiting.result(TIMEOUT)
    wait_until(lambda: saved(runner) > told + 10)
    runner.cancel()
    runner.wait(TIMEOUT)
    data = dict(adaptive.load(tmp_path / "scan").data)
    assert all(y == slow_peak(x, 0) for x, y in data.items())


def test_passwords_of_a_checkpoint_are_shown_to_nobody(client, cluster, tmp_path):
    url = f"memory://me:secret-word@host/{tmp_path.name}?token=secret-key"
    runner = adaptive.Runner(adaptive.Learner1D(peak, (-1, 1)), npoints_goal=30, checkpoint=url, name="private")
    assert runner.wait(TIMEOUT)
    attached = adaptive.attach("private", client)
    page = cluster.dashboard_link.removesuffix("/status")
    pages = [f"{page}/{name}" for name in ("adaptive.json", "metrics", "adaptive")]
    shown = [
        attached.info(),
        adaptive.runs(client),
        [repr(runner), repr(attached), repr(runner.failures)],
        *(urllib.request.urlopen(each, timeout=TIMEOUT).read().decode() for each in pages),
        *(pickle.dumps(part) for part in (attached.learner, runner.info())),
    ]
    assert runner.status() == "finished"
    for thing in shown:
        assert "secret" not in str(thing)
    assert "***@host" in str(attached.info()["checkpoint"])


@pytest.mark.long
def test_errors_about_a_checkpoint_have_no_password(client, cluster):
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        url = f"ftp://me:secret-word@127.0.0.1:{listener.getsockname()[1]}/scan"
        for executor in (client, SequentialExecutor()):
            with pytest.raises(CheckpointError, match="refused") as raised:
                adaptive.Runner(adaptive.Learner1D(peak, (-1, 1)), npoints_goal=30, checkpoint=url, executor=executor)
            assert "secret-word" not in "".join(traceback.format_exception(raised.value))
            assert "secret-word" not in f"{raised.value!r} {vars(raised.value)}"
