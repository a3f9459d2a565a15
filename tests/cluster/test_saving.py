"""Periodic saving of runs on a cluster, when client or scheduler are gone before the last save."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import textwrap
import threading

import pytest
from distributed import Client

import adaptive_dask as adaptive
from adaptive_dask.errors import SchedulerLostError
from adaptive_dask.runner import watcher

from ..patience import TIMEOUT, wait_until
from .functions import peak, slow_peak

pytestmark = pytest.mark.long


class Saved:
    """Saves as if to a slow disk: a save takes until the gate is opened."""

    def __init__(self):
        self.begun = threading.Event()
        self.gate = threading.Event()
        self.data = {}

    def __call__(self, learner):
        self.begun.set()
        assert self.gate.wait(TIMEOUT)
        self.data = dict(learner.data)


def learner(function=peak):
    return adaptive.Learner1D(function, bounds=(-1, 1))


def test_the_last_save_does_not_need_the_client(cluster):
    saved = Saved()
    with Client(cluster, set_as_default=False) as client:
        runner = adaptive.Runner(learner(), npoints_goal=50, executor=client)
        saving = runner.start_periodic_saving(method=saved, interval=1000)
        assert saved.begun.wait(TIMEOUT)
        runner.result(TIMEOUT)
    saved.gate.set()
    saving.join(TIMEOUT)
    assert saving.result() is None
    assert saved.data == dict(runner.learner.data)
    assert len(saved.data) == 50


def test_a_runner_closes_its_client_after_the_last_save(cluster):
    saved = Saved()
    client = Client(cluster, set_as_default=False)
    runner = adaptive.Runner(learner(), npoints_goal=50, executor=client, shutdown_executor=True)
    saving = runner.start_periodic_saving(method=saved, interval=1000)
    ended = threading.Event()
    runner.task.add_done_callback(lambda _: ended.set())
    assert saved.begun.wait(TIMEOUT)
    assert ended.wait(TIMEOUT)
    assert client.run_on_scheduler(lambda: "there")
    saved.gate.set()
    saving.join(TIMEOUT)
    assert len(saved.data) == 50
    wait_until(lambda: client.status == "closed")


SCHEDULER = """
    import asyncio
    from distributed import Scheduler, Worker

    async def main():
        async with Scheduler(host="127.0.0.1", port=0, dashboard_address="127.0.0.1:0") as scheduler:
            async with Worker(scheduler.address, nthreads=2):
                print(scheduler.address, flush=True)
                await scheduler.finished()

    asyncio.run(main())
"""


@pytest.fixture
def scheduler():
    """The process of a scheduler with a worker."""
    process = subprocess.Popen([sys.executable, "-c", textwrap.dedent(SCHEDULER)], stdout=subprocess.PIPE, text=True)
    yield process
    process.kill()
    process.wait()
    process.stdout.close()


def test_when_the_scheduler_is_killed_what_had_arrived_is_saved(scheduler, monkeypatch):
    monkeypatch.setattr(watcher, "RECONNECT", 0.0)
    saved = Saved()
    saved.gate.set()
    with Client(scheduler.stdout.readline().strip(), set_as_default=False) as client:
        runner = adaptive.Runner(learner(slow_peak), executor=client)
        saving = runner.start_periodic_saving(method=saved, interval=1000)
        wait_until(lambda: runner.learner.npoints > 20)
        os.kill(scheduler.pid, signal.SIGKILL)
        with pytest.raises(SchedulerLostError):
            runner.result(TIMEOUT)
        saving.join(TIMEOUT)
    assert saving.result() is None
    assert saved.data == dict(runner.learner.data)
    assert len(saved.data) > 20
