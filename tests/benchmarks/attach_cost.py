"""The time a client needs to attach to a large run in progress, and the longest turn of the event loop meanwhile.

    python -m tests.benchmarks.attach_cost [--points 1000000] [--repeat 3]

The scheduler is a process of its own, and so is its worker. This process starts a run of a `Learner1D` that has so
many points already. Other processes attach to it one after the other. Measured are the time from `attach` until their
learner has these points, and the longest turn of the event loop of the scheduler meanwhile.
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import cloudpickle
import numpy as np
from dask.distributed import Client

import adaptive_dask as adaptive
from tests.benchmarks import fuzz_event_loop
from tests.benchmarks.reporting import Row, print_rows
from tests.cluster.chaos import scheduler

NEEDED_S, NEEDED_TURN_MS = 2.0, 20.0
NAME = "large"
IDLE_S = 3.0  # the time without a client that attaches, to compare with


def slow_line(x: float) -> float:
    time.sleep(0.01)
    return x


def follow(address: str, points: int) -> None:
    """The client that attaches; prints its seconds."""
    with Client(address, set_as_default=False) as client:
        begin = time.perf_counter()
        runner = adaptive.attach(NAME, client)
        assert runner.learner.npoints >= points  # it has what the run had
        print(json.dumps(time.perf_counter() - begin), flush=True)


def seconds_of(address: str, points: int) -> float:
    """Seconds of a client in a new process."""
    command = [sys.executable, "-m", "tests.benchmarks.attach_cost", "--follow", address, "--points", str(points)]
    done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=600)
    return float(json.loads(done.stdout))


def rows(quick: bool = False, points: int | None = None, repeat: int = 3) -> Iterator[Row]:
    """Time and longest turn, as medians."""
    if quick:
        points, repeat = 20_000, 1
    points = points or 1_000_000
    cloudpickle.register_pickle_by_value(fuzz_event_loop)
    cloudpickle.register_pickle_by_value(sys.modules[__name__])
    with tempfile.TemporaryDirectory() as folder, scheduler(Path(folder)) as (_, address):
        worker = subprocess.Popen(
            [sys.executable, "-m", "dask", "worker", address, "--nthreads=4", "--host=127.0.0.1", "--no-dashboard"],
            stderr=subprocess.DEVNULL,
        )
        try:
            with Client(address, set_as_default=False) as client:
                client.wait_for_workers(1)
                client.run_on_scheduler(fuzz_event_loop.watch, 0.02)
                learner = adaptive.Learner1D(slow_line, (-1, 1))
                xs = np.linspace(-1, 1, points)
                learner.tell_many(xs, xs)
                runner = adaptive.Runner(learner, name=NAME, executor=client)
                while runner.info().get("npoints", 0) < points + 50:
                    runner.wait(0.1)
                yield from measured(client, runner, points, repeat)
                runner.cancel()
                runner.wait()
        finally:
            worker.terminate()
            worker.wait()


def measured(client: Client, runner: Any, points: int, repeat: int) -> Iterator[Row]:
    """The figures of a run that goes on."""
    idle: list[Any] = []
    busy: list[Any] = []
    seconds = []
    for _ in range(repeat):
        client.run_on_scheduler(fuzz_event_loop.report)
        runner.wait(IDLE_S)
        idle.append(client.run_on_scheduler(fuzz_event_loop.report))
        seconds.append(seconds_of(client.scheduler.address, points))
        busy.append(client.run_on_scheduler(fuzz_event_loop.report))
    yield Row(f"attach to {points:,} points, s", statistics.median(seconds), NEEDED_S, at_most=True)
    for name, index in (("on the clock", 0), ("computing", 1)):
        turn, before = (1e3 * statistics.median(each[index] for each in reports) for reports in (busy, idle))
        yield Row(f"longest turn meanwhile, {name}, ms", turn, NEEDED_TURN_MS, at_most=True, beside=before)
    for stack in busy[-1][3][:3]:
        print(stack, file=sys.stderr)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--points", type=int, default=1_000_000)
    parser.add_argument("--repeat", type=int, default=3)
    parser.add_argument("--follow", metavar="ADDRESS", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.follow:
        follow(arguments.follow, arguments.points)
        return
    print_rows(rows(points=arguments.points, repeat=arguments.repeat))


if __name__ == "__main__":
    main()
