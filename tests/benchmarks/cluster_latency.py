"""Another client's round trip to the scheduler, while a run goes at full speed.

Run it with ``python -m tests.benchmarks.cluster_latency`` on a machine that does nothing else. The other client is a
process of its own, which sends the scheduler an echo request every few milliseconds.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import time
from typing import Any

import numpy as np
from dask.distributed import Client

import adaptive_dask
from adaptive_dask.learner.learnerND import LearnerND
from tests.benchmarks.cluster_sides import local_client
from tests.benchmarks.reporting import print_row

NEEDED = 5.0  # milliseconds, 95th percentile
PAUSE = 0.005  # seconds between requests


def line(x: float) -> float:
    return x + 1e-4 / (1e-4 + x * x)


def volume(point: tuple[float, float, float]) -> float:
    return sum(point) + 1e-2 / (1e-2 + sum(x * x for x in point))


def probe(address: str, seconds: float) -> None:
    """The other client: prints its round trips in milliseconds, as JSON."""
    with Client(address, set_as_default=False) as client:
        trips = client.sync(_probe, client, seconds)
    print(json.dumps(trips))


async def _probe(client: Client, seconds: float) -> list[float]:
    import asyncio

    trips = []
    end = time.perf_counter() + seconds
    while time.perf_counter() < end:
        begin = time.perf_counter()
        await client.scheduler.echo(data=0)
        trips.append(1e3 * (time.perf_counter() - begin))
        await asyncio.sleep(PAUSE)
    return trips[10:]  # connecting is not what is measured


def measure(client: Client, learner: Any, seconds: float) -> tuple[np.ndarray, float]:
    """Round trips in milliseconds, and points per second meanwhile."""
    runner = None
    begin, npoints = time.perf_counter(), 0
    if learner is not None:
        runner = adaptive_dask.Runner(learner, executor=client)
        while runner.info().get("npoints", 0) < 500:
            runner.wait(0.1)
        begin, npoints = time.perf_counter(), runner.info()["npoints"]
    command = [
        sys.executable,
        "-m",
        "tests.benchmarks.cluster_latency",
        "--probe",
        client.scheduler.address,
        "--seconds",
        str(seconds),
    ]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    rate = 0.0
    if runner is not None:
        rate = (runner.info()["npoints"] - npoints) / (time.perf_counter() - begin)
        assert runner.status() == "running", runner.status()
        runner.cancel()
        runner.wait()
        runner.forget()
    return np.array(json.loads(done.stdout)), rate


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=5)
    parser.add_argument("--threads", type=int, default=8)
    parser.add_argument("--probe", metavar="ADDRESS", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.probe:
        probe(arguments.probe, arguments.seconds)
        return
    print_row(f"2 × {arguments.threads} threads, no-op", "points/s", "p50, ms", "p95, ms", "needed, p95")
    learners = {
        "idle": None,
        "Learner1D": adaptive_dask.Learner1D(line, bounds=(-1, 1)),
        "LearnerND, 3-D": LearnerND(volume, bounds=[(-1, 1)] * 3),
    }
    with local_client(arguments.threads) as client:
        for name, learner in learners.items():
            trips, rate = measure(client, learner, arguments.seconds)
            p50, p95 = np.percentile(trips, [50, 95])
            verdict = f"{NEEDED:g} {'ok' if p95 <= NEEDED else 'MISSED'}"
            print_row(name, f"{rate:,.0f}", f"{p50:.2f}", f"{p95:.2f}", verdict)


if __name__ == "__main__":
    main()
