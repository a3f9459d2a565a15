"""A scheduler that does not answer, or is gone: what it said last is not shown as if it were so."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Callable
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


COMMANDS: dict[str, Callable[[Any], Any]] = {
    "pause": lambda runner: runner.pause(),
    "resume": lambda runner: runner.resume(),
    "forget": lambda runner: runner.forget(),
    "tell": lambda runner: runner.tell(0.5, 1.0),
    "call": lambda runner: runner.call(repr),
    "actor": lambda runner: runner.actor.loss(),
    "goal": lambda runner: setattr(runner, "goal", None),
    "cancel_points": lambda runner: runner.cancel_points([0.5]),
}


@pytest.mark.parametrize("has_ended", [True, False])
def test_commands_with_a_closed_client_are_explained(scheduler: Any, has_ended: bool) -> None:
    with Client(scheduler.address, set_as_default=False) as client:
        learner = adaptive.Learner1D(slow, (0, 1))
        runner = adaptive.Runner(learner, npoints_goal=5 if has_ended else 10**6, executor=client)
        if has_ended:
            runner.result(TIMEOUT)
        runs = adaptive.run_many([adaptive.Learner1D(slow, (0, 1))], npoints_goal=10**6, executor=client)
    assert runner.wait(TIMEOUT)
    commands = COMMANDS if has_ended else {**COMMANDS, "cancel": lambda runner: runner.cancel()}
    for name, command in commands.items():
        with pytest.raises(SchedulerLostError, match=r"client is closed\. .*adaptive\.attach"):
            raise AssertionError(f"{name} returned {command(runner)!r}")
    runs.cancel()
    with pytest.raises(SchedulerLostError, match="client is closed"):
        runs.forget()
    if has_ended:
        runner.cancel()  # for example in a ``finally`` after the ``with`` block of the client


def test_commands_to_a_scheduler_that_has_died_are_explained(scheduler: Any) -> None:
    client = Client(scheduler.address, set_as_default=False, timeout=1)
    try:
        runner = adaptive.Runner(adaptive.Learner1D(slow, (0, 1)), npoints_goal=10**6, executor=client)
        scheduler.kill()
        scheduler.wait(TIMEOUT)
        for command in COMMANDS.values():
            with pytest.raises(SchedulerLostError, match=r"adaptive\.attach"):
                command(runner)
    finally:
        if client.status != "closed":
            client.close(timeout=1)
