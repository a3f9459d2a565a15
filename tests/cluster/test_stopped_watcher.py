"""A client that stands still holds up neither the run nor others, and has everything when it goes on."""

from __future__ import annotations

import os
import signal
import subprocess
import sys

import pytest

import adaptive_dask as adaptive

from ..patience import TIMEOUT, wait_until
from ..settings import change
from .functions import slow_peak

pytestmark = pytest.mark.long

FOLLOW = """
import sys, time
from distributed import Client
import adaptive_dask as adaptive

with Client(sys.argv[1], set_as_default=True) as client:
    runner = adaptive.attach("watched")
    while not runner.learner.npoints:
        time.sleep(0.01)  # between two looks
    print("follows", flush=True)
    runner.wait()
    print(runner.status(), sorted(runner.learner.data), flush=True)
"""


class Follower:
    """A process that follows the run."""

    def __init__(self, address):
        command = [sys.executable, "-c", FOLLOW, address]
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)

    def read(self):
        return self.process.stdout.readline().strip()

    def close(self):
        self.process.kill()
        self.process.wait(TIMEOUT)
        self.process.stdout.close()


@pytest.fixture
def runner(client):
    runner = adaptive.Runner(adaptive.Learner1D(slow_peak, (-1, 1)), name="watched", executor=client)
    yield runner
    runner.cancel()


@pytest.fixture
def followers(cluster, runner):
    some = [Follower(cluster.scheduler_address) for _ in range(3)]
    yield some
    for follower in some:
        follower.close()


@pytest.mark.parametrize("kept", [64 * 2**20, 1_000])
def test_a_watcher_that_stands_still_harms_nobody(runner, followers, monkeypatch, kept):
    change(monkeypatch, "scheduler.followed-results", kept)  # beyond that it takes a copy of the learner
    assert [follower.read() for follower in followers] == ["follows"] * 3
    stopped, *others = followers
    os.kill(stopped.process.pid, signal.SIGSTOP)
    known = runner.learner.npoints
    wait_until(lambda: runner.learner.npoints > known + 300)
    runner.cancel()
    assert runner.wait(TIMEOUT)
    expected = f"cancelled {sorted(runner.learner.data)}"
    assert [follower.read() for follower in others] == [expected] * 2
    os.kill(stopped.process.pid, signal.SIGCONT)
    assert stopped.read() == expected
