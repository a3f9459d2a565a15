"""What a checkpoint costs a run at full speed, and how long it takes to resume from a long one.

Run it with ``python -m tests.benchmarks.checkpoint_cost`` on a machine that does nothing else. Runs with and without a
checkpoint take turns on one cluster; the cost is the median over the turns of the ratio within a turn. What it costs in
computing is told too, since that depends less on what else the machine does.
"""

from __future__ import annotations

import argparse
import math
import os
import random
import tempfile
import time

import numpy as np
from distributed import Client

import adaptive_dask
from adaptive_dask.run.driver import Driver
from adaptive_dask.run.goals import Goal
from adaptive_dask.storage.checkpoint import Checkpoint
from tests.benchmarks.cluster_sides import local_client
from tests.benchmarks.reporting import print_row


def function(x: float) -> float:
    return x + 1e-4 / (1e-4 + x * x)


def rate(client: Client, npoints: int, checkpoint: str | None) -> np.ndarray:
    """Points of a run per second, and per second that scheduler and client compute: both are in this process."""
    learner = adaptive_dask.Learner1D(function, bounds=(-1, 1))
    begin = np.array([time.perf_counter(), time.process_time()])
    adaptive_dask.BlockingRunner(learner, npoints_goal=npoints, executor=client, checkpoint=checkpoint)
    return npoints / (np.array([time.perf_counter(), time.process_time()]) - begin)


def measure_cost(folder: str, npoints: int, turns: int) -> None:
    ratios, rates = [], []
    with local_client(8) as client:
        rate(client, npoints // 4, None)  # what is imported the first time is not what is measured
        for turn in range(turns):
            place = os.path.join(folder, f"turn-{turn}")
            # The first of two may find the cluster in another state than the second.
            if turn % 2:
                with_it, without = rate(client, npoints, place), rate(client, npoints, None)
            else:
                without, with_it = rate(client, npoints, None), rate(client, npoints, place)
            ratios.append(with_it / without)
            rates.append((without, with_it))
    without, with_it = np.median(rates, axis=0)
    costs = 100 * (1 - np.median(ratios, axis=0))
    print_row("no-op, 2 × 8", "without", "with", "cost", "needed")
    for number, unit in enumerate(("points/s", "points/s of computing")):
        cost = costs[number]
        verdict = "" if number else f"≤ 5 % {'ok' if cost <= 5 else 'MISSED'}"
        print_row(unit, f"{without[number]:,.0f}", f"{with_it[number]:,.0f}", f"{cost:.1f} %", verdict)
    print("ratios:", *(f"{ratio[0]:.3f}" for ratio in ratios))


def measure_resume(folder: str, npoints: int) -> None:
    place = os.path.join(folder, "long")
    learner = adaptive_dask.Learner1D(function, bounds=(-1, 1))
    checkpoint = Checkpoint(place, "long")
    Driver(learner, Goal(), checkpoint)
    rng = random.Random(0)
    journal = checkpoint.writer
    for first in range(0, npoints, 50):  # as a run would write it, without the run
        points = [rng.uniform(-1, 1) for _ in range(50)] if first else [*np.linspace(-1, 1, 50).tolist()]
        journal.asked(first, points)
        journal.told(range(first, first + 50), points, [function(x) for x in points])
        if first % 50_000 == 0:
            while journal.unsaved > 100_000:
                time.sleep(0.01)
    checkpoint.close()
    size = sum(entry.stat().st_size for entry in os.scandir(place))
    begin = time.perf_counter()
    loaded = adaptive_dask.load(place)
    load_seconds = time.perf_counter() - begin
    fresh = adaptive_dask.Learner1D(function, bounds=(-1, 1))
    begin = time.perf_counter()
    checkpoint = Checkpoint(place, "again")
    session = Driver(fresh, Goal(npoints=npoints + 100), checkpoint).session
    taken = session.take(100)
    seconds = time.perf_counter() - begin
    checkpoint.close()
    assert loaded.npoints == fresh.npoints == npoints
    assert len(taken) == 100
    assert math.isfinite(fresh.loss())
    print_row(f"{npoints:,} points", "bytes a point", "load, s", "resume, s", "needed")
    verdict = "ok" if seconds <= 10 else "MISSED"
    print_row("", f"{size / npoints:.1f}", f"{load_seconds:.1f}", f"{seconds:.1f}", f"≤ 10 s {verdict}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--npoints", type=int, default=40_000)
    parser.add_argument("--turns", type=int, default=8)
    parser.add_argument("--long", type=int, default=1_000_000)
    parser.add_argument("--folder", help="where to write; a temporary folder by default")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(dir=arguments.folder) as folder:
        measure_resume(folder, arguments.long)
        measure_cost(folder, arguments.npoints, arguments.turns)


if __name__ == "__main__":
    main()
