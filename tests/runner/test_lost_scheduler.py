"""A scheduler that does not answer, or is gone: what it said last is not shown as if it were so."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import cloudpickle
import pytest
from distributed import Client

import adaptive_dask as adaptive
from adaptive_dask.errors import SchedulerLostError
from adaptive_dask.notebook.figures import describe
from adaptive_dask.run.progress import ProgressHistory
from adaptive_dask.run.status import RunStatus
from adaptive_dask.runner import watcher
from adaptive_dask.runner.terminal import info_line

from ..patience import TIMEOUT, wait_until

pytestmark = pytest.mark.long

cloudpickle.register_pickle_by_value(sys.modules[__name__])

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
def scheduler() -> Any:
    """A process with a scheduler and a worker."""
    process = subprocess.Popen(
        [sys.executable, "-c", SCHEDULER],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    process.address = process.stdout.readline().strip()  # type: ignore[attr-defined]
    yield process
    process.kill()
    process.wait(TIMEOUT)
    for stream in (process.stdin, process.stdout):
        stream.close()


def slow(x: float) -> float:
    import time

    time.sleep(0.01)
    return x


def test_the_last_status_is_not_shown_as_the_present_one(
    scheduler: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(watcher, "SILENCE", 0.3)
    monkeypatch.setattr(watcher, "PATIENCE", 0.1)
    monkeypatch.setattr(watcher, "RECONNECT", 2.0)
    client = Client(scheduler.address, set_as_default=False)
    try:
        learner = adaptive.Learner1D(slow, (0, 1))
        folder = str(tmp_path / "checkpoint")
        runner = adaptive.Runner(learner, npoints_goal=10**6, executor=client, checkpoint=folder)
        wait_until(lambda: runner.learner.npoints > 10)
        os.kill(scheduler.pid, signal.SIGSTOP)
        wait_until(lambda: runner.info()["status"] == "reconnecting")
        info = runner.info()
        assert info["points_per_second"] == 0.0
        assert "the scheduler, which has not answered for" in info["waits_for"]
        assert "reconnecting" in info_line(runner, ProgressHistory())
        assert runner.status() == "running"
        os.kill(scheduler.pid, signal.SIGCONT)
        wait_until(lambda: runner.info()["status"] == "running")
        scheduler.kill()
        with pytest.raises(SchedulerLostError) as caught:
            runner.result(TIMEOUT)
        assert f"its checkpoint {folder} has every result" in str(caught.value)
        info, elapsed = runner.info(), runner.elapsed_time()
        assert info["status"] == runner.status() == "failed"
        assert info["points_per_second"] == info["slots"] == info["in_flight"] == 0
        assert runner.elapsed_time() == elapsed, "it goes on no more"
        assert " left" not in describe(runner.name, "failed", RunStatus.from_info(info), ProgressHistory())
        assert " left" not in info_line(runner, ProgressHistory())
    finally:
        if client.status != "closed":
            client.close(timeout=1)
